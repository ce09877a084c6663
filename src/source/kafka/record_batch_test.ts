import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BatchError, isBatch, readBatches, type RecordBatch } from "./record_batch.ts";
import { batchBytes, type GivenRecord } from "./record_batch_fixture.ts";
import { HeldRecord } from "./held_record.ts";
import { Slice } from "../../slice.ts";

/** A batch with times of its own. */
function batch(firstOffset: number, given: readonly GivenRecord[], bits = 0): Buffer {
  const [firstTimestamp, maxTimestamp] = [1_700_000_000_000, 1_800_000_000_000];
  return batchBytes(firstOffset, given, { bits, producerId: 7, firstTimestamp, maxTimestamp });
}

const GIVEN: GivenRecord[] = [
  { timestampDelta: 0, offsetDelta: 0, key: "a", value: "x".repeat(300), headers: [] },
  { timestampDelta: -5, offsetDelta: 3, key: null, value: "", headers: [["h", "1"], ["h", "2"]] },
  {
    timestampDelta: 2 ** 50 + 1,
    offsetDelta: 70_000,
    key: "",
    value: null,
    headers: [["none", null]],
  },
];

function plain(batch: RecordBatch) {
  const text = (part: Uint8Array | Slice | null) =>
    part && Buffer.from(part instanceof Slice ? part.copy() : part).toString();
  const record = new HeldRecord("t", 0);
  return Array.from({ length: batch.count }, (_, i) => {
    const { offset, timestampMs, key, value, headers } = batch.record(i, record);
    assert.equal(batch.offsetOf(i), offset);
    const named = Object.entries(headers).map(([name, value]) => [name, text(value)]);
    return [offset, timestampMs, text(key), text(value), Object.fromEntries(named)];
  });
}

const FIRST = 2 ** 40;
const EXPECTED = [
  [FIRST, 1_700_000_000_000, "a", "x".repeat(300), {}],
  [FIRST + 3, 1_699_999_999_995, null, "", { h: "2" }],
  [FIRST + 70_000, 1_700_000_000_001 + 2 ** 50, "", null, {}],
];

Deno.test("record batch: all of a record, plain and compressed, and of several batches", async () => {
  for (const bits of [0, 1]) {
    const bytes = batch(2 ** 40, GIVEN, bits);
    assert.ok(isBatch(bytes));
    const [one, none] = await readBatches(Buffer.concat([bytes, batch(5, [])]));
    assert.deepEqual(plain(one), EXPECTED);
    assert.deepEqual(plain(one.moved()), EXPECTED);
    assert.deepEqual(one.head, {
      firstOffset: FIRST,
      end: FIRST + 70_001,
      producerId: "7",
      inTransaction: false,
      isControl: false,
    });
    assert.equal(none.count, 0);
  }
});

Deno.test("record batch: attributes tell of transactions, control records and the broker's clock", async () => {
  const [one] = await readBatches(batch(0, GIVEN.slice(0, 1), 0x8 | 0x10 | 0x20));
  assert.equal(one.record(0, new HeldRecord("t", 0)).timestampMs, 1_800_000_000_000);
  assert.ok(one.head.inTransaction && one.head.isControl);
});

Deno.test("record batch: one that is cut off is left out, at whatever byte", async () => {
  const bytes = batch(2 ** 40, GIVEN);
  const two = Buffer.concat([bytes, bytes]);
  for (let length = 0; length < two.length; length++) {
    const batches = await readBatches(two.subarray(0, length));
    assert.equal(batches.length, Math.floor(length / bytes.length));
  }
});

Deno.test("record batch: damage is a BatchError or other records, never anything else", async () => {
  const bytes = batch(2 ** 40, GIVEN);
  let refused = 0;
  for (let at = 0; at < bytes.length; at++) {
    for (const value of [0x00, 0x7f, 0x80, 0xff]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = value;
      if (at === 22 && (value & 7) !== 0) continue; // says that it is compressed
      try {
        for (const batch of await readBatches(damaged)) plain(batch);
      } catch (error) {
        assert.ok(error instanceof BatchError, `${at}: ${error}`);
        refused++;
      }
    }
  }
  assert.ok(refused > 20, `${refused}`);
});
