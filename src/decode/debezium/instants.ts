/**
 * Dates, times and timestamps as Debezium writes them into a batch's columns: as numbers of days,
 * ms, µs or ns since 1970 or midnight, or as ISO 8601 text.
 *
 *     date      := ["+" | "-"] year "-" month "-" day      year 0 is 1 BC
 *     time      := hour ":" minute [":" second ["." digit{1,9}]]
 *     timestamp := date "T" time ["Z" | ("+" | "-") hour ":" minute [":" second]]
 *
 * Infinity has a name in text, and a number of its own among the others: that of the JDBC driver
 * (`PGStatement.DATE_POSITIVE_INFINITY`), in whose unit it overflows (`PostgresValueConverter`).
 */
import type { Batch } from "../../batch/batch.ts";
import { latin } from "../number.ts";
import { daysFromCivil, putFinite, putHalves, putInfinity, putTimestampParts } from "../time.ts";
import { BadValue } from "../value_error.ts";
import type { Unit } from "./forms.ts";
import { halves, smallInteger, splitInteger } from "./numbers.ts";

const MICROS_PER_DAY = 86_400_000_000;
const INT_MAX = 0x7fff_ffff;
/** Within ±2^53, with room for a factor of 1,000. */
const SMALL_DIGITS = 12;

/** µs that stand for infinity; in ms a thousandth of it, or the same digits. */
const INFINITY = 9_223_372_036_825_200_000n;
const MINUS_INFINITY = -9_223_372_036_832_400_000n;
/** Days that stand for it: in the stream -5877611-06-21 and -22, in a snapshot what becomes of
 * `java.sql.Date` on the way. PostgreSQL has no such days. */
const INFINITY_DAYS = [-2_147_472_692, -622_191_234];
const MINUS_INFINITY_DAYS = [-2_147_472_691, -625_821_272];
/** PostgreSQL's first day, 4714-11-24 BC, and last, 5874897-12-31. */
const FIRST_DAY = -2_440_588;
const LAST_DAY = 2_145_042_905;
/** DuckDB's last µs, and PostgreSQL's first. */
const LAST_MICRO = 9_223_372_036_854_775_806n;
const FIRST_MICRO = BigInt(FIRST_DAY) * BigInt(MICROS_PER_DAY);

/** A timestamp, or an infinity: 1 or −1. */
export interface Instant {
  days: number;
  micros: number;
  infinity: -1 | 0 | 1;
}

/** What was read last; used again for each. */
const instant: Instant = { days: 0, micros: 0, infinity: 0 };

/** Writes the timestamp that is a number of JSON's. */
export function putTimestampNumber(
  batch: Batch,
  to: number,
  unit: Unit,
  source: Uint8Array,
  start: number,
  stop: number,
): void {
  if (unit === 1 && stop - start <= 19 && splitInteger(source, start, stop)) {
    // 1025 BC to the year 148108 need no closer look.
    const { high } = halves;
    if (high > -22_000_000 && high < 0x4000_0000) return putHalves(batch, to, high, halves.low);
  } else if (unit === 1000 && stop - start <= SMALL_DIGITS + 1) {
    const micros = smallInteger(source, start, stop) * 1000;
    const high = Math.floor(micros / 0x1_0000_0000);
    return putHalves(batch, to, high, micros - high * 0x1_0000_0000);
  }
  const micros = microsOf(source, start, stop, unit);
  if (micros === "infinity") return putInfinity(batch, to, false);
  if (micros === "-infinity") return putInfinity(batch, to, true);
  putFinite(batch, to, Number(micros >> 32n), Number(micros & 0xffff_ffffn));
}

