/**
 * Whether a record's `before` is the row as it was. With REPLICA IDENTITY FULL it is. Without, it
 * holds the key, and in place of every other value NULL, or where the column is NOT NULL the zero of
 * its type: not the old row, and never to be taken for it.
 */
import type { Fields } from "./fields.ts";
import { FALSE, FRACTION, INTEGER, NULL, STRING, TRUE } from "./json.ts";
import { latin } from "../number.ts";

/** Texts that Debezium writes for want of a value: of text, json, times, decimals, UUIDs, … */
const ZERO_TEXT = new RegExp(
  "^(|\\{\\}|[-0.:]*Z?|1970-01-01(T00:00(:00(\\.0*)?)?Z?)?|A*=*|P0Y0M0DT0H0M0(\\.0*)?S)$",
);
const ZERO_TEXT_MAX = 64;

/** Whether some value outside of the key can't be there for want of one. */
export function isEvident(
  source: Uint8Array,
  before: Fields,
  isKey: (index: number) => boolean,
): boolean {
  for (let i = 0; i < before.shape.count; i++) {
    if (!isKey(i) && isMoreThanZero(source, before, i)) return true;
  }
  return false;
}

function isMoreThanZero(source: Uint8Array, before: Fields, index: number): boolean {
  const start = before.startOf(index);
  const stop = before.stopOf(index);
  switch (before.kindOf(index)) {
    case TRUE:
      return true;
    case NULL:
    case FALSE:
      return false;
    case INTEGER:
    case FRACTION:
      return Number(latin(source, start, stop)) !== 0;
    case STRING:
      return stop - start > ZERO_TEXT_MAX || !ZERO_TEXT.test(latin(source, start, stop));
  }
  return false; // structs and arrays have zeros of many kinds: no evidence
}
