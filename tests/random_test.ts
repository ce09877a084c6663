/**
 * Random sequences of changes against tables of every kind that keys and stored-apart values make
 * difficult. The warehouse must equal the source, its change log folded by `_seq` must equal the
 * warehouse, and folded up to a commit's LSN what the source had right after that commit.
 *
 * SLUICE_TEST_SEED repeats a run.
 */
import assert from "node:assert/strict";
import type { Fault } from "../src/errors.ts";
import { assertEqualToSource } from "./support/compare.ts";
import { TestDatabase, testServer } from "./support/postgres.ts";
import { AFTER, Random, SUBJECTS, Writer } from "./support/random.ts";
import { Replica } from "./support/replica.ts";

/** A table's rows as short texts, on both sides the same: long values by their MD5. */
const HASHES: Record<"postgres" | "duckdb", Record<string, Record<string, string>>> = {
  postgres: {},
  duckdb: {},
};
const MD5_OF: [RegExp, postgres: string, duckdb: string][] = [
  [/^bytea$/, "md5($)", "md5(hex($))"],
  [
    /^ARRAY$/,
    "md5(array_to_string($, '|', '~'))",
    "md5(array_to_string(list_transform($, lambda x: coalesce(x::VARCHAR, '~')), '|'))",
  ],
  [/^timestamp/, "(extract(epoch FROM $) * 1000000)::numeric(40,0)::text", "epoch_us($)::VARCHAR"],
  [/^text$/, "md5($)", "md5($)"],
  [/./, "$::text", "$::VARCHAR"],
];

async function learnColumns(database: TestDatabase): Promise<void> {
  const rows = await database.rows(`SELECT table_name, column_name, data_type
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, ordinal_position`);
  for (const [table, column, type] of rows as string[][]) {
    const [, postgres, duckdb] = MD5_OF.find(([pattern]) => pattern.test(type))!;
    const lower = type === "bytea" ? "md5(encode($, 'hex'))" : postgres;
    const hex = type === "bytea" ? "md5(lower(hex($)))" : duckdb;
    (HASHES.postgres[table] ??= {})[column] = lower.replaceAll("$", `"${column}"`);
    (HASHES.duckdb[table] ??= {})[column] = hex.replaceAll("$", `"${column}"`);
  }
}

function hashed(side: "postgres" | "duckdb", table: string): string {
  const parts = Object.values(HASHES[side][table]).map((sql) => `coalesce(${sql}, '-')`);
  return parts.join(" || ' ' || ");
}

type State = Record<string, string[]>;

/** What the source holds, with the LSN up to which it is that. */
async function sourceState(database: TestDatabase): Promise<State> {
  const state: State = {};
  for (const { name } of SUBJECTS) {
    const rows = await database.rows(`SELECT ${hashed("postgres", name)} FROM ${name}`);
    state[name] = rows.map(([row]) => row!).sort();
  }
  return state;
}

/** The change log folded by `_seq`, up to `lsn`: the last version of each key that is there. */
async function foldedState(replica: Replica, lsn?: number): Promise<State> {
  const state: State = {};
  const until = lsn === undefined ? "" : `WHERE _lsn < ${lsn}`;
  for (const { name, key } of SUBJECTS) {
    const sql = `WITH log AS (SELECT * FROM public__changes.${name} ${until}),
      cut AS (SELECT coalesce(max(_seq), -1) AS seq FROM log WHERE _op = 't'),
      last AS (SELECT *, row_number() OVER (PARTITION BY ${
      key.join(", ")
    } ORDER BY _seq DESC) AS nth
        FROM log, cut WHERE _op <> 't' AND _seq > cut.seq)
      SELECT ${hashed("duckdb", name)} FROM last WHERE nth = 1 AND _op <> 'd'`;
    state[name] = (await replica.query(sql)).map(([row]) => row as string).sort();
  }
  return state;
}

