/** UUIDs from text, two characters at a time. */
import type { Batch } from "../../batch/batch.ts";
import { BadValue } from "../value_error.ts";
import { HEX } from "./json.ts";

/** The byte of two hexadecimal digits by their codes as a little-endian number; −1 for others. */
const PAIRS = new Int16Array(0x1_0000).fill(-1);
for (let first = 0; first < 256; first++) {
  for (let second = 0; second < 256 && HEX[first] >= 0; second++) {
    if (HEX[second] >= 0) PAIRS[second << 8 | first] = HEX[first] << 4 | HEX[second];
  }
}

const LENGTH = 36;
const DASH = 0x2d;

/**
 * Writes the UUID at `at` in `view` as DuckDB keeps it: the 16 bytes as a little-endian number with
 * its top bit flipped, so that signed comparison sorts like the text. Throws `BadValue`.
 */
export function putUuidWords(
  batch: Batch,
  to: number,
  view: DataView,
  at: number,
  length: number,
): void {
  const isDashed = length === LENGTH && view.getUint8(at + 8) === DASH &&
    view.getUint8(at + 13) === DASH && view.getUint8(at + 18) === DASH &&
    view.getUint8(at + 23) === DASH;
  if (!isDashed) throw notUuid(view, at, length);
  const a = four(view, at, at + 4);
  const b = four(view, at + 9, at + 14);
  const c = four(view, at + 19, at + 24);
  const d = four(view, at + 28, at + 32);
  if (bad !== 0) {
    bad = 0;
    throw notUuid(view, at, length);
  }
  const { ints } = batch;
  const word = to >> 2;
  ints[word] = d;
  ints[word + 1] = c;
  ints[word + 2] = b;
  ints[word + 3] = a ^ 0x8000_0000;
}

/** Below zero when some pair was no two digits. */
let bad = 0;

/** A big-endian number of two pairs at `first`, and two at `second`. */
function four(view: DataView, first: number, second: number): number {
  const a = PAIRS[view.getUint16(first, true)];
  const b = PAIRS[view.getUint16(first + 2, true)];
  const c = PAIRS[view.getUint16(second, true)];
  const d = PAIRS[view.getUint16(second + 2, true)];
  if ((a | b | c | d) < 0) bad = -1;
  return a << 24 | b << 16 | c << 8 | d;
}

function notUuid(view: DataView, at: number, length: number): BadValue {
  const bytes = new Uint8Array(view.buffer, at, Math.min(length, 60));
  return new BadValue(`${JSON.stringify(new TextDecoder().decode(bytes))} is not a UUID`);
}
