import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { BatchError, isBatch, readBatches } from "./record_batch.ts";
import type { Message } from "./records.ts";

/** A record to be written, with what its batch adds. */
interface Given {
  timestampDelta: bigint;
  offsetDelta: bigint;
  key: string | null;
  value: string | null;
  headers: [string, string | null][];
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

function part(text: string | null): number[] {
  if (text === null) return varint(-1n);
  const bytes = Buffer.from(text);
  return [...varint(BigInt(bytes.length)), ...bytes];
}

/** A batch as a broker sends it. `bits`: of its attributes. */
function batch(firstOffset: bigint, given: Given[], bits = 0): Buffer {
  let records = Buffer.from(
    given.flatMap(({ timestampDelta, offsetDelta, key, value, headers }) => {
      const body = [
        0,
        ...varint(timestampDelta),
        ...varint(offsetDelta),
        ...part(key),
        ...part(value),
        ...varint(BigInt(headers.length)),
        ...headers.flatMap(([name, value]) => [...part(name), ...part(value)]),
      ];
      return [...varint(BigInt(body.length)), ...body];
    }),
  );
  if ((bits & 7) === 1) records = Buffer.from(gzipSync(records));
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(firstOffset, 0);
  header.writeInt32BE(61 - 12 + records.length, 8);
  header.writeInt8(2, 16);
  header.writeInt16BE(bits, 21);
  header.writeInt32BE(Number(given.at(-1)?.offsetDelta ?? 0n), 23);
  header.writeBigInt64BE(1_700_000_000_000n, 27);
  header.writeBigInt64BE(1_800_000_000_000n, 35);
  header.writeBigInt64BE(7n, 43);
  header.writeInt32BE(given.length, 57);
  return Buffer.concat([header, records]);
}

const GIVEN: Given[] = [
  { timestampDelta: 0n, offsetDelta: 0n, key: "a", value: "x".repeat(300), headers: [] },
  { timestampDelta: -5n, offsetDelta: 3n, key: null, value: "", headers: [["h", "1"], ["h", "2"]] },
  {
    timestampDelta: 2n ** 50n + 1n,
    offsetDelta: 70_000n,
    key: "",
    value: null,
    headers: [["none", null]],
  },
];

function plain({ offset, timestamp, key, value, headers, isControlRecord }: Message) {
  const text = (bytes: Uint8Array | null | undefined) => bytes && Buffer.from(bytes).toString();
  const named = Object.entries(headers ?? {}).map(([name, value]) =>
    [name, text(value as Uint8Array | null)] as const
  );
  return [offset, timestamp, text(key), text(value), Object.fromEntries(named), isControlRecord];
}

const FIRST = 2 ** 40;
const EXPECTED = [
  [FIRST, 1_700_000_000_000, "a", "x".repeat(300), {}, false],
  [FIRST + 3, 1_699_999_999_995, null, "", { h: "2" }, false],
  [FIRST + 70_000, 1_700_000_000_001 + 2 ** 50, "", null, { none: null }, false],
];

Deno.test("record batch: all of a record, plain and compressed, and of several batches", async () => {
  for (const bits of [0, 1]) {
    const bytes = batch(2n ** 40n, GIVEN, bits);
    assert.ok(isBatch(bytes));
    const messages = await readBatches(Buffer.concat([bytes, batch(5n, [])]));
    assert.deepEqual(messages.map(plain), EXPECTED);
    assert.deepEqual(messages[0].batchContext, {
      firstOffset: FIRST,
      lastOffsetDelta: 70_000,
      producerId: "7",
      inTransaction: false,
    });
  }
});

Deno.test("record batch: attributes tell of transactions, control records and the broker's clock", async () => {
  const [message] = await readBatches(batch(0n, GIVEN.slice(0, 1), 0x8 | 0x10 | 0x20));
  assert.equal(message.timestamp, 1_800_000_000_000);
  assert.equal(message.batchContext?.inTransaction, true);
  assert.equal(message.isControlRecord, true);
});

Deno.test("record batch: one that is cut off is left out, at whatever byte", async () => {
  const bytes = batch(2n ** 40n, GIVEN);
  const two = Buffer.concat([bytes, bytes]);
  for (let length = 0; length < two.length; length++) {
    const messages = await readBatches(two.subarray(0, length));
    assert.equal(messages.length, length < bytes.length ? 0 : GIVEN.length);
  }
});

Deno.test("record batch: damage is a BatchError or other records, never anything else", async () => {
  const bytes = batch(2n ** 40n, GIVEN);
  let refused = 0;
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0x00, 0x7f, 0x80, 0xff]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = value;
      if (at === 22 && (value & 7) !== 0) continue; // says that it is compressed
      try {
        await readBatches(damaged);
      } catch (error) {
        assert.ok(error instanceof BatchError, `${at}: ${error}`);
        refused++;
      }
    }
  }
  assert.ok(refused > 20, `${refused}`);
});
