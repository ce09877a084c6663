/**
 * Tables that change under us, while they stream and while they are copied: everything before the
 * change is applied, nothing of it, and the fault names what changed.
 */
import assert from "node:assert/strict";
import type { Fault } from "../src/errors.ts";
import { assertEqual, faultOf, faultTests, ids, seeded, until } from "./support/faults.ts";
import { type TestDatabase } from "./support/postgres.ts";
import { Replica } from "./support/replica.ts";

const { test } = faultTests();

// The schema

const CHANGES: [name: string, ddl: string, dml: string, says: RegExp[]][] = [
  ["a column is added", "ALTER TABLE t ADD COLUMN extra int", "", [/public\.t/, /extra/, /new/]],
  ["a column is dropped", "ALTER TABLE t DROP COLUMN v", "", [/public\.t/, /column v/, /gone/]],
  ["a column is renamed", "ALTER TABLE t RENAME v TO w", "", [/public\.t/, /\bv\b/, /\bw\b/]],
  ["a column changes its type", "ALTER TABLE t ALTER v TYPE text", "", [/public\.t/, /column v/]],
  ["a numeric is widened", "ALTER TABLE t ALTER n TYPE numeric(12,2)", "", [/column n/]],
  ["a varchar is shortened", "ALTER TABLE t ALTER s TYPE varchar(5)", "", [/column s/]],
  ["the table is renamed", "ALTER TABLE t RENAME TO t2", "INSERT INTO t2 (id) VALUES (100)", [
    /public\.t2/,
  ]],
  [
    "the table moves to another schema",
    "CREATE SCHEMA x; ALTER TABLE t SET SCHEMA x",
    "INSERT INTO x.t (id) VALUES (100)",
    [
      /x\.t/,
    ],
  ],
  [
    "the primary key changes",
    "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (id, id2)",
    "",
    [
      /key/,
      /id2/,
    ],
  ],
  ["the primary key goes", "ALTER TABLE t DROP CONSTRAINT t_pkey", "", [/public\.t/, /key/]],
  ["the identity becomes NOTHING", "ALTER TABLE t REPLICA IDENTITY NOTHING", "", [/NOTHING/]],
  ["the identity becomes another index", "ALTER TABLE t REPLICA IDENTITY USING INDEX t_id2", "", [
    /key/,
    /id2/,
  ]],
];

for (const [name, ddl, dml, says] of CHANGES) {
  for (const when of ["in its transaction", "in a transaction of its own before"]) {
    test(
      `${name} ${when}: everything before is applied, and nothing of it`,
      async (database, options) => {
        await database.query(
          `CREATE TABLE t (id int PRIMARY KEY, id2 int NOT NULL DEFAULT 0, n numeric(10,2),
           s varchar(10), v int); CREATE UNIQUE INDEX t_id2 ON t (id2, id);
         CREATE TABLE o (id int PRIMARY KEY)`,
        );
        await seeded(database, options);
        for (let id = 1; id <= 5; id++) {
          await database.query(`BEGIN; INSERT INTO t (id) VALUES (${id});
          INSERT INTO o VALUES (${id}); COMMIT`);
        }
        const change = dml || "INSERT INTO t (id) VALUES (100)";
        const alone = when.includes("own");
        if (alone) await database.query(ddl);
        await database.query(
          `BEGIN; INSERT INTO o VALUES (99); ${alone ? "" : ddl}; ${change}; COMMIT`,
        );
        await database.query("INSERT INTO o VALUES (200)");
        await using replica = await Replica.start(database, options);
        await faultOf(replica, "schema-changed", ...says);
        assert.deepEqual(await ids(replica, "t"), [1, 2, 3, 4, 5]);
        assert.deepEqual(await ids(replica, "o"), [1, 2, 3, 4, 5]);
      },
    );
  }
}

test(
  "the primary key changes under REPLICA IDENTITY FULL: no silent divergence",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY, part int NOT NULL DEFAULT 0, v int)");
    await database.query("ALTER TABLE t REPLICA IDENTITY FULL");
    await seeded(database, options);
    await database.query("INSERT INTO t VALUES (1, 0, 0)");
    await database.query("ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, part)");
    await database.query("INSERT INTO t VALUES (1, 1, 0)");
    await database.query("UPDATE t SET v = 1 WHERE part = 1");
    await using replica = await Replica.start(database, options);
    let ended: Fault | undefined | "running" = "running";
    void replica.ended.then((fault) => ended = fault);
    const target = await database.currentLsn();
    await until("an end or an arrival", () => {
      return ended !== "running" || replica.pipeline.durableLsn >= target;
    });
    if (ended === "running") await assertEqual(replica);
    else await faultOf(replica, "schema-changed", /key/);
  },
);

