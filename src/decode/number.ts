/**
 * Numbers from PostgreSQL's text and binary forms into a batch's columns, without a JavaScript
 * object for any but the widest.
 *
 * Sources: `src/backend/utils/adt/numeric.c` (`numeric_send`) and `int8.c` of PostgreSQL 14.
 */
import type { Batch } from "../batch/batch.ts";
import { BadValue } from "./value_error.ts";

const ZERO = 48;
const MINUS = 45;
const DOT = 46;
/** Up to this many digits a number is exact as a double. */
const SAFE_DIGITS = 15;

/** Writes a whole number that is exact as a double into `width` bytes at byte offset `to`. */
export function putInteger(batch: Batch, to: number, width: number, value: number): void {
  if (width === 1) batch.bytes[to] = value;
  else if (width === 2) {
    batch.bytes[to] = value;
    batch.bytes[to + 1] = value >> 8;
  } else {
    const at = to >> 2;
    const high = Math.floor(value / 0x1_0000_0000);
    batch.ints[at] = value - high * 0x1_0000_0000; // as a remainder, but faster
    if (width === 4) return;
    batch.ints[at + 1] = high;
    if (width === 16) batch.ints[at + 2] = batch.ints[at + 3] = high < 0 ? -1 : 0;
  }
}

/** Writes any 128-bit number into `width` (8 or 16) bytes; throws when it doesn't fit. */
export function putBigInteger(batch: Batch, to: number, width: number, value: bigint): void {
  if (BigInt.asIntN(width * 8, value) !== value) {
    throw new BadValue(`${value} does not fit into ${width * 8} bits`);
  }
  for (let at = to >> 2; at < (to + width) >> 2; at++) {
    batch.ints[at] = Number(value & 0xffff_ffffn);
    value >>= 32n;
  }
}

/**
 * Writes the text of a number with exactly `scale` fractional digits (fewer are padded) as a scaled
 * integer. `1234.50` with scale 2 is 123450. Used for integers too, with scale 0.
 */
export function putDecimalText(
  batch: Batch,
  to: number,
  width: number,
  scale: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  let at = start;
  const negative = source[at] === MINUS;
  if (negative) at++;
  let value = 0;
  let digits = 0;
  let fraction = -1; // −1: no point seen yet
  for (let i = at; i < end; i++) {
    const digit = source[i] - ZERO;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digits++;
      if (fraction >= 0) fraction++;
    } else if (source[i] === DOT && fraction < 0) fraction = 0;
    else throw notANumber(source, start, end);
  }
  if (digits === 0) throw notANumber(source, start, end);
  let missing = scale - Math.max(fraction, 0);
  if (missing < 0) throw new BadValue(`${latin(source, start, end)} has over ${scale} decimals`);
  if (digits + missing <= SAFE_DIGITS) {
    for (; missing > 0; missing--) value *= 10;
    putInteger(batch, to, width, negative ? -value : value);
    return;
  }
  if (width < 8) throw new BadValue(`${latin(source, start, end)} is too wide for its column`);
  const exact = BigInt(latin(source, at, end).replace(".", "") + "0".repeat(missing));
  putBigInteger(batch, to, width, negative ? -exact : exact);
}

/**
 * Writes PostgreSQL's binary numeric as a scaled integer.
 *
 *     ndigits: int16   how many base-10000 digits follow
 *     weight:  int16   exponent of the first digit, in base 10000
 *     sign:    uint16  0x0000 plus, 0x4000 minus, 0xC000 NaN, 0xD000 Infinity, 0xF000 −Infinity
 *     dscale:  int16   fractional digits shown
 *     digits:  int16 × ndigits
 */
export function putDecimalBinary(
  batch: Batch,
  to: number,
  width: number,
  scale: number,
  view: DataView,
  start: number,
): void {
  const count = view.getInt16(start);
  const weight = view.getInt16(start + 2);
  const sign = view.getUint16(start + 4);
  if (sign !== 0 && sign !== 0x4000) {
    const name = sign === 0xc000 ? "NaN" : sign === 0xd000 ? "Infinity" : "-Infinity";
    throw new BadValue(`${name} has no counterpart in a DECIMAL`);
  }
  const exponent = (weight - count + 1) * 4 + scale; // of ten, for the last base-10000 digit
  if (count <= 3 && count * 4 + exponent <= SAFE_DIGITS) {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 10_000 + view.getInt16(start + 8 + i * 2);
    if (exponent >= 0) { for (let i = 0; i < exponent; i++) value *= 10; }
    else for (let i = 0; i > exponent; i--) value /= 10; // exact: the digits cut off are zeros
    putInteger(batch, to, width, sign === 0 ? value : -value);
    return;
  }
  let value = 0n;
  for (let i = 0; i < count; i++) {
    value = value * 10_000n + BigInt(view.getInt16(start + 8 + i * 2));
  }
  value = exponent >= 0 ? value * 10n ** BigInt(exponent) : value / 10n ** BigInt(-exponent);
  if (sign !== 0) value = -value;
  if (width >= 8) putBigInteger(batch, to, width, value);
  else putInteger(batch, to, width, Number(value));
}

/** Writes `float4` (width 4) or `float8` (width 8) from its text: `1.5`, `NaN`, `-Infinity`. */
export function putFloatText(
  batch: Batch,
  to: number,
  width: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const text = latin(source, start, end);
  const value = Number(text);
  if (Number.isNaN(value) && text !== "NaN") throw notANumber(source, start, end);
  if (width === 4) batch.floats[to >> 2] = value;
  else batch.doubles[to >> 3] = value;
}

/** The bytes as text; they are ASCII. */
export function latin(source: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(source[i]);
  return text;
}

function notANumber(source: Uint8Array, start: number, end: number): BadValue {
  const text = latin(source, start, Math.min(end, start + 60));
  if (/^-?(NaN|Infinity)$/.test(text)) {
    return new BadValue(`${text} has no counterpart in a DECIMAL`);
  }
  return new BadValue(`${JSON.stringify(text)} is not a number`);
}
