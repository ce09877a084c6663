/** Records that are let go of and fetched again may lie elsewhere, and are what they are. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Pool } from "../../batch/pool.ts";
import { compiling } from "../../decode/debezium/compiling.ts";
import { debeziumCodec } from "../../decode/debezium/codec.ts";
import type { Fetched } from "./fetched.ts";
import { Order } from "./order.ts";
import { TestSink } from "./order_sink_fixture.ts";
import { Partition } from "./partition.ts";
import { readBatches } from "./record_batch.ts";
import { batchBytes } from "./record_batch_fixture.ts";
import { TopicNames } from "./topics.ts";

type KeyAndValue = [key: unknown, value: unknown];

/** A fetch's answer whose records lie `at` bytes into its memory. */
async function fetched(first: number, records: KeyAndValue[], at: number): Promise<Fetched> {
  const given = records.map(([key, value], offsetDelta) => ({
    offsetDelta,
    key: JSON.stringify(key),
    value: JSON.stringify(value),
  }));
  const bytes = batchBytes(first, given);
  const answer = new Uint8Array(at + bytes.length + 400);
  answer.set(bytes, at);
  const batches = await readBatches(Buffer.from(answer.buffer, at, bytes.length));
  return { partition: 0, highWatermark: "1000", batches, messages: [] };
}

function row(key: number, n: number, tx: number): KeyAndValue {
  return [{ id: key }, {
    before: null,
    after: { id: key, n, text: "x".repeat(20) + n },
    source: { schema: "public", table: "a", lsn: n, txId: tx, ts_ms: 0, snapshot: "false" },
    op: "c",
    transaction: { id: `${tx}:${n}`, data_collection_order: 1 },
  }];
}

function marks(tx: number, lsn: number, rows: number): KeyAndValue[] {
  const data_collections = [{ data_collection: "public.a", event_count: rows }];
  return [
    [{}, { status: "BEGIN", id: `${tx}:${lsn}`, event_count: null, data_collections: null }],
    [{}, { status: "END", id: `${tx}:${lsn + 20}`, event_count: rows, data_collections }],
  ];
}

function partition(topic: string, at: number): Partition {
  const made = new Partition(topic, 0, at, () => {});
  made.isOurs = true;
  return made;
}

for (const again of ["kept", "let go of", "bound again"]) {
  Deno.test(`a record that was looked at before its turn, ${again}, is the same row`, async () => {
    const { afterRecords } = compiling;
    compiling.afterRecords = 1;
    const sink = new TestSink();
    using pool = new Pool(4 * 1024 * 1024);
    const order = new Order({
      codec: debeziumCodec(),
      names: new TopicNames("p", ["public.*"]),
      position: sink.position,
      layouts: [],
      nextSeq: 1,
      patienceMs: 60_000,
      known: () => undefined,
      now: () => 1,
    });
    const run = () => {
      order.wake();
      while (order.hasInput) {
        const batch = pool.take()!;
        const stop = order.decode(batch);
        sink.write(batch);
        pool.give(batch);
        sink.answer(stop, pool);
        assert.notEqual(stop.kind, "fault");
        if (!order.inTransaction) sink.commit(order.position);
      }
    };
    const transactions = partition("p.transaction", 0);
    let a = partition("p.public.a", 0);
    order.bind([transactions, a]);
    const rows = [row(1, 101, 7), row(2, 102, 7), row(3, 103, 7), row(4, 104, 8)];
    transactions.accept(await fetched(0, marks(7, 90, 3), 0), 0);
    a.accept(await fetched(0, rows, 0), 0);
    run(); // the last row waits for its transaction
    if (again === "let go of") a.letGo();
    if (again === "bound again") order.bind([transactions, a = partition("p.public.a", a.next)]);
    if (again !== "kept") a.accept(await fetched(0, rows, 300), 3);
    transactions.accept(await fetched(2, marks(8, 103, 1), 0), 2);
    run();
    compiling.afterRecords = afterRecords;
    assert.deepEqual(sink.rows.map(({ key, value }) => [key, value]), [
      [1, 101],
      [2, 102],
      [3, 103],
      [4, 104],
    ]);
  });
}