function assertState(actual: State, expected: State, what: string): void {
  for (const { name } of SUBJECTS) {
    const [ours, theirs] = [new Set(actual[name]), new Set(expected[name])];
    const missing = expected[name].filter((row) => !ours.has(row));
    const extra = actual[name].filter((row) => !theirs.has(row));
    assert.deepEqual(
      { missing: missing.slice(0, 3), extra: extra.slice(0, 3) },
      { missing: [], extra: [] },
      `${name}, ${what}: ${missing.length} rows missing, ${extra.length} too many or different`,
    );
    assert.equal(actual[name].length, expected[name].length, `${name}, ${what}: a row twice`);
  }
}

async function assertAllEqual(replica: Replica, database: TestDatabase): Promise<void> {
  const connection = await replica.warehouse.instance.connect();
  try {
    await assertEqualToSource(database, connection);
  } finally {
    connection.closeSync();
  }
  assertState(await foldedState(replica), await sourceState(database), "the folded log");
  const sequence = SUBJECTS.map(({ name }) => `SELECT _seq FROM public__changes.${name}`);
  const [[twice]] = await replica.query(
    `SELECT count(*)::INT FROM (SELECT _seq FROM (${
      sequence.join(" UNION ALL ")
    }) GROUP BY _seq HAVING count(*) > 1)`,
  );
  assert.equal(twice, 0, "_seq is given twice");
}

const POOLS: [name: string, poolBytes: number | undefined, backlog: boolean][] = [
  ["a tiny pool, so that batches fill in mid-transaction", 4 * 65536, false],
  ["a tiny pool and a backlog, so that batches hold many transactions", 4 * 65536, true],
  ["a pool of the usual size", undefined, false],
  ["a pool of the usual size and a backlog", undefined, true],
];

/** Room enough for DuckDB: how little it can do with is faults_test.ts's to find out. */
const TOTAL_MB = 4096;

const SEED = Number(Deno.env.get("SLUICE_TEST_SEED") ?? Math.floor(Math.random() * 1e9));

POOLS.forEach(([name, poolBytes, backlog], index) => {
  Deno.test(`random: equal after each round, and as of each commit, with ${name}`, async () => {
    console.log(`SLUICE_TEST_SEED=${SEED} repeats this run`);
    const random = new Random(SEED + index);
    const writer = new Writer(random);
    await using server = await testServer({ synchronous_commit: "off", wal_writer_delay: "10ms" });
    await using database = await TestDatabase.create(server, `random${index}`);
    for (const { name, ddl } of SUBJECTS) await database.query(`CREATE TABLE ${name} (${ddl})`);
    await database.query(AFTER);
    await learnColumns(database);
    for (let i = 0; i < 20; i++) await database.query(writer.transaction());
    const options = { dataDir: `${server.folder}/data`, poolBytes, totalMb: TOTAL_MB };
    let replica = await Replica.start(database, options);
    let ended: Fault | undefined;
    try {
      await replica.caughtUp();
      await assertAllEqual(replica, database);
      for (let round = 0; round < 4; round++) {
        if (backlog) assert.equal(await replica.stop(), undefined);
        const samples: { lsn: number; state: State; sql: string }[] = [];
        for (let i = 0; i < 25; i++) {
          const sql = writer.transaction();
          await database.query(sql).catch((error) => {
            throw new Error(`${error.message}: ${sql.slice(0, 2000)}`);
          });
          if (random.below(3) > 0) continue;
          samples.push({
            lsn: await database.currentLsn(),
            state: await sourceState(database),
            sql,
          });
        }
        if (backlog) replica = await Replica.start(database, options);
        await replica.caughtUp();
        for (const { lsn, state, sql } of samples) {
          const what = `as of the commit of ${sql.slice(0, 1500)}`;
          assertState(await foldedState(replica, lsn), state, what);
        }
        await assertAllEqual(replica, database);
      }
    } finally {
      ended = await replica.stop();
    }
    assert.equal(ended, undefined);
  });
});
