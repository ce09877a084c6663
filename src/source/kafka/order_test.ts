import assert from "node:assert/strict";
import { type Batch, OP } from "../../batch/batch.ts";
import { META, META_COUNT, TableLayout } from "../../batch/column.ts";
import { Pool } from "../../batch/pool.ts";
import { debeziumCodec } from "../../decode/debezium/codec.ts";
import type { KafkaPosition } from "../position.ts";
import { Order } from "./order.ts";
import {
  makeTransactions,
  randomOf,
  runConnector,
  type SourceTransaction,
  TestFeed,
  type Topics,
} from "./order_fixture.ts";
import { TopicNames } from "./topics.ts";

const TABLES = ["public.a", "public.b", "public.c"];
const partitionsOf = (table: string) => table === "public.c" ? 3 : 1;

interface Row {
  table: string;
  key: number;
  op: string;
  value: number | null;
  lsn: number;
  seq: number;
  tx: number;
}

/** What a sink would hold, and the layouts that it made. */
class TestSink {
  rows: Row[] = [];
  pending: Row[] = [];
  layouts: TableLayout[] = [];
  position: KafkaPosition = {
    kind: "kafka",
    clusterId: "c",
    prefix: "p",
    topics: {},
    snapshot: { phase: "done", lsn: 0, again: null },
    lsn: 0,
  };

  write(batch: Batch): void {
    for (const { layout, chunks } of batch.segments.values()) {
      const [id, n] = ["id", "n"].map((name) =>
        META_COUNT + layout.table.columns.findIndex((column) => column.name === name)
      );
      for (const chunk of chunks) {
        for (let row = 0; row < chunk.rows; row++) {
          const long = (column: number) =>
            batch.ints[(chunk.data[column] >> 2) + row * 2 + 1] * 2 ** 32 +
            (batch.ints[(chunk.data[column] >> 2) + row * 2] >>> 0);
          const isNull = (column: number) =>
            (batch.bytes[chunk.validity[column] + (row >> 3)] & (1 << (row & 7))) === 0;
          this.pending.push({
            table: layout.name,
            key: long(id),
            op: Object.entries(OP).find(([, code]) =>
              code === batch.bytes[chunk.data[META.op] + row]
            )![0],
            value: isNull(n) ? null : long(n),
            lsn: long(META.lsn),
            seq: long(META.seq),
            tx: long(META.tx),
          });
        }
      }
    }
  }

  /** As `Recall` asks. */
  recognise(batch: Batch): number[] {
    const before = [...this.rows, ...this.pending];
    this.pending = [];
    this.write(batch);
    const asked = this.pending.sort((a, b) => a.seq - b.seq);
    this.pending = before.filter((row) => !this.rows.includes(row));
    return asked.map((row) =>
      before.find(({ table, key, op, lsn }) =>
        table === row.table && key === row.key && op === row.op && lsn === row.lsn
      )?.seq ?? 0
    );
  }
}

