/**
 * The way of Kafka's records up to the sink, in memory and on one thread: record batches as a
 * broker answers with them, their order, decoding into batches of columns. No broker and no sink, so
 * it tells what the ingest isolate itself takes for a backlog.
 */
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import type { Batch } from "../src/batch/batch.ts";
import { Pool } from "../src/batch/pool.ts";
import { TableLayout } from "../src/batch/column.ts";
import { type Table, tableName } from "../src/catalog/catalog.ts";
import { readCatalog } from "../src/catalog/postgres.ts";
import { COMMIT, END } from "../src/decode/decoder.ts";
import { debeziumCodec } from "../src/decode/debezium/codec.ts";
import { Order } from "../src/source/kafka/order.ts";
import { Partition } from "../src/source/kafka/partition.ts";
import { readBatches } from "../src/source/kafka/record_batch.ts";
import { batchBytes } from "../src/source/kafka/record_batch_fixture.ts";
import { TopicNames } from "../src/source/kafka/topics.ts";
import { BankEvents, type Message } from "./bank_events.ts";
import { connect } from "../src/source/postgres/connect.ts";
import { BANK } from "./bank_tables.ts";
import { type BenchOptions, type Row, Stopwatch } from "./report.ts";
import { benchServer } from "./setup.ts";
import { allocatedBytes } from "./usage.ts";

/** Messages of one record batch, about as kafkajs's producer makes them in the Kafka bench. */
const BATCH_MESSAGES = 500;
/** What a partition has read ahead before more of it is decoded. */
const AHEAD_BYTES = 4 * 1024 * 1024;
/** Of batches, as `serve` has it within 2,048 MB. */
const AREA_BYTES = 256 * 1024 * 1024;
/** A batch of so many bytes is handed over, as to a sink that is idle. */
const BYTES_ENOUGH = 12 * 1024 * 1024;

/** A record batch of these messages. */
function batchOf(first: number, messages: readonly Message[]): Buffer {
  const firstTimestamp = Number(messages[0].timestamp);
  const records = messages.map(({ key, value, timestamp }, offsetDelta) => ({
    timestampDelta: Number(timestamp) - firstTimestamp,
    offsetDelta,
    key,
    value,
  }));
  return batchBytes(first, records, { firstTimestamp });
}

/** A partition, and what the broker has of it. */
interface Feed {
  readonly partition: Partition;
  readonly batches: { readonly from: number; readonly bytes: Buffer }[];
  fetched: number;
}

/** The bank's tables as a catalogue has them, by name. */
type Tables = ReadonlyMap<string, Table>;

/** What a broker would have of the next `changes` changes, by topic: record batches. */
function recordBatches(events: BankEvents, changes: number): Map<string, Feed["batches"]> {
  const topics = new Map<string, Feed["batches"]>();
  for (const [topic, messages] of events.next(changes)) {
    const batches = [];
    for (let at = 0; at < messages.length; at += BATCH_MESSAGES) {
      batches.push({ from: at, bytes: batchOf(at, messages.slice(at, at + BATCH_MESSAGES)) });
    }
    topics.set(topic, batches);
  }
  return topics;
}

/** What draining has taken, and how many rows there were. */
interface Drained {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Asked of V8's heap. */
  readonly heapBytes: number;
  readonly rows: number;
}

/** Drains these topics. */
async function drainInMemory(
  topics: ReadonlyMap<string, Feed["batches"]>,
  tables: Tables,
): Promise<Drained> {
  const feeds = new Map<string, Feed>();
  for (const [topic, batches] of topics) {
    const partition = new Partition(topic, 0, 0, () => {});
    partition.isOurs = true;
    feeds.set(topic, { partition, batches, fetched: 0 });
  }
  const prefix = [...feeds.keys()][0].split(".")[0];
  const order = new Order({
    codec: debeziumCodec(),
    names: new TopicNames(prefix, ["public.*"]),
    position: {
      kind: "kafka",
      clusterId: "bench",
      prefix,
      topics: {},
      snapshot: { phase: "done", lsn: 0, again: null },
      lsn: 0,
    },
    layouts: [],
    nextSeq: 1,
    patienceMs: 600_000,
    known: (name) => tables.get(name),
    now: Date.now,
  });
  order.bind([...feeds.values()].map(({ partition }) => partition));
  const pool = new Pool(AREA_BYTES);
  let batch: Batch = pool.take()!;
  let rows = 0;
  const flush = () => {
    rows += batch.rows;
    batch.become("sealed");
    batch.become("applying");
    pool.give(batch);
    batch = pool.take()!;
  };
  const fetch = async () => {
    let hasCome = false;
    for (const feed of feeds.values()) {
      const { partition, batches } = feed;
      while (partition.bufferedBytes < AHEAD_BYTES && feed.fetched < batches.length) {
        const { from, bytes } = batches[feed.fetched++];
        partition.accept({
          partition: 0,
          highWatermark: "9007199254740991",
          batches: await readBatches(bytes),
          messages: [],
        }, from);
        hasCome = true;
      }
    }
    order.wake();
    return hasCome;
  };
  const watch = new Stopwatch();
  const allocated = allocatedBytes();
  for (;;) {
    if (!order.hasInput && !await fetch()) break;
    const stop = order.decode(batch);
    if (stop.kind === "full") flush();
    else if (stop === COMMIT) {
      if (batch.usedBytes >= BYTES_ENOUGH) flush();
    } else if (stop === END) {
      if (order.hasInput) await fetch(); // sockets have their turn
    } else if (stop.kind === "evolve") stop.adopt(new TableLayout(stop.table));
    else throw stop.kind === "fault" ? stop.fault : new Error(stop.kind);
  }
  flush();
  return { ...watch.read(), heapBytes: allocatedBytes() - allocated, rows };
}

/** The tables as a server has them. */
async function bankTables(): Promise<Tables> {
  await using server = await benchServer();
  const sql = await connect(server.url());
  await sql.query(await Deno.readTextFile(BANK));
  const { tables } = await readCatalog(sql, ["public.*"]);
  await sql.end();
  return new Map(tables.map((table) => [tableName(table), table]));
}

/** The one that took least CPU counts. */
const ROUNDS = 5;

export async function benchOrder({ rows = 100_000 }: BenchOptions): Promise<Row[]> {
  const tables = await bankTables();
  const measured: Row[] = [];
  for (const withSchemas of [true, false]) {
    const events = new BankEvents({ prefix: "bank", withSchemas });
    const topics = recordBatches(events, rows);
    let best: Drained | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      const drained = await drainInMemory(topics, tables);
      assert.equal(drained.rows, events.changes);
      if (best === undefined || drained.cpuSeconds < best.cpuSeconds) best = drained;
    }
    const { seconds, cpuSeconds, heapBytes, rows: changes } = best!;
    measured.push({
      what: withSchemas ? "with schemas" : "without",
      rows: changes,
      seconds,
      cpuSeconds,
      figures: {
        "CPU µs a change": Math.round(cpuSeconds / changes * 1e8) / 100,
        "heap B a change": Math.round(heapBytes / changes),
      },
      note: "record batches in memory, in order and decoded into batches that are thrown away; " +
        `the least CPU of ${ROUNDS} rounds`,
    });
  }
  return measured;
}
