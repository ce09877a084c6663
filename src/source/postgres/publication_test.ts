import assert from "node:assert/strict";
import type { Table } from "../../catalog/catalog.ts";
import { connect } from "./connect.ts";
import {
  ensurePublication,
  planPublication,
  publicationFindings,
  type PublicationRights,
  type PublicationState,
  publishedTables,
  readPublication,
} from "./publication.ts";
import { assertFault, TestServer } from "./server_fixture.ts";

/** `schema.table` as far as a publication needs it. */
function table(name: string): Table {
  const [schema, rest] = name.split(/\.(.*)/s);
  return { oid: 1, schema, name: rest, columns: [], key: [0], identity: "default" };
}

const tables = (...names: string[]) => names.map(table);

Deno.test("publication: of a real server", async (t) => {
  await using server = await TestServer.start();
  await server.sql(`
    CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY);
    CREATE TABLE "Odd ""Name" (id int PRIMARY KEY); CREATE TABLE keyless (id int);
    CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
    CREATE ROLE stranger LOGIN PASSWORD 'stranger';
    CREATE ROLE clerk LOGIN PASSWORD 'clerk'; GRANT CREATE ON DATABASE postgres TO clerk;
    CREATE TABLE owned (id int PRIMARY KEY); ALTER TABLE owned OWNER TO clerk;`);
  const client = await connect(server.url());
  const published = async (name: string) =>
    (await server.sql(
      `SELECT schemaname || '.' || tablename AS t FROM pg_publication_tables
       WHERE pubname = '${name}' ORDER BY 1`,
    )).map((row) => row.t);

  await t.step("there is none at first", async () => {
    assert.equal(await readPublication(client, "sluice"), undefined);
    assert.deepEqual(await publishedTables(client, "sluice"), new Set());
  });

  await t.step("is created with the tables, every operation, through the root", async () => {
    const change = await ensurePublication(client, "sluice", tables("public.a", "public.parts"));
    assert.deepEqual(change, {
      created: true,
      added: ["public.a", "public.parts"],
      removed: [],
      findings: [],
    });
    assert.deepEqual(await published("sluice"), ["public.a", "public.parts"]);
    const state = await readPublication(client, "sluice");
    assert.equal(state?.allOperations && state.viaRoot && state.isOwner, true);
    assert.deepEqual(
      await publishedTables(client, "sluice"),
      new Set(["public.a", "public.parts"]),
    );
  });

  await t.step("is left alone when it is right, whatever the order", async () => {
    const xmin =
      "SELECT p.xmin::text AS p, (SELECT max(xmin::text) FROM pg_publication_rel) AS r " +
      "FROM pg_publication p WHERE pubname = 'sluice'";
    const before = await server.sql(xmin);
    const change = await ensurePublication(client, "sluice", tables("public.parts", "public.a"));
    assert.deepEqual(change, { created: false, added: [], removed: [], findings: [] });
    assert.deepEqual(await server.sql(xmin), before);
  });

  await t.step("gains and loses tables, names in need of quotes included", async () => {
    const change = await ensurePublication(
      client,
      "sluice",
      tables("public.a", 'public.Odd "Name'),
    );
    assert.deepEqual(change.added, ['public.Odd "Name']);
    assert.deepEqual(change.removed, ["public.parts"]);
    assert.deepEqual(await published("sluice"), ['public.Odd "Name', "public.a"]);
  });

  await t.step("gets back what it must publish", async () => {
    await server.sql(`ALTER PUBLICATION sluice SET (publish = 'insert',
      publish_via_partition_root = false)`);
    await ensurePublication(client, "sluice", tables("public.a", 'public.Odd "Name'));
    assert.equal((await readPublication(client, "sluice"))?.allOperations, true);
  });

  await server.sql("CREATE PUBLICATION given FOR TABLE a, b");
  const stranger = await connect(server.url("postgres", "stranger", "stranger"));
  await t.step("one made in advance needs no right", async () => {
    const change = await ensurePublication(stranger, "given", tables("public.a", "public.b"));
    assert.deepEqual(change, { created: false, added: [], removed: [], findings: [] });
  });

  await t.step("but altering it does: setup, with the statement for a DBA", async () => {
    const fault = await assertFault(
      ensurePublication(stranger, "given", tables("public.a")),
      "setup",
      "must be owner of publication given",
      'ALTER PUBLICATION "given" SET TABLE "public"."a";',
    );
    assert.equal(fault.reaction, "stop");
    assert.deepEqual(await published("given"), ["public.a", "public.b"]);
  });

  await t.step("and so does creating one", async () => {
    await assertFault(
      ensurePublication(stranger, "mine", tables("public.a")),
      "setup",
      "permission denied for database postgres",
      'CREATE PUBLICATION "mine" FOR TABLE "public"."a" WITH (publish = ',
    );
  });
  await stranger.end();

  await t.step("the tables' owner may, others' tables it may not", async () => {
    const clerk = await connect(server.url("postgres", "clerk", "clerk"));
    await ensurePublication(clerk, "clerks", tables("public.owned"));
    await assertFault(
      ensurePublication(clerk, "clerks", tables("public.owned", "public.a")),
      "setup",
      "must be owner of table a",
    );
    assert.deepEqual(await published("clerks"), ["public.owned"]);
    await clerk.end();
  });

  await t.step("FOR ALL TABLES is taken, with a warning of tables without identity", async () => {
    await server.sql(`CREATE PUBLICATION everything FOR ALL TABLES
      WITH (publish_via_partition_root = true)`);
    const change = await ensurePublication(client, "everything", tables("public.a"));
    assert.deepEqual([change.created, change.added, change.removed], [false, [], []]);
    assert.equal(change.findings.length, 1);
    assert.equal(change.findings[0].level, "warn");
    assert.match(change.findings[0].what, /fail at the source.*: public\.keyless$/);
    await server.sql("DROP PUBLICATION everything");
  });

  await t.step("no tables: setup, before anything is asked", async () => {
    await assertFault(ensurePublication(client, "sluice", []), "setup", "SLUICE_TABLES");
  });

  await t.step("a table that is gone by then: setup", async () => {
    await assertFault(
      ensurePublication(client, "sluice", tables("public.gone")),
      "setup",
      '"public.gone" does not exist',
    );
  });
  await client.end();
});

