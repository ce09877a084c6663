import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readBatches, type RecordBatch } from "./record_batch.ts";
import { batchBytes } from "./record_batch_fixture.ts";
import type { Chunk, Fetched } from "./fetched.ts";
import { toChunk } from "./records.ts";

const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** A batch of one record for each of `values`, from `first` on. */
async function batch(first: number, values: string[], producerId = -1, bits = 0) {
  const given = values.map((value, offsetDelta) => ({ offsetDelta, key: null, value }));
  const [made] = await readBatches(batchBytes(first, given, { producerId, bits }));
  return made;
}

/** A control record that ends a producer's transaction. */
async function marker(first: number, producerId: number, type: "abort" | "commit") {
  const key = Uint8Array.of(0, 0, 0, type === "abort" ? 0 : 1);
  const bits = TRANSACTIONAL | CONTROL;
  const bytes = batchBytes(first, [{ offsetDelta: 0, key, value: "" }], { producerId, bits });
  return (await readBatches(bytes))[0];
}

function fetched(batches: RecordBatch[], aborted: [number, number][] = []): Fetched {
  return {
    partition: 0,
    highWatermark: "100",
    batches,
    messages: [],
    abortedTransactions: aborted.map(([producerId, first]) => ({
      producerId: String(producerId),
      firstOffset: String(first),
    })),
  };
}

function recordsOf(chunk: Chunk) {
  return Array.from({ length: chunk.count }, (_, i) => chunk.record(i));
}

function values(given: Fetched, from = 0): string[] {
  return recordsOf(toChunk("t", given, from)!).map(({ value }) =>
    new TextDecoder().decode(value!.copy())
  );
}

Deno.test("records: what lies before the offset that was asked for is left out", async () => {
  const given = fetched([await batch(10, ["a", "b", "c"]), await batch(13, ["d", "e"])]);
  for (const from of [9, 10, 11, 12, 13, 14]) {
    const chunk = toChunk("t", given, from)!;
    const offsets = recordsOf(chunk).map(({ offset }) => offset);
    assert.deepEqual(offsets, [10, 11, 12, 13, 14].filter((offset) => offset >= from));
    assert.deepEqual(offsets, offsets.map((_, i) => chunk.offsetOf(i)));
    assert.equal(chunk.end, 15);
  }
});

Deno.test("records: records are found in any order, also beside batches without any", async () => {
  const given = [await batch(0, []), await batch(3, ["a", "b"]), await batch(5, [])];
  const chunk = toChunk("t", fetched([...given, await batch(7, ["c"])]), 0)!;
  for (const [record, offset] of [[2, 7], [0, 3], [1, 4], [2, 7], [1, 4]]) {
    assert.equal(chunk.record(record).offset, offset);
    assert.equal(chunk.offsetOf(record), offset);
  }
});

Deno.test("records: a batch whose end compaction has removed still ends where it ended", async () => {
  const bytes = batchBytes(10, [{ offsetDelta: 0, key: null, value: "a" }]);
  bytes.writeInt32BE(3, 23); // last_offset_delta
  const given = fetched(await readBatches(bytes));
  assert.equal(toChunk("t", given, 10)!.end, 14);
  // Only what came before remains of it: the fetch moves on all the same.
  const chunk = toChunk("t", given, 12)!;
  assert.deepEqual([chunk.count, chunk.end], [0, 14]);
});

Deno.test("records: an answer that holds nothing is no chunk", async () => {
  assert.equal(toChunk("t", fetched([]), 5), undefined);
  assert.equal(toChunk("t", fetched([await batch(1, ["a", "b"])]), 3), undefined);
});

Deno.test("records: of interleaved transactions only those that were aborted are left out", async () => {
  const given = fetched([
    await batch(0, ["1a", "1b"], 1, TRANSACTIONAL),
    await batch(2, ["2a"], 2, TRANSACTIONAL),
    await batch(3, ["plain"], 1),
    await batch(4, ["1c"], 1, TRANSACTIONAL),
    await marker(5, 1, "abort"),
    await batch(6, ["1d"], 1, TRANSACTIONAL),
    await batch(7, ["2b"], 2, TRANSACTIONAL),
    await marker(8, 2, "commit"),
    await marker(9, 1, "commit"),
    await batch(10, ["1e"], 1, TRANSACTIONAL),
    await marker(11, 1, "abort"),
  ], [[1, 10], [1, 0]]);
  assert.deepEqual(values(given), ["2a", "plain", "1d", "2b"]);
  assert.equal(toChunk("t", given, 0)!.end, 12);
});

Deno.test("records: a key that looks like an ABORT marker's is none", async () => {
  const bytes = batchBytes(1, [{ offsetDelta: 0, key: new Uint8Array(4), value: "b" }], {
    producerId: 1,
    bits: TRANSACTIONAL,
  });
  const given = fetched([
    await batch(0, ["a"], 1, TRANSACTIONAL),
    ...await readBatches(bytes),
    await batch(2, ["c"], 1, TRANSACTIONAL),
    await marker(3, 1, "abort"),
  ], [[1, 0]]);
  assert.deepEqual(values(given), []);
});

Deno.test("records: few bytes of a large buffer are copied out of it, many are not", async () => {
  const read = async (length: number) => {
    const value = new Uint8Array(length).fill(7);
    const bytes = batchBytes(5, [{ offsetDelta: 0, key: "k", value, headers: [["h", "v"]] }]);
    const answer = Buffer.concat([bytes, Buffer.alloc(1_000_000)]);
    const chunk = toChunk("t", fetched(await readBatches(answer.subarray(0, bytes.length))), 0)!;
    return { record: chunk.record(0), answer, value };
  };
  const small = await read(1000);
  assert.deepEqual(small.record.value!.copy(), small.value);
  assert.deepEqual(small.record.headers, { h: Uint8Array.of(0x76) });
  assert.ok(small.record.value!.bytes.length < 1100);
  const large = await read(400_000);
  assert.ok(Buffer.from(large.record.value!.copy()).equals(large.value));
  assert.ok(large.record.value!.bytes.buffer === large.answer.buffer);
});
