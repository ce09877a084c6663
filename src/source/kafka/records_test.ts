import assert from "node:assert/strict";
import { type Fetched, type Message, toChunk } from "./records.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A batch of one record for each of `values`, from `first` on. */
function batch(first: number, values: string[], context: Partial<Message["batchContext"]> = {}) {
  return values.map((value, i): Message => ({
    offset: String(first + i),
    timestamp: "1700000000000",
    key: null,
    value: bytes(value),
    headers: {},
    batchContext: {
      firstOffset: String(first),
      lastOffsetDelta: values.length - 1,
      producerId: "-1",
      inTransaction: false,
      ...context,
    },
  }));
}

/** A control record that ends a producer's transaction. */
function marker(offset: number, producerId: string, type: "abort" | "commit"): Message {
  const [message] = batch(offset, [""], { producerId, inTransaction: true });
  return {
    ...message,
    key: new Uint8Array([0, 0, 0, type === "abort" ? 0 : 1]),
    isControlRecord: true,
  };
}

function fetched(messages: Message[], aborted: [string, number][] = []): Fetched {
  return {
    partition: 0,
    highWatermark: "100",
    messages,
    abortedTransactions: aborted.map(([producerId, first]) => ({
      producerId,
      firstOffset: String(first),
    })),
  };
}

function values(given: Fetched, from = 0): (string | null)[] {
  return toChunk("t", given, from)!.records.map(({ value }) =>
    value && new TextDecoder().decode(value)
  );
}

Deno.test("records: what lies before the offset that was asked for is left out", () => {
  const chunk = toChunk("t", fetched(batch(10, ["a", "b", "c"])), 11)!;
  assert.deepEqual(chunk.records.map(({ offset }) => offset), [11, 12]);
  assert.equal(chunk.end, 13);
});

Deno.test("records: a batch whose end compaction has removed still ends where it ended", () => {
  const messages = batch(10, ["a", "b", "c", "d"]).slice(0, 1);
  assert.equal(toChunk("t", fetched(messages), 10)!.end, 14);
  // Only what came before remains of it: the fetch moves on all the same.
  const chunk = toChunk("t", fetched(messages), 12)!;
  assert.deepEqual([chunk.records.length, chunk.end], [0, 14]);
});

Deno.test("records: an answer that holds nothing is no chunk", () => {
  assert.equal(toChunk("t", fetched([]), 5), undefined);
  assert.equal(toChunk("t", fetched(batch(1, ["a", "b"])), 3), undefined);
});

Deno.test("records: of interleaved transactions only those that were aborted are left out", () => {
  const open = (producerId: string) => ({ producerId, inTransaction: true });
  const messages = [
    ...batch(0, ["1a", "1b"], open("1")),
    ...batch(2, ["2a"], open("2")),
    ...batch(3, ["plain"], { producerId: "1" }),
    ...batch(4, ["1c"], open("1")),
    marker(5, "1", "abort"),
    ...batch(6, ["1d"], open("1")),
    ...batch(7, ["2b"], open("2")),
    marker(8, "2", "commit"),
    marker(9, "1", "commit"),
    ...batch(10, ["1e"], open("1")),
    marker(11, "1", "abort"),
  ];
  const given = fetched(messages, [["1", 10], ["1", 0]]);
  assert.deepEqual(values(given), ["2a", "plain", "1d", "2b"]);
  assert.equal(toChunk("t", given, 0)!.end, 12);
});

Deno.test("records: a key that looks like an ABORT marker's is none", () => {
  const [message] = batch(1, ["b"], { producerId: "1", inTransaction: true });
  const messages = [
    ...batch(0, ["a"], { producerId: "1", inTransaction: true }),
    { ...message, key: new Uint8Array(4) },
    ...batch(2, ["c"], { producerId: "1", inTransaction: true }),
    marker(3, "1", "abort"),
  ];
  assert.deepEqual(values(fetched(messages, [["1", 0]])), []);
});

Deno.test("records: headers, the last of several of a name, and none without a value", () => {
  const [message] = batch(0, ["a"]);
  const headers = { one: bytes("1"), several: [bytes("1"), bytes("2")], none: null };
  const chunk = toChunk("t", fetched([{ ...message, headers }]), 0)!;
  assert.deepEqual(chunk.records[0].headers, { one: bytes("1"), several: bytes("2") });
});

Deno.test("records: old formats, without a batch's context, are read", () => {
  const messages = batch(3, ["a", "b"]).map(({ batchContext: _, ...message }) => message);
  const chunk = toChunk("t", fetched(messages), 3)!;
  assert.deepEqual([chunk.records.length, chunk.end], [2, 5]);
});

Deno.test("records: few bytes of a large buffer are copied out of it, many are not", () => {
  const answer = new Uint8Array(1_000_000).fill(7);
  const part = (length: number): Message => ({
    ...batch(0, [""])[0],
    key: answer.subarray(10, 13),
    value: answer.subarray(100, 100 + length),
    headers: { h: answer.subarray(5, 7) },
  });
  const [small] = toChunk("t", fetched([part(1000)]), 0)!.records;
  assert.deepEqual([small.key!.length, small.value!.length, small.headers.h.length], [3, 1000, 2]);
  for (const piece of [small.key!, small.value!, small.headers.h]) {
    assert.equal(piece.buffer.byteLength, 1005);
    assert.ok(piece.every((byte) => byte === 7));
  }
  const [large] = toChunk("t", fetched([part(400_000)]), 0)!.records;
  assert.equal(large.value!.buffer, answer.buffer);
});
