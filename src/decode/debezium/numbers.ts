/** JSON's numbers, and decimals in each form that Debezium gives them, into a batch's columns. */
import type { Batch } from "../../batch/batch.ts";
import { latin, putBigInteger, putInteger } from "../number.ts";
import { BadValue } from "../value_error.ts";
import { decodeBase64, decodedLength } from "./base64.ts";

/** Up to this many digits a number is exact as a double. */
const SAFE_DIGITS = 15;
const POWERS = Array.from({ length: SAFE_DIGITS + 1 }, (_, i) => 10 ** i);

/** How integers of each width are called. */
const INTEGERS: Readonly<Record<number, string>> = {
  2: "a 16-bit",
  4: "a 32-bit",
  8: "a 64-bit",
};

/** The halves of the number that {@linkcode splitInteger} has read. */
export const halves = { high: 0, low: 0 };

/** Writes JSON's integer `source[start, stop)` into `width` (2, 4 or 8) bytes. */
export function putWhole(
  batch: Batch,
  to: number,
  width: number,
  source: Uint8Array,
  start: number,
  stop: number,
): void {
  if (stop - start > SAFE_DIGITS) {
    if (width < 8 || !splitInteger(source, start, stop)) throw tooWide(source, start, stop, width);
    batch.ints[to >> 2] = halves.low;
    batch.ints[(to >> 2) + 1] = halves.high;
    return;
  }
  const value = smallInteger(source, start, stop);
  if (width === 4) {
    if (value !== (value | 0)) throw tooWide(source, start, stop, width);
    batch.ints[to >> 2] = value;
    return;
  }
  if (width === 2 && value !== value << 16 >> 16) throw tooWide(source, start, stop, width);
  putInteger(batch, to, width, value);
}

/** JSON's integer of at most 15 characters. */
export function smallInteger(source: Uint8Array, start: number, stop: number): number {
  let at = start;
  const negative = source[at] === 0x2d;
  if (negative) at++;
  let value = 0;
  for (; at < stop; at++) value = value * 10 + (source[at] - 0x30);
  return negative ? 0 - value : value;
}

/** Puts JSON's integer into {@linkcode halves}; false: it is beyond 64 bits. */
export function splitInteger(source: Uint8Array, start: number, stop: number): boolean {
  let at = start;
  const negative = source[at] === 0x2d;
  if (negative) at++;
  if (stop - at > 19) return false;
  // The last nine digits, and up to ten before them, times 10^9 in two steps of 16 bits.
  const middle = Math.max(at, stop - 9);
  let upper = 0;
  for (; at < middle; at++) upper = upper * 10 + (source[at] - 0x30);
  let lower = 0;
  for (; at < stop; at++) lower = lower * 10 + (source[at] - 0x30);
  const top = Math.floor(upper / 0x10000) * 1e9; // × 2^16
  const rest = (upper % 0x10000) * 1e9 + lower + (top % 0x10000) * 0x10000;
  let high = Math.floor(top / 0x10000) + Math.floor(rest / 0x1_0000_0000);
  let low = rest % 0x1_0000_0000;
  if (high > 0x7fff_ffff && !(negative && high === 0x8000_0000 && low === 0)) return false;
  if (negative) {
    low = low === 0 ? 0 : 0x1_0000_0000 - low;
    high = low === 0 ? -high : -high - 1;
  }
  halves.high = high;
  halves.low = low;
  return true;
}

/** Writes a JSON number, or the text `NaN`, `Infinity` or `-Infinity`, as `float4` or `float8`. */
export function putFloat(
  batch: Batch,
  to: number,
  width: number,
  source: Uint8Array,
  start: number,
  stop: number,
  isText: boolean,
): void {
  const text = latin(source, start, stop);
  let value: number;
  if (isText) {
    if (!/^(NaN|-?Infinity)$/.test(text)) {
      throw new BadValue(`${JSON.stringify(text)} is no number`);
    }
    value = Number(text);
  } else {
    value = width === 4 ? Math.fround(Number(text)) : Number(text);
    if (!Number.isFinite(value)) throw new BadValue(`${text} is too great for its column`);
  }
  if (width === 4) batch.floats[to >> 2] = value;
  else batch.doubles[to >> 3] = value;
}

/** Writes a decimal's text or number: `12.50`, `-1`, `1.2E+3`. It is exact, or a `BadValue`. */
export function putDecimal(
  batch: Batch,
  to: number,
  width: number,
  precision: number,
  scale: number,
  source: Uint8Array,
  start: number,
  stop: number,
): void {
  let at = start;
  const negative = source[at] === 0x2d;
  if (negative) at++;
  const from = at;
  let value = 0;
  let point = -1;
  for (; at < stop; at++) {
    const digit = source[at] - 0x30;
    if (digit >= 0 && digit <= 9) value = value * 10 + digit;
    else if (digit === -2 && point < 0 && at > from && at + 1 < stop) point = at; // a dot
    else break;
  }
  const digits = at - from - (point < 0 ? 0 : 1);
  const missing = scale - (point < 0 ? 0 : at - point - 1);
  const isPlain = at === stop && digits > 0;
  if (isPlain && missing >= 0 && digits + missing <= SAFE_DIGITS) {
    value *= POWERS[missing];
    if (precision <= SAFE_DIGITS && value >= POWERS[precision]) {
      throw overflow(latin(source, start, stop), precision, scale);
    }
    return putInteger(batch, to, width, negative ? 0 - value : value);
  }
  putExact(batch, to, width, precision, scale, decimalOf(decimalLatin(source, start, stop)));
}

