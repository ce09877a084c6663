/**
 * Timestamps of the form that PostgreSQL's have nearly always, `2026-11-23T13:22:55.563800Z`: read
 * four characters at a time, and their day only when it is not one of the last.
 */
import type { Batch } from "../../batch/batch.ts";
import { BadValue } from "../value_error.ts";
import { readTimestamp } from "./instants.ts";

const LENGTH = 27;
const MICROS_PER_DAY = 86_400_000_000;
/** Up to this day after 1970, in the year 2199, µs are exact as a double. */
const LAST_DAY = 84_000;
/** `24`, `-`, `T` and `Z`. */
const HOUR_24 = 0x3432;
const DASH = 0x2d;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;

/** The last days by a hash of their digits: those digits and the T as three words, and their µs. */
const DAYS = 1024;
const words = new Int32Array(DAYS * 4);
const firstMicros = new Float64Array(DAYS);

/**
 * Writes the timestamp at `at` in `view`, `length` bytes, to byte offset `to`; false: it is of
 * another form, or bad, and nothing was written.
 */
export function putUsualTimestamp(
  batch: Batch,
  to: number,
  view: DataView,
  at: number,
  length: number,
): boolean {
  if (length !== LENGTH) return false;
  const first = view.getInt32(at, true); // 2026
  const second = view.getInt32(at + 4, true); // -11-
  const third = view.getInt32(at + 8, true) & 0xff_ffff; // 23T
  const kept = (third & 3) << 4 | third >> 8 & 15 | (second >> 16 & 15) << 6;
  const word = kept * 4;
  if (words[word] !== first || words[word + 1] !== second || words[word + 2] !== third) {
    if (!keep(kept, view, at)) return false;
  }
  // What is not as it must be leaves more than a digit in its byte, or anything in that of a sign.
  const a = view.getInt32(at + 11, true) ^ 0x303a_3030; // 13:2
  const b = view.getInt32(at + 15, true) ^ 0x3030_3a30; // 2:55
  const c = view.getInt32(at + 19, true) ^ 0x3030_302e; // .563
  const d = view.getInt32(at + 23, true) ^ 0x5a30_3030; // 800Z
  const all = a | a + 0x060f_0606 | b | b + 0x0606_0f06 | c | c + 0x0606_060f | d | d + 0x0f06_0606;
  const hour = (a & 15) * 10 + (a >> 8 & 15);
  const minute = (a >> 24 & 15) * 10 + (b & 15);
  const second60 = (b >> 16 & 15) * 10 + (b >> 24 & 15);
  if ((all & 0xf0f0_f0f0) !== 0 || hour > 23 || minute > 59 || second60 > 59) return false;
  const milli = (c >> 8 & 15) * 100 + (c >> 16 & 15) * 10 + (c >> 24 & 15);
  const micro = (d & 15) * 100 + (d >> 8 & 15) * 10 + (d >> 16 & 15);
  const micros = firstMicros[kept] + (hour * 60 + minute) * 60_000_000 +
    (second60 * 1_000_000 + milli * 1000 + micro);
  const high = Math.floor(micros / 0x1_0000_0000);
  batch.ints[to >> 2] = micros - high * 0x1_0000_0000;
  batch.ints[(to >> 2) + 1] = high;
  return true;
}

/** Notes the day of a timestamp of {@linkcode LENGTH} bytes; false: of another form, or not near. */
function keep(kept: number, view: DataView, at: number): boolean {
  const isUsual = view.getUint8(at + 4) === DASH && view.getUint8(at + 7) === DASH &&
    view.getUint8(at + 10) === LETTER_T && view.getUint8(at + 26) === LETTER_Z &&
    view.getUint16(at + 11, true) !== HOUR_24; // which is of the next day
  if (!isUsual) return false;
  let days: number;
  try {
    days = readTimestamp(new Uint8Array(view.buffer, at, LENGTH), 0, LENGTH).days;
  } catch (error) { // the general way will meet it again
    if (!(error instanceof BadValue)) throw error;
    return false;
  }
  if (!(days >= 0 && days <= LAST_DAY)) return false;
  for (let i = 0; i < 3; i++) words[kept * 4 + i] = view.getInt32(at + 4 * i, true);
  words[kept * 4 + 2] &= 0xff_ffff;
  firstMicros[kept] = days * MICROS_PER_DAY;
  return true;
}
