import assert from "node:assert/strict";
import fc from "fast-check";
import { Batch } from "../../batch/batch.ts";
import { BadValue } from "../value_error.ts";
import { putTimestampText } from "./instants.ts";
import { putUsualTimestamp } from "./usual_instants.ts";

/** What the general way writes; undefined: nothing. */
function generally(bytes: Uint8Array): number[] | undefined {
  const batch = new Batch(new ArrayBuffer(64));
  try {
    putTimestampText(batch, 0, bytes, 0, bytes.length);
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    return undefined;
  }
  return [batch.ints[0], batch.ints[1]];
}

/** What the short way writes; undefined: it leaves it to the other. */
function shortly(bytes: Uint8Array): number[] | undefined {
  const batch = new Batch(new ArrayBuffer(64));
  const memory = new Uint8Array(bytes.length + 8);
  memory.set(bytes, 3);
  const isWritten = putUsualTimestamp(batch, 0, new DataView(memory.buffer), 3, bytes.length);
  if (!isWritten) assert.deepEqual([batch.ints[0], batch.ints[1]], [0, 0]);
  return isWritten ? [batch.ints[0], batch.ints[1]] : undefined;
}

const moment = fc.date({
  min: new Date("1970-01-01T00:00:00Z"),
  max: new Date("2199-12-01T00:00:00Z"),
  noInvalidDate: true,
});

Deno.test("usual timestamps: each from 1970 to 2199 is taken, and is what the general way reads", () => {
  fc.assert(
    fc.property(moment, fc.integer({ min: 100, max: 999 }), (date, micros) => {
      const text = new TextEncoder().encode(`${date.toISOString().slice(0, -1)}${micros}Z`);
      assert.deepEqual(shortly(text), generally(text));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("usual timestamps: what the general way refuses or reads otherwise is left to it", () => {
  const byte = fc.oneof(
    fc.nat(255),
    fc.constantFrom(...[..."0123456789-:.TZ+"].map((c) => c.charCodeAt(0))),
  );
  const days = fc.constantFrom("2026-11-23", "2024-02-29", "2026-12-31");
  let taken = 0;
  fc.assert(
    fc.property(days, fc.array(fc.tuple(fc.nat(26), byte), { maxLength: 2 }), (day, changes) => {
      const text = new TextEncoder().encode(`${day}T13:22:55.563800Z`);
      shortly(text); // its day is known from here on
      for (const [at, to] of changes) text[at] = to;
      const short = shortly(text);
      if (short === undefined) return;
      taken++;
      assert.deepEqual(short, generally(text));
    }),
    { numRuns: 30_000 },
  );
  assert.ok(taken > 3000, `${taken}`);
  for (const text of ["2026-11-23T24:00:00.000000Z", "+12026-11-23T13:22:55.1234Z"]) {
    assert.equal(shortly(new TextEncoder().encode(text)), undefined);
  }
});