/** Reads all of the topics, with restarts, and checks what is visible after every commit. */
function readAll(
  topics: Topics,
  source: readonly SourceTransaction[],
  random: (below: number) => number,
  marks: boolean,
): Row[] {
  const sink = new TestSink();
  const pool = new Pool(4 * 1024 * 1024);
  const codec = debeziumCodec();
  let nowMs = 0;
  let isRestart = true;
  let feeds: TestFeed[] = [];
  let order!: Order;
  const start = () => {
    sink.pending = [];
    order = new Order({
      codec,
      names: new TopicNames("p", ["public.*"]),
      position: sink.position,
      layouts: sink.layouts,
      nextSeq: sink.rows.length + 1,
      patienceMs: 60_000,
      known: () => undefined,
      now: () => nowMs,
      recentMax: 16,
    });
    feeds = [...topics].map(([name, records]) => {
      const [, topic, partition] = /^(.*)\[(\d+)\]$/.exec(name)!;
      const feed = new TestFeed(topic, Number(partition), records);
      feed.next = sink.position.topics[topic]?.[Number(partition)]?.next ?? 0;
      feed.letGo();
      return feed;
    });
    order.bind(feeds);
  };
  for (let idle = 0; idle < 10;) {
    if (isRestart) start();
    isRestart = false;
    const batch = pool.take()!;
    let stop = order.decode(batch);
    while (stop.kind === "commit" && random(2) === 0 && order.hasInput) stop = order.decode(batch);
    nowMs += 10;
    if (stop.kind === "fault") throw stop.fault;
    if (stop.kind === "evolve") {
      const layout = sink.layouts.find(({ name }) => name === `public.${stop.table.name}`) ??
        new TableLayout(stop.table);
      if (!sink.layouts.includes(layout)) sink.layouts = [...sink.layouts, layout];
      stop.adopt(layout);
    }
    sink.write(batch);
    pool.give(batch);
    if (stop.kind === "recall") {
      const asked = pool.take()!;
      stop.recall.fill(asked);
      stop.recall.answer(sink.recognise(asked));
      pool.give(asked);
    }
    if (stop.kind === "ask") {
      const { txs, before } = stop;
      const all = [...sink.rows, ...sink.pending].filter(({ seq }) => seq < before);
      stop.answer(new Set(txs.filter((tx) => all.some((row) => row.tx === tx))));
    }
    if (!order.inTransaction) {
      sink.rows.push(...sink.pending.sort((a, b) => a.seq - b.seq));
      sink.pending = [];
      sink.position = order.position;
      if (marks) assertWhole(sink.rows, source);
      isRestart = random(12) === 0;
    } else isRestart = random(60) === 0; // amid a transaction: what is pending is lost
    if (order.wantsEnds) {
      const ends = new Map<string, number[]>();
      for (const { topic, partition, end } of feeds) {
        if (!ends.has(topic)) ends.set(topic, []);
        ends.get(topic)![partition] = end;
      }
      order.endsAt(ends);
    }
    if (isRestart || order.hasInput) continue;
    if (random(8) === 0) order.letGo();
    const came = feeds.filter((feed) => random(2) === 0 && feed.fetch(1 + random(6)));
    if (came.length > 0) order.wake();
    else if (feeds.some(({ next, end }) => next < end)) nowMs += 500;
    else idle++;
    if (nowMs > 10_000_000) {
      const heads = feeds.map(({ topic, next, end }) => `${topic} ${next}/${end}`);
      throw new Error(`stuck: ${order.incomplete}: ${heads.join(", ")}`);
    }
  }
  assert.equal(order.inTransaction, false, "a transaction stayed open");
  pool[Symbol.dispose]();
  return sink.rows;
}

/** Every transaction is there whole, or not at all. */
function assertWhole(rows: readonly Row[], source: readonly SourceTransaction[]): void {
  const came = new Map<number, number>();
  for (const { tx } of rows) came.set(tx, (came.get(tx) ?? 0) + 1);
  for (const { tx, rows } of source) {
    const count = came.get(tx) ?? 0;
    assert(count === 0 || count === rows.length, `${count} of ${rows.length} rows of ${tx}`);
  }
}

function assertEqual(rows: readonly Row[], source: readonly SourceTransaction[]): void {
  const expected = source.flatMap(({ tx, rows }) => rows.map((row) => ({ ...row, tx })));
  const text = (row: { table: string; key: number; op: string; lsn: number; tx: number }) =>
    `${row.table} ${row.key} ${row.op} ${row.lsn} ${row.tx}`;
  assert.deepEqual(rows.map(text).sort(), expected.map(text).sort(), "every change once");
  for (const table of TABLES) {
    for (let key = 0; key < 8; key++) {
      const of = (row: { table: string; key: number }) => row.table === table && row.key === key;
      assert.deepEqual(
        rows.filter(of).map(text),
        expected.filter(of).map(text),
        `the changes of key ${key} of ${table} in their order`,
      );
    }
  }
  for (const [i, { seq }] of rows.entries()) assert.equal(seq, i + 1, "numbers without a gap");
}

for (const marks of [true, false]) {
  const by = marks ? "whole transactions" : "each by itself";
  Deno.test(`every change once and in order, ${by}, whatever crashes`, () => {
    const first = Math.floor(Math.random() * 1e9);
    for (let seed = first; seed < first + 60; seed++) {
      try {
        const random = randomOf(seed);
        const source = makeTransactions(random, 5 + random(40), TABLES);
        const topics = runConnector(random, source, partitionsOf, { crashes: random(5), marks });
        assertEqual(readAll(topics, source, random, marks), source);
      } catch (error) {
        throw new Error(`with seed ${seed}`, { cause: error });
      }
    }
  });
}