/** Any number that is a timestamp, as µs since 1970. */
export function microsOf(
  source: Uint8Array,
  start: number,
  stop: number,
  unit: Unit,
): bigint | "infinity" | "-infinity" {
  const text = latin(source, start, Math.min(stop, start + 40));
  if (stop - start > 20) throw outOfRange(text);
  const value = BigInt(text);
  const micros = unit === 0.001 ? value / 1000n : value * BigInt(unit);
  if (unit === 0.001 && value % 1000n !== 0n) throw tooFine(text);
  if (value === INFINITY || micros === INFINITY) return "infinity";
  if (value === MINUS_INFINITY || micros === MINUS_INFINITY) return "-infinity";
  if (micros > LAST_MICRO || micros < FIRST_MICRO) throw outOfRange(text);
  return micros;
}

/** Writes the timestamp that is a text. */
export function putTimestampText(
  batch: Batch,
  to: number,
  source: Uint8Array,
  start: number,
  stop: number,
): void {
  const { days, micros, infinity } = readTimestamp(source, start, stop);
  if (infinity !== 0) putInfinity(batch, to, infinity < 0);
  else putTimestampParts(batch, to, days, micros);
}

/** Writes a date that is a number of JSON's. */
export function putDateNumber(
  batch: Batch,
  to: number,
  source: Uint8Array,
  start: number,
  stop: number,
): void {
  batch.ints[to >> 2] = daysOf(source, start, stop);
}

/** A date's days since 1970, or ±2^31−1 for infinity. */
export function daysOf(source: Uint8Array, start: number, stop: number): number {
  const days = stop - start > 15 ? NaN : smallInteger(source, start, stop);
  if (days < FIRST_DAY) {
    if (INFINITY_DAYS.includes(days)) return INT_MAX;
    if (MINUS_INFINITY_DAYS.includes(days)) return -INT_MAX;
  }
  if (!(days >= FIRST_DAY && days <= LAST_DAY)) throw outOfRange(latin(source, start, stop));
  return days;
}

/** A date's days from its text, or ±2^31−1 for infinity. */
export function readDate(source: Uint8Array, start: number, stop: number): number {
  const infinite = infinityOf(source, start, stop);
  if (infinite !== 0) return infinite * INT_MAX;
  const reader = new Reader(source, start, stop);
  const days = reader.date();
  reader.zone(); // IsoDate ends in Z
  return days;
}

/** Writes a time of day that is a number of JSON's. */
export function putTimeNumber(
  batch: Batch,
  to: number,
  unit: Unit,
  source: Uint8Array,
  start: number,
  stop: number,
): void {
  putMicrosOfDay(batch, to, timeOf(source, start, stop, unit));
}

/** Writes a number of µs since midnight. */
export function putMicrosOfDay(batch: Batch, to: number, micros: number): void {
  putHalves(batch, to, Math.floor(micros / 0x1_0000_0000), micros % 0x1_0000_0000);
}

/** µs since midnight; 24:00:00 is one day. */
export function timeOf(source: Uint8Array, start: number, stop: number, unit: Unit): number {
  const value = stop - start > 15 ? NaN : smallInteger(source, start, stop);
  const micros = unit === 0.001 ? value / 1000 : value * unit;
  if (!(micros >= 0 && micros <= MICROS_PER_DAY)) throw outOfRange(latin(source, start, stop));
  if (!Number.isInteger(micros)) throw tooFine(latin(source, start, stop));
  return micros;
}

/** µs since midnight from text. */
export function readTime(source: Uint8Array, start: number, stop: number): number {
  const reader = new Reader(source, start, stop);
  const micros = reader.time();
  reader.expectEnd();
  return micros;
}

/** Reads a timestamp's text. The answer is valid until the next one. */
export function readTimestamp(source: Uint8Array, start: number, stop: number): Instant {
  instant.infinity = infinityOf(source, start, stop);
  if (instant.infinity !== 0) return instant;
  const reader = new Reader(source, start, stop);
  const days = reader.date();
  reader.expect(0x54); // T
  const micros = reader.time() - reader.zone() * 1_000_000;
  const over = Math.floor(micros / MICROS_PER_DAY); // 24:00:00, and zones
  instant.days = days + over;
  instant.micros = micros - over * MICROS_PER_DAY;
  return instant;
}

