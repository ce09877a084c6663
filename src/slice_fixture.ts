/** Slices as they lie in what was fetched: amid other bytes. */
import { Slice } from "./slice.ts";

const encoder = new TextEncoder();

/** What stands behind: whoever reads beyond the end goes on with a number, a string, an object… */
const BEHIND = ["0", "7e5", '"', '\\"', "}", "]}", ',"more":1}', "null", " ", "\u00e9"].map((
  text,
) => encoder.encode(text.repeat(12)));
const BEFORE = encoder.encode('{"id":1}');

let made = 0;

/** These bytes, or this text, amid others that are not the same each time. */
export function amid(what: Uint8Array | string): Slice {
  const own = typeof what === "string" ? encoder.encode(what) : what;
  const behind = BEHIND[made++ % BEHIND.length];
  const all = new Uint8Array(BEFORE.length + own.length + behind.length);
  all.set(BEFORE);
  all.set(own, BEFORE.length);
  all.set(behind, BEFORE.length + own.length);
  return Slice.of(all.subarray(BEFORE.length, BEFORE.length + own.length));
}
