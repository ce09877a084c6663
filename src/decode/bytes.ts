/** Booleans, UUIDs and byte strings from PostgreSQL's text and binary forms. */
import type { Batch, Chunk } from "../batch/batch.ts";
import { latin } from "./number.ts";
import { BadValue } from "./value_error.ts";

/** A hexadecimal digit's value by its character code; −1 for anything else. */
const HEX = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  HEX[text.charCodeAt(0)] = HEX[text.toUpperCase().charCodeAt(0)] = digit;
}

/** `t` or `f`. */
export function putBoolText(batch: Batch, to: number, source: Uint8Array, start: number): void {
  batch.bytes[to] = source[start] === 116 ? 1 : 0;
}

/**
 * A UUID's 16 bytes in reading order. DuckDB keeps a UUID as a little-endian 128-bit integer with
 * its top bit flipped, so that signed comparison sorts like the text.
 */
export function putUuidBinary(batch: Batch, to: number, source: Uint8Array, start: number): void {
  for (let i = 0; i < 16; i++) batch.bytes[to + 15 - i] = source[start + i];
  batch.bytes[to + 15] ^= 0x80;
}

/** `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` */
export function putUuidText(
  batch: Batch,
  to: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  let at = start;
  for (let i = 15; i >= 0; i--) {
    if (source[at] === 45) at++;
    const high = HEX[source[at]];
    const low = HEX[source[at + 1]];
    if (at + 2 > end || high < 0 || low < 0) {
      throw new BadValue(`${JSON.stringify(latin(source, start, end))} is not a UUID`);
    }
    batch.bytes[to + i] = (high << 4) | low;
    at += 2;
  }
  batch.bytes[to + 15] ^= 0x80;
}

/** `\x0a1b…`, as `bytea_output = hex` gives it. */
export function putByteaText(
  batch: Batch,
  chunk: Chunk,
  column: number,
  row: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const length = (end - start - 2) >> 1;
  const isHex = source[start] === 92 && source[start + 1] === 120 && (end - start) % 2 === 0;
  if (!isHex) throw new BadValue("a bytea that does not start with \\x: is bytea_output hex?");
  const to = batch.takeBytes(length);
  for (let i = 0, at = start + 2; i < length; i++, at += 2) {
    batch.bytes[to + i] = (HEX[source[at]] << 4) | HEX[source[at + 1]];
  }
  batch.putTaken(chunk, column, row, to, length);
}