const NAMES = ["infinity", "-infinity"].map((name) => new TextEncoder().encode(name));

function infinityOf(source: Uint8Array, start: number, stop: number): -1 | 0 | 1 {
  const name = NAMES[stop - start - 8];
  if (name === undefined || name.some((byte, i) => source[start + i] !== byte)) return 0;
  return stop - start === 8 ? 1 : -1;
}

/** Reads the parts of a text, left to right. */
class Reader {
  private readonly start: number;

  constructor(
    private readonly source: Uint8Array,
    private at: number,
    private readonly stop: number,
  ) {
    this.start = at;
  }

  /** Days since 1970. */
  date(): number {
    const sign = this.source[this.at];
    if (sign === 0x2b || sign === 0x2d) this.at++;
    const year = this.number(4, 9);
    this.expect(0x2d);
    const month = this.number(2, 2);
    this.expect(0x2d);
    const day = this.number(2, 2);
    const signed = sign === 0x2d ? -year : year;
    if (month < 1 || month > 12 || day < 1 || day > daysIn(signed, month)) throw this.bad();
    const days = daysFromCivil(signed, month, day);
    if (days < FIRST_DAY || days > LAST_DAY) throw outOfRange(this.text());
    return days;
  }

  /** µs since midnight. */
  time(): number {
    const hours = this.number(2, 2);
    this.expect(0x3a);
    const minutes = this.number(2, 2);
    let seconds = 0;
    let micros = 0;
    if (this.at < this.stop && this.source[this.at] === 0x3a) {
      this.at++;
      seconds = this.number(2, 2);
      if (this.at < this.stop && this.source[this.at] === 0x2e) micros = this.fraction();
    }
    const all = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros;
    if (minutes > 59 || seconds > 59 || all > MICROS_PER_DAY) throw this.bad();
    return all;
  }

  /** Seconds east of Greenwich, up to the end. */
  zone(): number {
    if (this.at === this.stop) return 0;
    const sign = this.source[this.at++];
    if (sign === 0x5a) { // Z
      this.expectEnd();
      return 0;
    }
    if (sign !== 0x2b && sign !== 0x2d) throw this.bad();
    const hours = this.number(2, 2);
    this.expect(0x3a);
    const minutes = this.number(2, 2);
    let seconds = 0;
    if (this.at < this.stop) {
      this.expect(0x3a);
      seconds = this.number(2, 2);
    }
    this.expectEnd();
    if (hours > 18 || minutes > 59 || seconds > 59) throw this.bad();
    const all = (hours * 60 + minutes) * 60 + seconds;
    return sign === 0x2d ? -all : all;
  }

  expect(byte: number): void {
    if (this.at >= this.stop || this.source[this.at++] !== byte) throw this.bad();
  }

  expectEnd(): void {
    if (this.at !== this.stop) throw this.bad();
  }

  private fraction(): number {
    const from = ++this.at;
    const digits = this.number(1, 9);
    const count = this.at - from;
    const micros = digits * 10 ** (6 - Math.min(count, 6));
    if (count <= 6) return micros;
    const exact = digits / 10 ** (count - 6);
    if (!Number.isInteger(exact)) throw tooFine(this.text());
    return exact;
  }

  private number(digitsMin: number, digitsMax: number): number {
    let value = 0;
    const from = this.at;
    for (; this.at < this.stop; this.at++) {
      const digit = this.source[this.at] - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = this.at - from;
    if (digits < digitsMin || digits > digitsMax) throw this.bad();
    return value;
  }

  private text(): string {
    return latin(this.source, Math.max(this.start, this.stop - 40), this.stop);
  }

  private bad(): BadValue {
    return new BadValue(`${JSON.stringify(this.text())} does not end in a date or time`);
  }
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

function outOfRange(text: string): BadValue {
  return new BadValue(`${text} is no date or time that PostgreSQL has, or DuckDB can hold`);
}

function tooFine(text: string): BadValue {
  return new BadValue(`${text} is finer than microseconds`);
}
