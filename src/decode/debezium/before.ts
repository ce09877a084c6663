/**
 * Whether a record's `before` is the row as it was. With REPLICA IDENTITY FULL it is. Without, it
 * holds the key, and in place of every other value NULL, or where the column is NOT NULL its DEFAULT
 * or the zero of its type: not the old row, and never to be taken for it.
 *
 * Where no catalogue tells the identity, updates do: only with FULL do they have a `before`. Until
 * one was seen, the schema may show it. An event without a schema can't: a DEFAULT looks like a
 * value.
 */
import { latin } from "../number.ts";
import type { Fields } from "./fields.ts";
import { FALSE, FRACTION, INTEGER, NULL, STRING, TRUE } from "./json.ts";
import type { FieldSchema } from "./schema_block.ts";

/** Texts that Debezium writes for want of a value: of text, json, times, decimals, UUIDs, … */
const ZERO_TEXT = new RegExp(
  "^(|\\{\\}|[-0.:]*Z?|1970-01-01(T00:00(:00(\\.0*)?)?Z?)?|A*=*|P0Y0M0DT0H0M0(\\.0*)?S)$",
);
const ZERO_TEXT_MAX = 64;

/** Whether some value outside of the key can't be there for want of one. */
export function isEvident(
  source: Uint8Array,
  before: Fields,
  keyNames: ReadonlySet<string>,
  fields: readonly FieldSchema[] | null,
): boolean {
  return before.shape.names().some((name, i) => {
    const field = fields?.find((other) => other.field === name);
    if (field === undefined || keyNames.has(name) || before.kindOf(i) === NULL) return false;
    if (field.optional === true) return true; // it would be NULL
    return field.default === undefined && isMoreThanZero(source, before, i);
  });
}

function isMoreThanZero(source: Uint8Array, before: Fields, index: number): boolean {
  const start = before.startOf(index);
  const stop = before.stopOf(index);
  switch (before.kindOf(index)) {
    case TRUE:
      return true;
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