test("a varchar that is lengthened or becomes text goes on", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, a varchar(3), b varchar(3))");
  await using replica = await Replica.start(database, options);
  await database.query("INSERT INTO t VALUES (1, 'abc', 'abc')");
  await database.query("ALTER TABLE t ALTER a TYPE varchar(50), ALTER b TYPE text");
  await database.query("INSERT INTO t VALUES (2, repeat('a', 50), repeat('b', 5000))");
  await database.query("UPDATE t SET a = 'longer than before' WHERE id = 1");
  await assertEqual(replica);
});

test(
  "a table that is rewritten while the snapshot copies others is not lost",
  async (database, options) => {
    await threeTables(database);
    await using replica = await Replica.start(database, options);
    await replica.until(() => replica.pipeline.status().phase === "snapshot");
    await database.query("ALTER TABLE late ALTER v TYPE int USING v + 0");
    await assertEqual(replica);
  },
);

test(
  "a table that is truncated while the snapshot copies others is in the snapshot",
  async (database, options) => {
    await threeTables(database);
    await using replica = await Replica.start(database, options);
    await replica.until(() => replica.pipeline.status().phase === "snapshot");
    await database.query("TRUNCATE late");
    await assertEqual(replica);
    const [[read]] = await replica.query(
      "SELECT count(*)::INT FROM public__changes.late WHERE _op = 'r'",
    );
    assert.equal(read, 100, "at the snapshot's position the source had these rows");
  },
);

test(
  "a column that is dropped while the snapshot copies others is no bug of ours",
  async (database, options) => {
    await threeTables(database);
    await using replica = await Replica.start(database, options);
    await replica.until(() => replica.pipeline.status().phase === "snapshot");
    await database.query("ALTER TABLE late DROP COLUMN v");
    let ended: Fault | undefined | "running" = "running";
    void replica.ended.then((fault) => ended = fault);
    await until("an end or the stream", () => {
      return ended !== "running" || replica.pipeline.status().phase === "streaming";
    });
    if (ended !== "running") {
      assert.notEqual(
        (ended as Fault | undefined)?.kind,
        "bug",
        (ended as unknown as Fault).message,
      );
    }
  },
);

/** Two tables that keep both of the snapshot's connections busy, and one that is copied last. */
async function threeTables(database: TestDatabase): Promise<void> {
  await database.query(`
    CREATE TABLE big1 (id int PRIMARY KEY, v text);
    CREATE TABLE big2 (id int PRIMARY KEY, v text);
    CREATE TABLE late (id int PRIMARY KEY, v int);
    INSERT INTO big1 SELECT n, repeat('x', 100) FROM generate_series(1, 400000) n;
    INSERT INTO big2 SELECT n, repeat('x', 100) FROM generate_series(1, 400000) n;
    INSERT INTO late SELECT n, n FROM generate_series(1, 100) n;
    ANALYZE`);
}

// Names

test("names with quotes, dots, spaces, upper case and keywords", async (database, options) => {
  const names = ['a "quoted" table', "dot.ted", "Upper", "select", "ünï", "semi;colon'quote"];
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  await database.query('CREATE SCHEMA "My.Schema"');
  for (const name of names) {
    await database.query(
      `CREATE TABLE "My.Schema".${quoted(name)} ("Id x" int, "order" text, "q""q" text,
         "rowid" int, PRIMARY KEY ("Id x", "order"))`,
    );
    await database.query(`INSERT INTO "My.Schema".${quoted(name)} VALUES (1, 'a', 'b', 5)`);
  }
  await using replica = await Replica.start(database, { ...options, tables: ["My.Schema.*"] });
  await replica.caughtUp();
  for (const name of names) {
    const table = `"My.Schema".${quoted(name)}`;
    await database.query(`INSERT INTO ${table} VALUES (2, 'c', repeat('x', 5000), 6),
       (3, 'd', NULL, NULL)`);
    await database.query(`UPDATE ${table} SET "order" = 'z' WHERE "Id x" = 2`);
    await database.query(`UPDATE ${table} SET rowid = 9 WHERE "Id x" = 1`);
    await database.query(`DELETE FROM ${table} WHERE "Id x" = 3`);
  }
  await replica.caughtUp();
  for (const name of names) {
    const sql = `FROM "My.Schema".${quoted(name)} ORDER BY 1`;
    assert.deepEqual(
      await replica.query(`SELECT "Id x"::VARCHAR, "order", "q""q", rowid::VARCHAR ${sql}`),
      await database.rows(`SELECT "Id x"::text, "order", "q""q", rowid::text ${sql}`),
      name,
    );
  }
});
