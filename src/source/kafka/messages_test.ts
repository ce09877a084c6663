import assert from "node:assert/strict";
import type { Chunk, Fetched, Message } from "./fetched.ts";
import { messageChunk } from "./messages.ts";
import { Slice } from "../../slice.ts";

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

function recordsOf(chunk: Chunk) {
  return Array.from({ length: chunk.count }, (_, i) => chunk.record(i));
}

function values(given: Fetched, from = 0): (string | null)[] {
  return recordsOf(messageChunk("t", given, from)!).map(({ value }) =>
    value && new TextDecoder().decode(value.copy())
  );
}

Deno.test("messages: what lies before the offset that was asked for is left out", () => {
  const chunk = messageChunk("t", fetched(batch(10, ["a", "b", "c"])), 11)!;
  assert.deepEqual(recordsOf(chunk).map(({ offset }) => offset), [11, 12]);
  assert.equal(chunk.end, 13);
});

Deno.test("messages: a batch whose end compaction has removed still ends where it ended", () => {
  const messages = batch(10, ["a", "b", "c", "d"]).slice(0, 1);
  assert.equal(messageChunk("t", fetched(messages), 10)!.end, 14);
  // Only what came before remains of it: the fetch moves on all the same.
  const chunk = messageChunk("t", fetched(messages), 12)!;
  assert.deepEqual([chunk.count, chunk.end], [0, 14]);
});

Deno.test("messages: an answer that holds nothing is no chunk", () => {
  assert.equal(messageChunk("t", fetched([]), 5), undefined);
  assert.equal(messageChunk("t", fetched(batch(1, ["a", "b"])), 3), undefined);
});

Deno.test("messages: of interleaved transactions only those that were aborted are left out", () => {
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
  assert.equal(messageChunk("t", given, 0)!.end, 12);
});

Deno.test("messages: a key that looks like an ABORT marker's is none", () => {
  const [message] = batch(1, ["b"], { producerId: "1", inTransaction: true });
  const messages = [
    ...batch(0, ["a"], { producerId: "1", inTransaction: true }),
    { ...message, key: new Uint8Array(4) },
    ...batch(2, ["c"], { producerId: "1", inTransaction: true }),
    marker(3, "1", "abort"),
  ];
  assert.deepEqual(values(fetched(messages, [["1", 0]])), []);
});

Deno.test("messages: headers, the last of several of a name, and none without a value", () => {
  const [message] = batch(0, ["a"]);
  const headers = { one: bytes("1"), several: [bytes("1"), bytes("2")], none: null };
  const chunk = messageChunk("t", fetched([{ ...message, headers }]), 0)!;
  assert.deepEqual(chunk.record(0).headers, { one: bytes("1"), several: bytes("2") });
});

Deno.test("messages: old formats, without a batch's context, are read", () => {
  const messages = batch(3, ["a", "b"]).map(({ batchContext: _, ...message }) => message);
  const chunk = messageChunk("t", fetched(messages), 3)!;
  assert.deepEqual([chunk.count, chunk.end], [2, 5]);
});

Deno.test("messages: few bytes of a large buffer are copied out of it, many are not", () => {
  const answer = new Uint8Array(1_000_000).fill(7);
  const part = (length: number): Message => ({
    ...batch(0, [""])[0],
    key: answer.subarray(10, 13),
    value: answer.subarray(100, 100 + length),
    headers: { h: answer.subarray(5, 7) },
  });
  const small = messageChunk("t", fetched([part(1000)]), 0)!.record(0);
  assert.deepEqual([small.key!.length, small.value!.length, small.headers.h.length], [3, 1000, 2]);
  for (const piece of [small.key!, small.value!, Slice.of(small.headers.h)]) {
    assert.equal(piece.bytes.length, 1005);
    assert.ok(piece.copy().every((byte) => byte === 7));
  }
  const large = messageChunk("t", fetched([part(400_000)]), 0)!.record(0);
  assert.ok(large.value!.bytes.buffer === answer.buffer);
});
