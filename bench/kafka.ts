/**
 * A backlog in Kafka, drained into the durable warehouse by `serve` itself; beside it, in the same
 * run and on the same topics, a bare kafkajs consumer and a Flink job that upserts into PostgreSQL.
 * And the same with schemas in every event, and how long a start takes.
 */
import assert from "node:assert/strict";
import { connect } from "../src/source/postgres/connect.ts";
import { BankEvents } from "./bank_events.ts";
import { BANK, BANK_TABLES } from "./bank_tables.ts";
import { buildJob, runJob } from "./flink.ts";
import { BenchBroker } from "./kafka_broker.ts";
import { BenchServe } from "./kafka_serve.ts";
import type { BenchOptions, Row } from "./report.ts";
import { benchServer, settle } from "./setup.ts";
import { treeCpuSeconds } from "./usage.ts";

/** The faster of so many runs counts, ours as the peer's. */
const RUNS = 2;
const STARTS = 5;

export async function benchKafka({ rows = 1_000_000, totalMb }: BenchOptions): Promise<Row[]> {
  await using server = await benchServer();
  const databaseUrl = server.url();
  const sql = await connect(databaseUrl);
  await sql.query(await Deno.readTextFile(BANK));
  await using broker = await BenchBroker.start();
  const { brokers } = broker;

  const plain = new BankEvents({ prefix: "bank", withSchemas: false });
  await broker.fill(plain, rows, "changes into topics");
  const drain = async (prefix: string, events: BankEvents, name: string) => {
    const dataDir = broker.place(name);
    await using serve = await BenchServe.start({ brokers, prefix, databaseUrl, dataDir, totalMb });
    const { seconds, usage } = await serve.drained(events.changes);
    assert.deepEqual(await serve.rows(), events.rowsAfter);
    return { seconds, usage, startSeconds: serve.healthySeconds, changes: events.changes };
  };

  const ours: Row[] = [];
  for (let run = 1; run <= RUNS; run++) {
    console.log(`Sluice, run ${run}`);
    ours.push(sluiceRow(`sluice, run ${run}`, await drain("bank", plain, `data-${run}`)));
  }
  console.log("starts with a warm data folder");
  const start = await startRow(async () => {
    const dataDir = broker.place("data-1");
    const options = { brokers, prefix: "bank", databaseUrl, dataDir, totalMb };
    await using serve = await BenchServe.start(options);
    return serve.healthySeconds;
  });
  console.log("bare kafkajs");
  const bare = await broker.bare(plain);
  const bareRow: Row = {
    what: "bare kafkajs",
    rows: plain.changes,
    ...bare,
    note: `the same topics by kafkajs's own consumer, thrown away, from the first record to the ` +
      `last: ${bare.messages} messages of ${Math.round(bare.bytes / bare.messages)} bytes, ` +
      `${Math.round(bare.bytes / bare.seconds / 1e6)} MB/s; rows are changes, without tombstones ` +
      "and marks",
  };
  const peer = await peerRows(plain, brokers, server.pid, databaseUrl);
  await broker.drop(plain);

  const withSchemas = new BankEvents({ prefix: "schemas", withSchemas: true });
  await broker.fill(withSchemas, rows, "changes with schemas into topics");
  console.log("Sluice, schemas");
  const schemas = sluiceRow(
    "sluice, schemas",
    await drain("schemas", withSchemas, "data-schemas"),
    "schemas in every event; ",
  );
  const bareSchemas = await broker.bare(withSchemas);
  schemas.note += `; bare kafkajs reads them at ${
    Math.round(withSchemas.changes / bareSchemas.seconds)
  } changes/s, ${Math.round(bareSchemas.bytes / bareSchemas.seconds / 1e6)} MB/s`;
  await sql.end();
  return [...ours, schemas, start, bareRow, ...peer];
}

/** A drained backlog as a row of the report. */
export function sluiceRow(
  what: string,
  { seconds, usage, startSeconds, changes }: {
    seconds: number;
    usage: { cpuSeconds: number; rssMb: number } | undefined;
    startSeconds: number;
    changes: number;
  },
  note = "",
): Row {
  return {
    what,
    rows: changes,
    seconds,
    ...usage,
    figures: { "s with start": round(seconds + startSeconds) },
    note: `${note}\`serve\`, from /healthz (joining the group included) until all is durable in ` +
      "current tables and change logs; CPU and RSS of the whole process since its start",
  };
}

/** The Flink job at parallelism 1 and 2, the better one last; nothing when it can't be built. */
async function peerRows(
  events: BankEvents,
  brokers: string,
  postmaster: number,
  url: string,
): Promise<Row[]> {
  const job = await buildJob();
  if ("missing" in job) {
    console.log(`The Flink job is skipped: ${job.missing}.`);
    return [];
  }
  const rows: Row[] = [];
  for (const parallelism of [1, 2]) {
    console.log(`Flink, parallelism ${parallelism}`);
    await makePeerTables(url);
    await settle(url);
    const before = await treeCpuSeconds(postmaster);
    const run = await runJob(job.folder, { brokers, prefix: "bank", url, parallelism });
    const after = await treeCpuSeconds(postmaster);
    assert.deepEqual(await countPeerRows(url), events.rowsAfter);
    const serverCpu = (after ?? 0) - (before ?? 0);
    rows.push({
      what: `Flink, parallelism ${parallelism}`,
      rows: events.changes,
      seconds: run.seconds,
      rssMb: run.usage?.rssMb,
      cpuSeconds: run.usage && run.usage.cpuSeconds + serverCpu,
      figures: { "s with start": round(run.inAllSeconds), "of it PostgreSQL": round(serverCpu) },
      note: "Flink 1.17.1 in one JVM, Jackson into POJOs, JDBC upserts and deletes in batches of " +
        "5,000 into PostgreSQL 14, current rows only; from its first record to its end; RSS of " +
        "the JVM alone, CPU of it and of PostgreSQL",
    });
  }
  return rows.sort((a, b) => b.seconds - a.seconds);
}

async function makePeerTables(url: string): Promise<void> {
  const sql = await connect(url);
  await sql.query("DROP SCHEMA IF EXISTS peer CASCADE; CREATE SCHEMA peer");
  for (const { name } of BANK_TABLES) {
    await sql.query(`CREATE TABLE peer.${name} (LIKE public.${name}, PRIMARY KEY (id))`);
  }
  await sql.end();
}

async function countPeerRows(url: string): Promise<Record<string, number>> {
  const sql = await connect(url);
  const counts: Record<string, number> = {};
  for (const { name } of BANK_TABLES) {
    const { rows: [row] } = await sql.query(`SELECT count(*) FROM peer.${name}`);
    counts[name] = Number(row.count);
  }
  await sql.end();
  return counts;
}

async function startRow(start: () => Promise<number>): Promise<Row> {
  const all: number[] = [];
  for (let i = 0; i < STARTS; i++) all.push(await start());
  all.sort((a, b) => a - b);
  return {
    what: "start until /healthz",
    rows: 1,
    seconds: all[STARTS >> 1],
    figures: { "max s": round(all.at(-1)!) },
    note: `median of ${STARTS}, with the warehouse of the first run; from the start of the process`,
  };
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
