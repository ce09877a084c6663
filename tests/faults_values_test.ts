/**
 * Values without a counterpart, and rows that are too large: Sluice stops right before their
 * transaction, and names table, key and column.
 */
import assert from "node:assert/strict";
import { assertEqual, faultOf, faultTests, ids, seeded } from "./support/faults.ts";
import { Replica } from "./support/replica.ts";

const { test } = faultTests();

const BAD: [name: string, type: string, value: string][] = [
  ["NaN into a numeric", "numeric(10,2)", "'NaN'"],
  ["a timestamptz after 294247", "timestamptz", "'294276-12-31 23:59:59+00'"],
  ["a timestamp that would become infinity", "timestamp", "'294247-01-10 04:00:54.775807'"],
  ["an array of two dimensions", "int[]", "'{{1,2},{3,4}}'"],
  ["an array with bounds of its own", "int[]", "'[0:1]={1,2}'"],
  ["NaN in an array of numerics", "numeric(10,2)[]", "'{1.00,NaN}'"],
  ["a timestamp after 294247 in an array", "timestamp[]", "'{\"294276-12-31 23:59:59\"}'"],
  ['a "char" that is no character', '"char"', "'é'::\"char\""],
  ['a "char" that is no character, in an array', '"char"[]', "ARRAY['é'::\"char\"]"],
];

for (const [name, type, value] of BAD) {
  test(`${name}, in the snapshot: table, key and column are named`, async (database, options) => {
    await database.query(`CREATE TABLE t (id int PRIMARY KEY, bad ${type})`);
    await database.query(`INSERT INTO t VALUES (4711, ${value})`);
    await using replica = await Replica.start(database, options);
    await faultOf(replica, "bad-value", /public\.t/, /4711/, /"bad"/);
  });

  test(`${name}, in the stream: stops right before its transaction`, async (database, options) => {
    await database.query(
      `CREATE TABLE t (id int PRIMARY KEY, bad ${type}); CREATE TABLE o (id int PRIMARY KEY)`,
    );
    await seeded(database, options);
    for (let id = 1; id <= 5; id++) {
      await database.query(
        `BEGIN; INSERT INTO t (id) VALUES (${id}); INSERT INTO o VALUES (${id}); COMMIT`,
      );
    }
    await database.query(
      `BEGIN; INSERT INTO o VALUES (99); INSERT INTO t VALUES (4711, ${value}); COMMIT`,
    );
    await database.query("INSERT INTO o VALUES (200)");
    await using replica = await Replica.start(database, options);
    await faultOf(replica, "bad-value", /public\.t/, /4711/, /"bad"/);
    assert.deepEqual(await ids(replica, "t"), [1, 2, 3, 4, 5]);
    assert.deepEqual(await ids(replica, "o"), [1, 2, 3, 4, 5]);
  });
}

test(
  "a bad value in a column before the key: the key is named all the same",
  async (database, options) => {
    await database.query("CREATE TABLE t (bad numeric(10,2), id int PRIMARY KEY)");
    await database.query("INSERT INTO t VALUES ('NaN', 4711)");
    await using replica = await Replica.start(database, options);
    await faultOf(replica, "bad-value", /public\.t/, /4711/, /"bad"/);
  },
);

test(
  "a row larger than the limit: what came before it in the same bytes is applied",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await database.query("ALTER TABLE t ALTER v SET STORAGE EXTERNAL");
    const limited = { ...options, messageBytesMax: 1_000_000 };
    await seeded(database, limited);
    for (let id = 1; id <= 5; id++) await database.query(`INSERT INTO t VALUES (${id}, 'x')`);
    await database.query("INSERT INTO t VALUES (99, repeat('x', 2000000))");
    await using replica = await Replica.start(database, limited);
    await faultOf(replica, "bad-value", /larger/, /SLUICE_MEMORY_TOTAL_MB/);
    assert.deepEqual(await ids(replica, "t"), [1, 2, 3, 4, 5]);
  },
);

test(
  "a change of key under REPLICA IDENTITY FULL with a large unchanged value",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await database.query("ALTER TABLE t REPLICA IDENTITY FULL, ALTER v SET STORAGE EXTERNAL");
    await database.query("INSERT INTO t VALUES (1, repeat('x', 200000))");
    await using replica = await Replica.start(database, { ...options, poolBytes: 4 * 65536 });
    await replica.caughtUp();
    await database.query("UPDATE t SET id = 2");
    await assertEqual(replica);
  },
);

test("a TRUNCATE of more tables than one batch holds ends", async (database, options) => {
  const columns = Array.from({ length: 60 }, (_, i) => `c${i} text`).join(", ");
  const tables = Array.from({ length: 7 }, (_, i) => `t${i}`);
  for (const table of tables) {
    await database.query(`CREATE TABLE ${table} (id int PRIMARY KEY, ${columns})`);
    await database.query(`INSERT INTO ${table} (id) VALUES (1)`);
  }
  // A slab of 64 KB has room for the columns of one table, not of two.
  await using replica = await Replica.start(database, { ...options, poolBytes: 4 * 65536 });
  await replica.caughtUp();
  await database.query(`TRUNCATE ${tables.join(", ")}; INSERT INTO t6 (id) VALUES (2)`);
  await assertEqual(replica);
  for (const table of tables) {
    const [[entries]] = await replica.query(
      `SELECT count(*)::INT FROM public__changes.${table} WHERE _op = 't'`,
    );
    assert.equal(entries, 1, "one TRUNCATE is one entry of each log");
  }
});