/** A decimal as a whole number and the place of its point, which may be beyond its digits. */
export interface Decimal {
  readonly unscaled: bigint;
  readonly scale: number;
}

/** Digits that a decimal may have on either side of its point, as PostgreSQL's numeric. */
const DIGITS_MAX = 131_072 + 16_383;

/** PostgreSQL's greatest scale. */
const SCALE_MAX = 16_383;
/** Bytes that hold a number of that many digits. */
const UNSCALED_BYTES_MAX = 61_300;

/** A decimal's characters, unless there are more than any decimal has. */
export function decimalLatin(source: Uint8Array, start: number, stop: number): string {
  if (stop - start <= DIGITS_MAX + 10) return latin(source, start, stop);
  throw new BadValue(`a number of ${stop - start} characters`);
}

/** Reads a decimal's text, with or without an exponent. */
export function decimalOf(text: string): Decimal {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,7}))?$/.exec(text);
  if (match === null) throw notDecimal(text);
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  const scale = fraction.length - Number(exponent);
  if (Math.abs(scale) > DIGITS_MAX) throw notDecimal(text);
  return { unscaled: BigInt(sign + whole + fraction), scale };
}

/** Reads a decimal of Connect's: base64 of its two's complement, the highest byte first. */
export function unscaledOf(
  source: Uint8Array,
  start: number,
  stop: number,
  scale: number,
): Decimal {
  if (!(Math.abs(scale) <= SCALE_MAX)) throw new BadValue(`a decimal of scale ${scale}`);
  const room = decodedLength(start, stop, "base64");
  if (room > UNSCALED_BYTES_MAX) throw new BadValue(`a decimal of ${room} bytes`);
  const bytes = new Uint8Array(room);
  const length = decodeBase64(source, start, stop, "base64", bytes, 0);
  if (length === 0) throw new BadValue("a decimal of no bytes");
  let hex = "";
  for (let i = 0; i < length; i++) hex += bytes[i].toString(16).padStart(2, "0");
  return { unscaled: BigInt.asIntN(length * 8, BigInt(`0x${hex}`)), scale };
}

/** Writes a decimal into a column of `scale`. */
export function putExact(
  batch: Batch,
  to: number,
  width: number,
  precision: number,
  scale: number,
  decimal: Decimal,
): void {
  const value = rescaled(decimal, precision, scale);
  if (width >= 8) putBigInteger(batch, to, width, value);
  else putInteger(batch, to, width, Number(value));
}

/** The whole number that stands for a decimal in a column of `precision` and `scale`. */
export function rescaled(decimal: Decimal, precision: number, scale: number): bigint {
  const missing = scale - decimal.scale;
  let value = decimal.unscaled;
  if (missing > precision && value !== 0n) throw overflow(decimalText(decimal), precision, scale);
  if (missing >= 0) value *= 10n ** BigInt(Math.min(missing, precision));
  else {
    const divisor = 10n ** BigInt(-missing);
    if (value % divisor !== 0n) {
      throw new BadValue(`${shorten(decimalText(decimal))} has over ${scale} decimals`);
    }
    value /= divisor;
  }
  const limit = 10n ** BigInt(precision);
  if (value >= limit || value <= -limit) throw overflow(decimalText(decimal), precision, scale);
  return value;
}

/** As PostgreSQL writes it: all its decimals, and no exponent. */
export function decimalText({ unscaled, scale }: Decimal): string {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale));
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function overflow(text: string, precision: number, scale: number): BadValue {
  return new BadValue(`${shorten(text)} is too great for DECIMAL(${precision},${scale})`);
}

/** Names that a `numeric` without a number has: PostgreSQL's, and Debezium's. */
const SPECIAL: Readonly<Record<string, string>> = {
  NaN: "NaN",
  NAN: "NaN",
  Infinity: "Infinity",
  POSITIVE_INFINITY: "Infinity",
  "-Infinity": "-Infinity",
  NEGATIVE_INFINITY: "-Infinity",
};

/** As PostgreSQL writes it, if it is one of {@linkcode SPECIAL}. */
export function specialNumeric(text: string): string | undefined {
  return Object.hasOwn(SPECIAL, text) ? SPECIAL[text] : undefined;
}

function notDecimal(text: string): BadValue {
  const special = specialNumeric(text);
  if (special !== undefined) return new BadValue(`${special} has no counterpart in a DECIMAL`);
  return new BadValue(`${JSON.stringify(shorten(text))} is not a number`);
}

function tooWide(source: Uint8Array, start: number, stop: number, width: number): BadValue {
  const text = shorten(latin(source, start, stop));
  return new BadValue(`${text} does not fit into ${INTEGERS[width]} integer`);
}
