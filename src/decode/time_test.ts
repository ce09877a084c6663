/** Dates and times, in both forms, against JavaScript's own calendar and BigInt. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Batch } from "../batch/batch.ts";
import {
  putDateBinary,
  putDateText,
  putTimestampBinary,
  putTimestampText,
  putTimeText,
} from "./time.ts";
import { BadValue } from "./value_error.ts";

const AT = 64;
const encoder = new TextEncoder();
const DAY = 86_400_000_000n;
const TO_2000 = 10_957n;
/** 4713-01-01 BC and 294246-12-31, in days since 1970, by JavaScript's proleptic calendar. */
const FIRST_DAY = BigInt(dayOf(-4712, 1, 1));
const LAST_DAY = BigInt(dayOf(275_760, 1, 1));
const INFINITY = 2n ** 63n - 1n;

function dayOf(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() / 86_400_000;
}

function micros({ ints }: Batch): bigint {
  return BigInt(ints[AT / 4 + 1]) << 32n | BigInt(ints[AT / 4] >>> 0);
}

function pad(number: number, digits: number): string {
  return String(number).padStart(digits, "0");
}

/** As PostgreSQL says it with DateStyle ISO. */
function dateText(days: bigint): { date: string; era: string } {
  const date = new Date(Number(days) * 86_400_000);
  const year = date.getUTCFullYear();
  const [month, day] = [date.getUTCMonth() + 1, date.getUTCDate()];
  const shown = year > 0 ? year : 1 - year;
  return {
    date: `${pad(shown, 4)}-${pad(month, 2)}-${pad(day, 2)}`,
    era: year > 0 ? "" : " BC",
  };
}

function timeText(value: bigint): string {
  const seconds = Number(value / 1_000_000n);
  const fraction = String(value % 1_000_000n).padStart(6, "0").replace(/0+$/, "");
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => pad(part, 2)).join(":") + (fraction ? `.${fraction}` : "");
}

const days = fc.oneof(
  fc.bigInt({ min: FIRST_DAY, max: LAST_DAY }),
  fc.bigInt({ min: -40_000n, max: 40_000n }),
);
const times = fc.oneof(fc.bigInt({ min: 0n, max: DAY - 1n }), fc.constantFrom(0n, DAY - 1n));

function text(put: typeof putDateText, value: string): Batch {
  const batch = new Batch(new ArrayBuffer(4096));
  const bytes = encoder.encode(`9${value}9`); // it lies amid other bytes
  put(batch, AT, bytes, 1, bytes.length - 1);
  return batch;
}

Deno.test("time: every date from text, before Christ too", () => {
  fc.assert(
    fc.property(days, (day) => {
      const { date, era } = dateText(day);
      assert.equal(text(putDateText, date + era).ints[AT / 4], Number(day));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("time: every timestamp from text, with zone and without", () => {
  fc.assert(
    fc.property(days, times, fc.boolean(), (day, time, zone) => {
      const { date, era } = dateText(day);
      const batch = text(putTimestampText, `${date} ${timeText(time)}${zone ? "+00" : ""}${era}`);
      assert.equal(micros(batch), day * DAY + time);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("time: binary forms are the text's", () => {
  fc.assert(
    fc.property(days, times, (day, time) => {
      const batch = new Batch(new ArrayBuffer(4096));
      const view = new DataView(new ArrayBuffer(16));
      view.setBigInt64(4, (day - TO_2000) * DAY + time);
      putTimestampBinary(batch, AT, view, 4);
      assert.equal(micros(batch), day * DAY + time);
      view.setInt32(4, Number(day - TO_2000));
      putDateBinary(batch, AT, view, 4);
      assert.equal(batch.ints[AT / 4], Number(day));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("time: a time of day from text, 24:00:00 too", () => {
  fc.assert(fc.property(fc.oneof(times, fc.constant(DAY)), (time) => {
    assert.equal(micros(text(putTimeText, timeText(time))), time);
  }));
});

Deno.test("time: infinities are DuckDB's", () => {
  assert.equal(micros(text(putTimestampText, "infinity")), INFINITY);
  assert.equal(micros(text(putTimestampText, "-infinity")), -INFINITY);
  assert.equal(text(putDateText, "infinity").ints[AT / 4], 2 ** 31 - 1);
  assert.equal(text(putDateText, "-infinity").ints[AT / 4], -(2 ** 31 - 1));
});

Deno.test("time: no finite timestamp becomes an infinity: the last one is a bad value", () => {
  // DuckDB's greatest finite timestamp, and the microsecond after it, which is its infinity.
  assert.equal(micros(text(putTimestampText, "294247-01-10 04:00:54.775806")), INFINITY - 1n);
  for (const late of ["294247-01-10 04:00:54.775807", "294276-12-31 23:59:59.999999"]) {
    assert.throws(() => text(putTimestampText, late), BadValue, late);
  }
  const view = new DataView(new ArrayBuffer(8));
  const batch = new Batch(new ArrayBuffer(4096));
  for (const late of [INFINITY, INFINITY + 1n, INFINITY + TO_2000 * DAY - 1n]) {
    view.setBigInt64(0, late - TO_2000 * DAY);
    assert.throws(() => putTimestampBinary(batch, AT, view, 0), BadValue, String(late));
  }
  view.setBigInt64(0, INFINITY - 1n - TO_2000 * DAY);
  putTimestampBinary(batch, AT, view, 0);
  assert.equal(micros(batch), INFINITY - 1n);
});

Deno.test("time: any other text is a bad value", () => {
  for (const value of ["", "x", "2026", "2026-", "2026-11", "2026-11-", "-"]) {
    assert.throws(() => text(putDateText, value), BadValue, value);
    assert.throws(() => text(putTimestampText, value), BadValue, value);
  }
  for (const value of ["2026-11-23", "2026-11-23 ", "2026-11-23 1", "2026-11-23T10:00:00"]) {
    assert.throws(() => text(putTimestampText, value), BadValue, value);
  }
});
