/** Names the table, key and column of a value that could not be decoded. */
import type { Batch, Chunk } from "../batch/batch.ts";
import { META_COUNT, type TableLayout } from "../batch/column.ts";
import { type Column, tableName } from "../catalog/catalog.ts";
import { Fault } from "../errors.ts";
import { BadValue } from "./value_error.ts";
import type { ColumnDecoder } from "./values.ts";

/**
 * `error` as a `bad-value` fault; anything but a `BadValue` is a bug, and thrown on. `decodeKey`
 * decodes one column of the key into the row begun last.
 */
export function badValue(
  error: unknown,
  layout: TableLayout,
  chunk: Chunk,
  column: ColumnDecoder | undefined,
  batch: Batch,
  decodeKey: (index: number) => void,
): Fault {
  if (!(error instanceof BadValue) || column === undefined) throw error;
  const { name, sourceType } = column.column;
  const key = layout.table.key.map((i) => {
    let value = "?"; // the bad one itself
    if (i !== column.at - META_COUNT) {
      decodeKey(i); // it may come after the bad one
      value = shown(batch, chunk, i, layout);
    }
    return `${layout.table.columns[i].name}=${value}`;
  }).join(", ");
  return new Fault("bad-value", {
    what: `column ${JSON.stringify(name)} (${sourceType}) of ${tableName(layout.table)} has a ` +
      `value without a counterpart in the warehouse, in the row with the key ${key}`,
    received: error.message,
    todo: "Nothing of its transaction was applied. Change the value at the source and take a new " +
      "snapshot (--resnapshot), or leave the table out with SLUICE_TABLES.",
  });
}

/** A key value that was just decoded, as text for a message. */
function shown(batch: Batch, chunk: Chunk, index: number, layout: TableLayout): string {
  const at = META_COUNT + index;
  const { width, isString } = layout.columns[at];
  const from = chunk.data[at] + chunk.rows * width;
  const { kind } = layout.table.columns[index].type;
  if (isString) return JSON.stringify(new TextDecoder().decode(batch.stringAt(from)));
  const bytes = batch.bytes.slice(from, from + width).reverse();
  if (kind === "uuid") {
    bytes[0] ^= 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }
  if (["int2", "int4", "int8", "decimal"].includes(kind)) return integer(bytes, layout, index);
  return `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function integer(bigEndian: Uint8Array, layout: TableLayout, index: number): string {
  let value = 0n;
  for (const byte of bigEndian) value = value * 256n + BigInt(byte);
  value = BigInt.asIntN(bigEndian.length * 8, value);
  const { type }: Column = layout.table.columns[index];
  if (type.kind !== "decimal" || type.scale === 0) return String(value);
  const digits = String(value < 0n ? -value : value).padStart(type.scale + 1, "0");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -type.scale)}.${digits.slice(-type.scale)}`;
}
