import assert from "node:assert/strict";
import { Batch } from "../../batch/batch.ts";
import { debeziumCodec } from "../../decode/debezium/codec.ts";
import { Order } from "./order.ts";
import {
  makeTransactions,
  randomOf,
  runConnector,
  type SourceTransaction,
  TestFeed,
  type Topics,
} from "./order_fixture.ts";
import { type Row, TestSink } from "./order_sink_fixture.ts";
import { TopicNames } from "./topics.ts";

const TABLES = ["public.a", "public.b", "public.c"];
const partitionsOf = (table: string) => table === "public.c" ? 3 : 1;

/** Reads all of the topics, with restarts, and checks what is visible after every commit. */
function readAll(
  topics: Topics,
  source: readonly SourceTransaction[],
  random: (below: number) => number,
  marks: boolean,
): Row[] {
  const sink = new TestSink();
  const slabBytes = random(2) === 0 ? 64 * 1024 : 4 * 1024; // the latter is full with one table
  const pool = {
    take: () => {
      const batch = new Batch(new ArrayBuffer(slabBytes));
      batch.become("filling");
      return batch;
    },
    give: (batch: Batch) => batch.discard(),
  };
  /** Topics that were not found yet, though they may have records. */
  const late = new Set(TABLES.map((table) => `p.${table}`).filter(() => random(3) === 0));
  const codec = debeziumCodec();
  let nowMs = 0;
  let isRestart = true;
  let feeds: TestFeed[] = [];
  let order!: Order;
  const bind = () => {
    feeds = [...topics].flatMap(([name, records]) => {
      const [, topic, partition] = /^(.*)\[(\d+)\]$/.exec(name)!;
      if (late.has(topic)) return [];
      const feed = new TestFeed(topic, Number(partition), records);
      feed.next = order.position.topics[topic]?.[Number(partition)]?.next ?? 0;
      feed.letGo();
      return [feed];
    });
    order.bind(feeds);
  };
  const find = (found: readonly string[]) => {
    for (const topic of found) late.delete(topic);
    const known = new Set([...topics.keys()].map((name) => name.replace(/\[.*/, "")));
    order.goWithout(order.sought.filter((topic) => !known.has(topic)));
    if (found.length > 0) bind();
  };
  const start = () => {
    sink.rollBack();
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
    bind();
  };
  for (let idle = 0; idle < 10;) {
    if (isRestart) start();
    isRestart = false;
    const batch = pool.take();
    let stop = order.decode(batch);
    while (stop.kind === "commit" && random(2) === 0 && order.hasInput) stop = order.decode(batch);
    nowMs += 10;
    if (stop.kind === "fault") throw stop.fault;
    sink.write(batch);
    pool.give(batch);
    sink.answer(stop, pool);
    if (!order.inTransaction) {
      sink.commit(order.position);
      if (marks) assertWhole(sink.rows, source);
      isRestart = random(12) === 0;
    } else isRestart = random(60) === 0; // amid a transaction: what is pending is lost
    if (order.wantsEnds && late.size > 0) find([...late]); // topics are looked for first
    else if (order.wantsEnds) {
      const ends = new Map<string, number[]>();
      for (const { topic, partition, end } of feeds) {
        if (!ends.has(topic)) ends.set(topic, []);
        ends.get(topic)![partition] = end;
      }
      order.endsAt(ends);
    }
    if (random(40) === 0) find([...late].slice(0, 1));
    if (order.sought.length > 0) find(order.sought.filter((topic) => late.has(topic)));
    if (isRestart || order.hasInput) continue;
    if (random(8) === 0) order.letGo();
    const came = feeds.filter((feed) => random(2) === 0 && feed.fetch(1 + random(6)));
    if (came.length > 0) order.wake();
    else if (feeds.some(({ next, end }) => next < end)) nowMs += 500;
    else if (++idle === 10 && late.size > 0) {
      idle = 0;
      find([...late]);
    }
    if (nowMs > 10_000_000) {
      const heads = feeds.map(({ topic, next, end }) => `${topic} ${next}/${end}`);
      throw new Error(`stuck: ${order.incomplete}: ${heads.join(", ")}`);
    }
  }
  assert.equal(order.inTransaction, false, "a transaction stayed open");
  return sink.rows;
}

/** A source's change, or one that was written. */
type Change = Pick<Row, "table" | "key" | "op" | "lsn" | "tx" | "text" | "value">;

/** With the texts that are left out. */
function changesOf(source: readonly SourceTransaction[]): Change[] {
  const texts = new Map<string, string | null>();
  return source.flatMap(({ tx, rows }) =>
    rows.map((row) => {
      const name = (key: number) => `${row.table} ${key}`;
      const before = texts.get(name(row.half === "new" ? row.other! : row.key)) ?? null;
      const text = row.op === "d" || row.op === "t" ? null : row.text ?? before;
      if (row.op !== "d") texts.set(name(row.key), text);
      return { ...row, tx, text };
    })
  );
}

/** Without the TRUNCATEs of tables that had no rows yet, which may be passed over. */
function withoutFirstTruncates(changes: readonly Change[]): Change[] {
  const met = new Set<string>();
  return changes.filter(({ table, op }) => {
    if (op !== "t") met.add(table);
    return met.has(table);
  });
}

/** Every transaction is there whole, or not at all. */
function assertWhole(rows: readonly Row[], source: readonly SourceTransaction[]): void {
  const countOf = (changes: readonly Change[]) => {
    const counts = new Map<number, number>();
    for (const { tx } of withoutFirstTruncates(changes)) counts.set(tx, (counts.get(tx) ?? 0) + 1);
    return counts;
  };
  const came = countOf(rows);
  for (const [tx, rows] of countOf(changesOf(source))) {
    const count = came.get(tx) ?? 0;
    assert(count === 0 || count === rows, `${count} of ${rows} rows of ${tx}`);
  }
}

function assertEqual(all: readonly Row[], source: readonly SourceTransaction[]): void {
  for (const [i, { seq }] of all.entries()) assert.equal(seq, i + 1, "numbers without a gap");
  const rows = withoutFirstTruncates(all);
  const expected = withoutFirstTruncates(changesOf(source));
  const text = ({ table, key, op, lsn, tx, text, value }: Change) =>
    `${table} ${key} ${op} ${lsn} ${tx} ${text} ${op === "c" || op === "u" ? value : ""}`;
  assert.deepEqual(rows.map(text).sort(), expected.map(text).sort(), "every change once");
  for (const table of TABLES) {
    for (let key = 0; key < 8; key++) {
      const isAlone = partitionsOf(table) === 1; // then all keys' are in order
      const of = (row: { table: string; key: number }) =>
        row.table === table && (isAlone || row.key === key);
      assert.deepEqual(
        rows.filter(of).map(text),
        expected.filter(of).map(text),
        `the changes of key ${key} of ${table} in their order`,
      );
    }
  }
}

for (const marks of [true, false]) {
  const by = marks ? "whole transactions" : "each by itself";
  Deno.test(`every change once and in order, ${by}, whatever crashes`, () => {
    const first = Math.floor(Math.random() * 1e9);
    for (let seed = first; seed < first + 60; seed++) {
      try {
        const random = randomOf(seed);
        const mayTruncate = (table: string) => partitionsOf(table) === 1;
        const source = makeTransactions(random, 5 + random(40), TABLES, mayTruncate);
        const topics = runConnector(random, source, partitionsOf, { crashes: random(5), marks });
        assertEqual(readAll(topics, source, random, marks), source);
      } catch (error) {
        throw new Error(`with seed ${seed}`, { cause: error });
      }
    }
  });
}
