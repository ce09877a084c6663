import assert from "node:assert/strict";
import { connect } from "../source/postgres/connect.ts";
import { TestServer } from "../source/postgres/server_fixture.ts";
import { duckdbType, type Table, tableName } from "./catalog.ts";
import { type Catalog, readCatalog } from "./postgres.ts";

/** Makes a database, runs `sql` in it and gives its catalogue. */
async function catalogOf(
  server: TestServer,
  database: string,
  sql: string,
  patterns = ["*.*"],
): Promise<Catalog> {
  await server.sql(`CREATE DATABASE ${database}`);
  await server.sql(sql, database);
  return await readAgain(server, database, patterns);
}

async function readAgain(server: TestServer, database: string, patterns = ["*.*"]) {
  const client = await connect(server.url(database));
  try {
    return await readCatalog(client, patterns);
  } finally {
    await client.end();
  }
}

const names = (catalog: Catalog) => catalog.tables.map(tableName);
const keyNames = (table: Table) => table.key.map((index) => table.columns[index].name);

function leftOut(catalog: Catalog, table: string) {
  const found = catalog.leftOut.find((entry) => entry.table === table);
  assert.ok(found, `${table} is not left out; left out: ${Deno.inspect(catalog.leftOut)}`);
  return found;
}

Deno.test("catalogue: of a real server", async (t) => {
  await using server = await TestServer.start();

  await t.step("every kind of type, in the order of the table", async () => {
    const types: [sql: string, duckdb: string, sourceType?: string][] = [
      ["bool", "BOOLEAN", "boolean"],
      ["int2", "SMALLINT"],
      ["int4", "INTEGER"],
      ["int8", "BIGINT"],
      ["oid", "BIGINT"],
      ["float4", "FLOAT"],
      ["float8", "DOUBLE"],
      ["numeric(18,2)", "DECIMAL(18,2)", "numeric(18,2)"],
      ["numeric(38,38)", "DECIMAL(38,38)"],
      ["numeric(39,2)", "VARCHAR inexact"],
      ["numeric", "VARCHAR inexact"],
      ["money", "VARCHAR inexact"],
      ["text", "VARCHAR"],
      ["varchar(20)", "VARCHAR", "character varying(20)"],
      ["char(3)", "VARCHAR", "character(3)"],
      ['"char"', "VARCHAR"],
      ["name", "VARCHAR"],
      ["json", "JSON"],
      ["jsonb", "JSON"],
      ["uuid", "UUID"],
      ["bytea", "BLOB"],
      ["date", "DATE"],
      ["time(3)", "TIME"],
      ["timetz", "VARCHAR inexact"],
      ["timestamp", "TIMESTAMP"],
      ["timestamptz(3)", "TIMESTAMPTZ", "timestamp(3) with time zone"],
      ["interval", "VARCHAR inexact"],
      ["mood", "VARCHAR", "public.mood"],
      ["mood[]", "VARCHAR[]", "public.mood[]"],
      ["int4[]", "INTEGER[]", "integer[]"],
      ["int4[][]", "VARCHAR inexact"],
      ["text[]", "VARCHAR[]"],
      ["numeric(10,2)[]", "DECIMAL(10,2)[]"],
      ["numeric[]", "VARCHAR inexact"],
      ["interval[]", "VARCHAR inexact"],
      ["jsonb[]", "JSON[]"],
      ["cents", "DECIMAL(12,2)", "public.cents"],
      ["cents_again", "DECIMAL(12,2)"],
      ["cents[]", "DECIMAL(12,2)[]"],
      ["many_ints", "INTEGER[]"],
      ["int4range", "VARCHAR inexact"],
      ["int4multirange", "VARCHAR inexact"],
      ["point", "VARCHAR inexact"],
      ["box[]", "VARCHAR inexact"],
      ["inet", "VARCHAR inexact"],
      ["xml", "VARCHAR inexact"],
      ["tsvector", "VARCHAR inexact"],
      ["bit(3)", "VARCHAR inexact"],
      ["varbit", "VARCHAR inexact"],
      ["pair", "VARCHAR inexact"],
      ["pair[]", "VARCHAR inexact"],
      ["oidvector", "VARCHAR inexact"],
      ["int2vector", "VARCHAR inexact"],
      ["pg_lsn", "VARCHAR inexact"],
      ["regclass", "VARCHAR inexact"],
    ];
    const catalog = await catalogOf(
      server,
      "types",
      `CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TYPE pair AS (a int, b text);
       CREATE DOMAIN cents AS numeric(12,2); CREATE DOMAIN cents_again AS cents NOT NULL;
       CREATE DOMAIN many_ints AS int[];
       CREATE TABLE everything (id int PRIMARY KEY,
         ${types.map(([sql], i) => `c${i} ${sql}`).join(", ")});`,
    );
    const [table] = catalog.tables;
    assert.equal(table.columns.length, types.length + 1);
    for (const [i, [sql, duckdb, sourceType]] of types.entries()) {
      const { name, type, sourceType: given } = table.columns[i + 1];
      const inexact = type.kind === "text" && !type.exact;
      assert.equal(name, `c${i}`);
      assert.equal(duckdbType(type) + (inexact ? " inexact" : ""), duckdb, sql);
      if (sourceType !== undefined) assert.equal(given, sourceType);
      const said = catalog.findings.some((finding) => finding.what.startsWith(`"c${i}" becomes`));
      assert.equal(said, inexact, sql);
    }
    const column = (sql: string) => table.columns[types.findIndex(([type]) => type === sql) + 1];
    assert.deepEqual([column("int4").typeOid, column("int4").typeMod], [23, -1]);
    assert.equal(column("numeric(18,2)").typeMod, (18 << 16 | 2) + 4);
    assert.ok(column("cents").typeOid >= 16_384, "the domain's own oid, as the stream has it");
    assert.deepEqual([column("text").toastable, column("int8").toastable], [true, false]);
    assert.deepEqual([table.columns[0].notNull, column("text").notNull], [true, false]);
  });

  await t.step("keys: composite in their own order, identity index, full", async () => {
    const catalog = await catalogOf(
      server,
      "keys",
      `CREATE TABLE composite (a int, b int, c int, PRIMARY KEY (c, a));
       CREATE TABLE including (a int, b int, PRIMARY KEY (b) INCLUDE (a));
       CREATE TABLE by_index (a int, gone int, b int NOT NULL, c text NOT NULL);
       ALTER TABLE by_index DROP COLUMN gone;
       CREATE UNIQUE INDEX by_index_key ON by_index (c, b);
       ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_key;
       CREATE TABLE whole (a text, b int PRIMARY KEY);
       ALTER TABLE whole REPLICA IDENTITY FULL;`,
    );
    assert.deepEqual(catalog.tables.map((table) => [table.name, keyNames(table), table.identity]), [
      ["by_index", ["c", "b"], "index"],
      ["composite", ["c", "a"], "default"],
      ["including", ["b"], "default"],
      ["whole", ["b"], "full"],
    ]);
    assert.deepEqual(catalog.tables[0].columns.map((column) => column.name), ["a", "b", "c"]);
    assert.deepEqual(catalog.leftOut, []);
  });

  await t.step("left out for want of a key, each with the statement to run", async () => {
    const sql = `
      CREATE TABLE none (a int);
      CREATE TABLE candidate (a int NOT NULL UNIQUE);
      CREATE TABLE nullable (a int UNIQUE);
      CREATE TABLE "partial" (a int NOT NULL); CREATE UNIQUE INDEX ON "partial" (a) WHERE a > 0;
      CREATE TABLE nothing (a int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
      CREATE TABLE whole (a int); ALTER TABLE whole REPLICA IDENTITY FULL;
      CREATE TABLE deferred (a int PRIMARY KEY DEFERRABLE);
      CREATE TABLE dropped (a int NOT NULL, b int PRIMARY KEY);
      CREATE UNIQUE INDEX dropped_key ON dropped (a);
      ALTER TABLE dropped REPLICA IDENTITY USING INDEX dropped_key; DROP INDEX dropped_key;
      CREATE UNLOGGED TABLE unlogged (a int PRIMARY KEY);
      CREATE TABLE "Odd ""Name" (a int);`;
    const catalog = await catalogOf(server, "keyless", sql);
    assert.deepEqual(names(catalog), []);
    assert.equal(catalog.findings.at(-1)?.level, "fail");
    const expected: [table: string, reason: RegExp, todo: string][] = [
      ["none", /no primary key$/, 'ALTER TABLE "public"."none" ADD PRIMARY KEY (…);'],
      ["candidate", /no primary key$/, 'REPLICA IDENTITY USING INDEX "candidate_a_key";'],
      ["nullable", /no primary key$/, "ADD PRIMARY KEY"],
      ["partial", /no primary key$/, "ADD PRIMARY KEY"],
      ["nothing", /NOTHING$/, 'ALTER TABLE "public"."nothing" REPLICA IDENTITY DEFAULT;'],
      ["whole", /FULL and no primary key/, "ADD PRIMARY KEY"],
      ["deferred", /deferrable/, "without DEFERRABLE"],
      ["dropped", /index of its REPLICA IDENTITY is gone/, "REPLICA IDENTITY DEFAULT"],
      ["unlogged", /unlogged/, 'ALTER TABLE "public"."unlogged" SET LOGGED;'],
      ['Odd "Name', /no primary key$/, 'ALTER TABLE "public"."Odd ""Name" ADD PRIMARY KEY'],
    ];
    assert.equal(catalog.leftOut.length, expected.length);
    for (const [table, reason, todo] of expected) {
      const entry = leftOut(catalog, `public.${table}`);
      assert.match(entry.reason, reason);
      assert.ok(entry.todo?.includes(todo), `${table}: ${entry.todo}`);
    }
    // The statements that are complete do what they promise.
    for (const { todo } of catalog.leftOut) {
      if (todo?.startsWith("ALTER") && !todo.includes("…")) await server.sql(todo, "keyless");
    }
    assert.deepEqual(names(await readAgain(server, "keyless")), [
      "public.candidate",
      "public.dropped",
      "public.nothing",
      "public.unlogged",
    ]);
  });

  await t.step("generated columns are no columns, and no key", async () => {
    const catalog = await catalogOf(
      server,
      "generated",
      `CREATE TABLE sums (id int PRIMARY KEY, a int,
         twice int GENERATED ALWAYS AS (a * 2) STORED, b int);
       CREATE TABLE keyed (a int, twice int GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY);
       CREATE TABLE counted (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);`,
    );
    assert.deepEqual(names(catalog), ["public.counted", "public.sums"]);
    assert.deepEqual(catalog.tables[1].columns.map((column) => column.name), ["id", "a", "b"]);
    assert.match(leftOut(catalog, "public.keyed").reason, /generated column/);
    assert.ok(
      catalog.findings.some(({ about, level, what }) =>
        about === "public.sums" && level === "warn" && /"twice" is not replicated/.test(what)
      ),
    );
  });

  await t.step("names that the warehouse can't tell apart", async () => {
    const catalog = await catalogOf(
      server,
      "names",
      `CREATE TABLE twins (id int PRIMARY KEY, "Name" text, name text);
       CREATE TABLE meta (id int PRIMARY KEY, "_OP" text);
       CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE "Users" (id int PRIMARY KEY);
       CREATE TABLE "Both" (id int PRIMARY KEY); CREATE TABLE "BOTH" (id int PRIMARY KEY);
       CREATE SCHEMA public__changes; CREATE TABLE public__changes.users (id int PRIMARY KEY);
       CREATE SCHEMA _sluice; CREATE TABLE _sluice.position (id int PRIMARY KEY);
       CREATE SCHEMA "a.b"; CREATE TABLE "a.b".c (id int PRIMARY KEY);
       CREATE SCHEMA a; CREATE TABLE a."b.c" (id int PRIMARY KEY);
       CREATE TABLE "ünïcode 表" (id int PRIMARY KEY, "É" int, "é" int);`,
    );
    // "a.b"."c" and "a"."b.c" have one name in messages: neither is told from the other by case.
    assert.deepEqual(names(catalog), ["a.b.c", "public.users", "public.ünïcode 表"]);
    const expected: [table: string, reason: RegExp][] = [
      ["public.twins", /"Name" and "name" differ in case alone/],
      ["public.meta", /"_OP" has the name of one of the change log's own/],
      ["public.Users", /name from that of public\.users/],
      ["public.Both", /name from that of public\.BOTH/],
      ["public.BOTH", /name from that of public\.Both/],
      ["public__changes.users", /change log of public\.users/],
      ["_sluice.position", /schema called _sluice/],
      ["a.b.c", /name from that of a\.b\.c/],
    ];
    assert.equal(catalog.leftOut.length, expected.length);
    for (const [table, reason] of expected) assert.match(leftOut(catalog, table).reason, reason);
  });

  await t.step("partitioned tables are one table; those that can't be say why", async () => {
    const catalog = await catalogOf(
      server,
      "partitions",
      `CREATE TABLE events (id int, day date, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
       CREATE TABLE events_25 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')
         PARTITION BY LIST (id);
       CREATE TABLE events_25_1 PARTITION OF events_25 FOR VALUES IN (1);
       CREATE TABLE events_26 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
       INSERT INTO events VALUES (1, '2025-05-05'), (2, '2026-05-05'); ANALYZE;
       CREATE TABLE mixed (id int PRIMARY KEY) PARTITION BY LIST (id);
       CREATE TABLE mixed_1 PARTITION OF mixed FOR VALUES IN (1);
       ALTER TABLE mixed_1 REPLICA IDENTITY FULL;
       CREATE TABLE keyless (id int) PARTITION BY LIST (id);
       CREATE TABLE keyless_1 PARTITION OF keyless FOR VALUES IN (1);
       CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);
       ALTER TABLE child ADD PRIMARY KEY (id);`,
    );
    assert.deepEqual(names(catalog), [
      "public.child",
      "public.events",
      "public.mixed_1",
      "public.parent",
    ]);
    assert.equal(catalog.facts.get("public.events")?.partitioned, true);
    assert.equal(catalog.estimates.get("public.events"), 2);
    assert.ok(
      catalog.findings.some((f) => f.about === "public.events" && /partitioned/.test(f.what)),
    );
    const mixed = leftOut(catalog, "public.mixed");
    assert.match(mixed.reason, /public\.mixed_1$/);
    await server.sql(mixed.todo!, "partitions");
    const again = await readAgain(server, "partitions", ["public.mixed*", "public.events_26"]);
    assert.deepEqual(names(again), ["public.events_26", "public.mixed"]);
    assert.match(leftOut(catalog, "public.keyless").reason, /no primary key/);
  });

  await t.step(
    "patterns: * is any text, everything else is literal, system schemas never",
    async () => {
      await server.sql("CREATE DATABASE patterns");
      await server.sql(
        `CREATE TABLE a_b (id int PRIMARY KEY); CREATE TABLE axb (id int PRIMARY KEY);
       CREATE TABLE "a%b" (id int PRIMARY KEY); CREATE VIEW v AS SELECT 1;
       CREATE SCHEMA bank; CREATE TABLE bank.a_b (id int PRIMARY KEY);`,
        "patterns",
      );
      const read = (...patterns: string[]) => readAgain(server, "patterns", patterns);
      assert.deepEqual(names(await read("public.a_b")), ["public.a_b"]);
      assert.deepEqual(names(await read("*.a_b")), ["bank.a_b", "public.a_b"]);
      assert.deepEqual(names(await read("public.a%b")), ["public.a%b"]);
      assert.deepEqual(names(await read("public.a*", "bank.*")), [
        "bank.a_b",
        "public.a%b",
        "public.a_b",
        "public.axb",
      ]);
      assert.deepEqual(names(await read("*.*")), names(await read("public.*", "bank.*")));
      assert.deepEqual((await read("*.*")).leftOut, []);
      assert.match(leftOut(await read("public.v"), "public.v").reason, /view/);
      const none = await read("public.A_B", "bank.a_b");
      assert.ok(none.findings.some(({ what }) => what === "no table matches public.A_B"));
      assert.deepEqual(names(none), ["bank.a_b"]);
      const system = await read("pg_catalog.*", "information_schema.*");
      assert.equal(system.findings.at(-1)?.level, "fail");
    },
  );

  await t.step("rights, row-level security and estimates", async () => {
    await server.sql("CREATE ROLE reader LOGIN PASSWORD 'reader'");
    await server.sql("CREATE DATABASE rights");
    await server.sql(
      `CREATE TABLE mine (id int PRIMARY KEY); ALTER TABLE mine OWNER TO reader;
       CREATE TABLE open (id int PRIMARY KEY); GRANT SELECT ON open TO reader;
       CREATE TABLE shut (id int PRIMARY KEY);
       CREATE TABLE veiled (id int PRIMARY KEY); GRANT SELECT ON veiled TO reader;
       ALTER TABLE veiled ENABLE ROW LEVEL SECURITY;
       CREATE SCHEMA cellar; CREATE TABLE cellar.deep (id int PRIMARY KEY);
       GRANT SELECT ON cellar.deep TO reader;
       INSERT INTO open SELECT generate_series(1, 1000); ANALYZE open;`,
      "rights",
    );
    const client = await connect(server.url("rights", "reader", "reader"));
    const { facts, estimates } = await readCatalog(client, ["*.*"]);
    await client.end();
    const rights = [...facts].map(([name, { isOwner, mayRead, rowSecurity }]) =>
      [name, isOwner, mayRead, rowSecurity] as const
    );
    assert.deepEqual(rights, [
      ["cellar.deep", false, false, false],
      ["public.mine", true, true, false],
      ["public.open", false, true, false],
      ["public.shut", false, false, false],
      ["public.veiled", false, true, true],
    ]);
    assert.equal(facts.get("public.mine")?.owner, "reader");
    assert.equal(estimates.get("public.open"), 1000);
    assert.equal(estimates.get("public.shut"), -1);
    assert.ok(facts.get("public.open")!.bytes > 0);
  });

  await t.step(
    "the same inside a snapshot's transaction, and the path is as before after",
    async () => {
      const client = await connect(server.url("keys"));
      const outside = await readCatalog(client, ["*.*"]);
      const path = async () => (await client.query("SHOW search_path")).rows[0].search_path;
      assert.equal(await path(), '"$user", public');
      await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      assert.deepEqual((await readCatalog(client, ["*.*"])).tables, outside.tables);
      await client.query("COMMIT");
      assert.equal(await path(), '"$user", public');
      await client.end();
    },
  );
});