const RIGHTS: PublicationRights = {
  user: "me",
  database: "bank",
  mayCreate: true,
  isSuperuser: false,
  foreign: new Map(),
};

const STATE: PublicationState = {
  owner: "boss",
  isOwner: true,
  allTables: false,
  allOperations: true,
  viaRoot: false,
  tables: new Set(["public.a"]),
  filtered: [],
  withoutIdentity: [],
  anyPartitioned: false,
};

Deno.test("publication: viaRoot matters only with partitioned tables", () => {
  assert.equal(planPublication(STATE, "p", tables("public.a")).statement, undefined);
  const partitioned = { ...STATE, anyPartitioned: true };
  const { statement } = planPublication(partitioned, "p", tables("public.a"));
  assert.match(statement!, /^ALTER PUBLICATION "p" SET \(.*publish_via_partition_root = true\);$/);
});

Deno.test("publication: row filters and column lists of later versions are taken away", () => {
  const filtered = { ...STATE, filtered: ["public.a"] };
  const { statement, added, removed } = planPublication(filtered, "p", tables("public.a"));
  assert.equal(statement, 'ALTER PUBLICATION "p" SET TABLE "public"."a";');
  assert.deepEqual([added, removed], [[], []]);
});

Deno.test("publication: findings say what serve would do, and which right is missing", () => {
  const levels = (...args: Parameters<typeof publicationFindings>) =>
    publicationFindings(...args).map(({ level, what, todo }) => `${level} ${what} ${todo ?? ""}`);
  assert.match(levels(STATE, "p", tables("public.a"), RIGHTS)[0], /^ok p is there/);
  assert.match(levels(undefined, "p", tables("public.a"), RIGHTS)[0], /^ok serve creates p/);
  assert.match(
    levels(STATE, "p", tables("public.b"), RIGHTS)[0],
    /^ok serve alters p, adds public\.b, removes public\.a/,
  );
  assert.match(
    levels(undefined, "p", tables("public.a"), { ...RIGHTS, mayCreate: false })[0],
    /^fail .*CREATE on the database .*CREATE PUBLICATION "p" FOR TABLE "public"\."a"/,
  );
  assert.match(
    levels({ ...STATE, isOwner: false }, "p", tables("public.b"), {
      ...RIGHTS,
      foreign: new Map([["public.b", "boss"]]),
    })[0],
    /^fail .*to own it \(boss does\); to own public\.b .*Or let Sluice do it: GRANT "boss" TO "me";/,
  );
  assert.match(
    levels(undefined, "p", tables("public.a"), {
      ...RIGHTS,
      mayCreate: false,
      isSuperuser: true,
      foreign: new Map([["public.a", "boss"]]),
    })[0],
    /^ok/,
  );
});
