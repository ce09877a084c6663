/** What is hard on memory, each with a database and a warehouse of its own, and the RSS it takes. */
import { connect } from "../src/source/postgres/connect.ts";
import { Fault } from "../src/errors.ts";
import { type BenchOptions, type Row, RssSampler, Stopwatch } from "./report.ts";
import { BenchPipeline, benchServer } from "./setup.ts";

/** SQL before the snapshot, and statements after it, each a transaction. */
interface Case {
  what: string;
  before: string[];
  after: string[];
}

const TABLES = 300;
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

const CASES: Case[] = [
  {
    what: "2 million rows inserted, then updated, a transaction each",
    before: ["CREATE TABLE t (id int PRIMARY KEY, a text, b text, n numeric(18,2))"],
    after: [
      "INSERT INTO t SELECT n, md5(n::text), md5((n + 1)::text), n FROM generate_series(1, 2000000) n",
      "UPDATE t SET n = n + 1",
    ],
  },
  {
    what: "a row of 16 MB, inserted, updated beside its value, updated",
    before: [
      "CREATE TABLE t (id int PRIMARY KEY, n int, v text)",
      "ALTER TABLE t ALTER v SET STORAGE EXTERNAL",
    ],
    after: [
      "INSERT INTO t SELECT 1, 1, repeat(md5('a'), 524288)",
      "UPDATE t SET n = 2",
      "UPDATE t SET v = repeat(md5('b'), 524288)",
      "INSERT INTO t SELECT n, n, repeat(md5(n::text), 131072) FROM generate_series(2, 20) n",
    ],
  },
  {
    what: "2,500 changes of a value of 60 kB",
    before: [
      "CREATE TABLE t (id int PRIMARY KEY, v text)",
      "ALTER TABLE t ALTER v SET STORAGE EXTERNAL",
      "INSERT INTO t VALUES (1, '')",
    ],
    after: numbers(2500).map((i) => `UPDATE t SET v = repeat(md5('${i}'), 1875)`),
  },
  {
    what: `${TABLES} tables, all changed in each of 50 transactions`,
    before: numbers(TABLES).flatMap((i) => [
      `CREATE TABLE t${i} (id int PRIMARY KEY, a text, b text, c timestamptz, n numeric(18,2))`,
      `INSERT INTO t${i} SELECT n, md5(n::text), 'b', now(), n FROM generate_series(1, 1000) n`,
    ]),
    after: numbers(50).map((round) =>
      `DO $$ BEGIN FOR i IN 0..${TABLES - 1} LOOP EXECUTE 'UPDATE t' || i ||
        ' SET n = n + 1 WHERE id % 50 = ${round}'; END LOOP; END $$`
    ),
  },
];

export async function benchMemory({ totalMb }: BenchOptions): Promise<Row[]> {
  await using server = await benchServer();
  const rows: Row[] = [];
  for (const [i, each] of CASES.entries()) {
    console.log(each.what);
    const admin = await connect(server.url());
    await admin.query(`CREATE DATABASE memory${i}`);
    await admin.end();
    rows.push(await measure(each, server.url(`memory${i}`), `${server.folder}/data${i}`, totalMb));
  }
  return rows;
}

async function measure(each: Case, url: string, dataDir: string, totalMb: number): Promise<Row> {
  const sql = await connect(url);
  for (const statement of each.before) await sql.query(statement);
  using rss = new RssSampler();
  const pipeline = await BenchPipeline.open(url, dataDir, totalMb, `memory_${dataDir.at(-1)}`);
  const watch = new Stopwatch();
  let outcome = "passed";
  try {
    await pipeline.until(() => pipeline.pipeline.status().phase === "streaming");
    for (const statement of each.after) await sql.query(statement);
    await sql.query("CREATE TABLE fence (id int PRIMARY KEY)"); // WAL after what is waited for
    const { rows: [{ lsn }] } = await sql.query("SELECT pg_current_wal_flush_lsn() - '0/0' AS lsn");
    await pipeline.until(() => pipeline.pipeline.decoded >= Number(lsn));
    await pipeline.until(() => pipeline.pipeline.durableLsn >= Number(lsn));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    outcome = error.message;
  }
  const taken = watch.read();
  await pipeline.close().catch((error) => outcome = String(error));
  await sql.query(`SELECT pg_drop_replication_slot('memory_${dataDir.at(-1)}')`).catch(() => {});
  await sql.end();
  return {
    what: each.what,
    rows: pipeline.changes,
    ...taken,
    rssMb: rss.maxMb,
    note: `${outcome}; within ${totalMb} MB; the changes made, read and applied`,
  };
}
