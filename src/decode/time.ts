/**
 * Dates and times from PostgreSQL's text (DateStyle ISO, TimeZone UTC) and binary forms into
 * DuckDB's: days, or microseconds, since 1970.
 *
 * | | PostgreSQL | DuckDB |
 * | --- | --- | --- |
 * | epoch | 2000-01-01 | 1970-01-01 |
 * | infinity | greatest integer | greatest integer |
 * | -infinity | least integer | minus the greatest integer |
 * | timestamps | 4713 BC to 294276 AD | 290309 BC to 294247-01-10 AD |
 */
import type { Batch } from "../batch/batch.ts";
import { latin } from "./number.ts";
import { BadValue } from "./value_error.ts";

const DAYS_TO_2000 = 10_957;
const MICROS_PER_DAY = 86_400_000_000;
/** 10,957 days in µs, as two halves. */
const EPOCH_HIGH = Math.floor(DAYS_TO_2000 * MICROS_PER_DAY / 0x1_0000_0000);
const EPOCH_LOW = (DAYS_TO_2000 * MICROS_PER_DAY) % 0x1_0000_0000;
const INT_MAX = 0x7fff_ffff;

/** Writes the halves of a signed 64-bit number at byte offset `to`. */
export function putHalves(batch: Batch, to: number, high: number, low: number): void {
  batch.ints[to >> 2] = low;
  batch.ints[(to >> 2) + 1] = high;
}

/** Writes ±infinity as a timestamp. */
export function putInfinity(batch: Batch, to: number, negative: boolean): void {
  if (negative) putHalves(batch, to, -INT_MAX - 1, 1); // −(2^63 − 1)
  else putHalves(batch, to, INT_MAX, -1); // 2^63 − 1
}

/** A timestamp with or without zone from its binary form, µs since 2000 as a big-endian int64. */
export function putTimestampBinary(batch: Batch, to: number, view: DataView, start: number): void {
  const high = view.getInt32(start);
  const low = view.getUint32(start + 4);
  if (high === INT_MAX && low === 0xffff_ffff) return putInfinity(batch, to, false);
  if (high === -INT_MAX - 1 && low === 0) return putInfinity(batch, to, true);
  const lowSum = low + EPOCH_LOW;
  const highSum = high + EPOCH_HIGH + (lowSum >= 0x1_0000_0000 ? 1 : 0);
  putFinite(batch, to, highSum, lowSum % 0x1_0000_0000);
}

/** Writes a timestamp (µs since 1970 as two halves) that is not infinite, and must not become so. */
export function putFinite(batch: Batch, to: number, high: number, low: number): void {
  if (high > INT_MAX || (high === INT_MAX && low === 0xffff_ffff)) throw tooLate();
  putHalves(batch, to, high, low);
}

function tooLate(): BadValue {
  return new BadValue("a timestamp after 294247-01-10 04:00:54.775806 has no counterpart");
}

/** Throws when the text of a timestamp or date inside an array may be later than DuckDB's last. */
export function assertNotTooLate(text: string): void {
  if (!text.endsWith(" BC") && parseInt(text) > 294_246) throw tooLate();
}

/** The µs since 1970 of a binary timestamp as two halves, for a transaction's commit time. */
export function readTimestamp(
  view: DataView,
  start: number,
  into: { atHigh: number; atLow: number },
): void {
  const low = view.getUint32(start + 4) + EPOCH_LOW;
  into.atLow = low % 0x1_0000_0000;
  into.atHigh = view.getInt32(start) + EPOCH_HIGH + (low >= 0x1_0000_0000 ? 1 : 0);
}

/** A date from its binary form, days since 2000 as a big-endian int32. */
export function putDateBinary(batch: Batch, to: number, view: DataView, start: number): void {
  const days = view.getInt32(start);
  if (days === INT_MAX) batch.ints[to >> 2] = INT_MAX;
  else if (days === -INT_MAX - 1) batch.ints[to >> 2] = -INT_MAX;
  else batch.ints[to >> 2] = days + DAYS_TO_2000;
}

/** A time of day from its binary form, µs since midnight as a big-endian int64. */
export function putTimeBinary(batch: Batch, to: number, view: DataView, start: number): void {
  putHalves(batch, to, view.getInt32(start), view.getUint32(start + 4));
}

/** A date from text: `2026-11-23`, `21016-11-04`, `0044-03-15 BC`, `infinity`. */
export function putDateText(
  batch: Batch,
  to: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const infinite = infinity(source, start, end);
  if (infinite !== 0) batch.ints[to >> 2] = infinite * INT_MAX;
  else batch.ints[to >> 2] = new Reader(source, start, end).date();
}

/** A time of day from text: `13:22:55.5638`, `24:00:00`. */
export function putTimeText(
  batch: Batch,
  to: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const micros = new Reader(source, start, end).time();
  putHalves(batch, to, Math.floor(micros / 0x1_0000_0000), micros % 0x1_0000_0000);
}

/** A timestamp from text: `2026-11-23 13:22:55.5638`, with `+00` when it has a zone; ` BC`. */
export function putTimestampText(
  batch: Batch,
  to: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const infinite = infinity(source, start, end);
  if (infinite !== 0) return putInfinity(batch, to, infinite < 0);
  const reader = new Reader(source, start, end);
  const days = reader.date();
  reader.expect(32); // space
  const micros = reader.time();
  putTimestampParts(batch, to, days, micros);
}

/** Writes a timestamp of so many days since 1970 (below 2^32) and µs of that day. */
export function putTimestampParts(batch: Batch, to: number, days: number, micros: number): void {
  // The product passes 2^53 for years beyond 2255, so it is made of two parts.
  const perDayHigh = Math.floor(MICROS_PER_DAY / 0x10000);
  const perDayLow = MICROS_PER_DAY % 0x10000;
  const upper = days * perDayHigh; // × 2^16
  const lower = days * perDayLow + micros;
  const low16 = ((upper % 0x10000) + 0x10000) % 0x10000;
  const sum = low16 * 0x10000 + lower;
  const high = (upper - low16) / 0x10000 + Math.floor(sum / 0x1_0000_0000);
  putFinite(batch, to, high, ((sum % 0x1_0000_0000) + 0x1_0000_0000) % 0x1_0000_0000);
}

/** 1 for `infinity`, −1 for `-infinity`, 0 for anything else. */
function infinity(source: Uint8Array, start: number, end: number): -1 | 0 | 1 {
  if (end - start === 8 && source[start] === 105) return 1;
  if (end - start === 9 && source[start] === 45 && source[start + 1] === 105) return -1;
  return 0;
}

/** Days since 1970 of a day in the proleptic Gregorian calendar; `year` 0 is 1 BC. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year; // the year starts in March: the leap day is its last
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) +
    dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Reads the parts of a date or time, left to right. */
class Reader {
  private readonly start: number;

  constructor(
    private readonly source: Uint8Array,
    private at: number,
    private readonly end: number,
  ) {
    this.start = at;
  }

  date(): number {
    const { source, end } = this;
    const bc = source[end - 1] === 67 && source[end - 2] === 66; // "BC"
    const year = this.number();
    this.expect(45);
    const month = this.number();
    this.expect(45);
    const day = this.number();
    return daysFromCivil(bc ? 1 - year : year, month, day);
  }

  /** Microseconds since midnight. */
  time(): number {
    const hours = this.number();
    this.expect(58);
    const minutes = this.number();
    this.expect(58);
    const seconds = this.number();
    let micros = 0;
    if (this.at < this.end && this.source[this.at] === 46) {
      this.at++;
      const from = this.at;
      micros = this.number();
      for (let digits = this.at - from; digits < 6; digits++) micros *= 10;
    }
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros;
  }

  expect(byte: number): void {
    if (this.source[this.at++] !== byte) throw this.bad();
  }

  private number(): number {
    let value = 0;
    const from = this.at;
    for (; this.at < this.end; this.at++) {
      const digit = this.source[this.at] - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (this.at === from) throw this.bad();
    return value;
  }

  private bad(): BadValue {
    const text = latin(this.source, Math.max(this.start, this.end - 40), this.end);
    return new BadValue(`${JSON.stringify(text)} does not end in a date or time`);
  }
}
