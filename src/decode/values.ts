/**
 * One value of any type, in PostgreSQL's text or binary form, into its place in a batch. Which of
 * the two a stream carries is said per value.
 */
import type { Batch, Chunk } from "../batch/batch.ts";
import { type ColumnLayout, META_COUNT, type TableLayout } from "../batch/column.ts";
import type { Column, ColumnType } from "../catalog/catalog.ts";
import { arrayToJson } from "./array.ts";
import { putBoolText, putByteaText, putUuidBinary, putUuidText } from "./bytes.ts";
import { putDecimalBinary, putDecimalText, putFloatText, putInteger } from "./number.ts";
import {
  putDateBinary,
  putDateText,
  putTimeBinary,
  putTimestampBinary,
  putTimestampText,
  putTimeText,
} from "./time.ts";
import { BadValue } from "./value_error.ts";

/** How to decode one source column: everything that a value's bytes do not say. */
export interface ColumnDecoder {
  readonly column: Column;
  readonly kind: ColumnType["kind"];
  readonly width: ColumnLayout["width"];
  readonly isString: boolean;
  /** Decimals: digits after the point. */
  readonly scale: number;
  /** Index among a chunk's columns. */
  readonly at: number;
  /** Place among the layout's toastable columns; −1: the source never leaves it out. */
  readonly toast: number;
}

/** The decoders of a table's columns, in the table's order. */
export function columnDecoders(layout: TableLayout): ColumnDecoder[] {
  return layout.table.columns.map((column, i) => {
    const { width, isString } = layout.columns[META_COUNT + i];
    return {
      column,
      kind: column.type.kind,
      width,
      isString,
      scale: column.type.kind === "decimal" ? column.type.scale : 0,
      at: META_COUNT + i,
      toast: layout.toastable.indexOf(i),
    };
  });
}

/** How many times its own bytes a value may take in the slab: each byte of an array's text may be
 * an escaped character of JSON (6 bytes), or an element of its own with quotes and comma. */
export const EXPANSION_MAX = 8;

/** Whether the binary form of this column's type is one that {@linkcode putBinary} reads. */
export function hasBinary(column: Column): boolean {
  const { type } = column;
  if (type.kind === "array") return false;
  if (type.kind === "text") return type.exact && column.typeOid !== CHAR_OID;
  return true;
}

/** `"char"`, one byte that need not be a character. */
const CHAR_OID = 18;

/** Writes `source[start, end)`, a value in PostgreSQL's text form. Throws `BadValue`. */
export function putText(
  batch: Batch,
  chunk: Chunk,
  row: number,
  decoder: ColumnDecoder,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const to = chunk.data[decoder.at] + row * decoder.width;
  switch (decoder.kind) {
    case "text":
      if (decoder.column.typeOid === CHAR_OID && source[start] > 0x7f && start < end) {
        throw new BadValue("its byte is not UTF-8");
      }
      return batch.putString(chunk, decoder.at, row, source, start, end);
    case "json":
      return batch.putString(chunk, decoder.at, row, source, start, end);
    case "uuid":
      return putUuidText(batch, to, source, start, end);
    case "int2":
    case "int4":
    case "int8":
    case "decimal":
      return putDecimalText(batch, to, decoder.width, decoder.scale, source, start, end);
    case "timestamptz":
    case "timestamp":
      return putTimestampText(batch, to, source, start, end);
    case "bool":
      return putBoolText(batch, to, source, start);
    case "float4":
    case "float8":
      return putFloatText(batch, to, decoder.width, source, start, end);
    case "date":
      return putDateText(batch, to, source, start, end);
    case "time":
      return putTimeText(batch, to, source, start, end);
    case "bytea":
      return putByteaText(batch, chunk, decoder.at, row, source, start, end);
    case "array":
      return putArray(batch, chunk, row, decoder, source, start, end);
  }
}

/** Writes `source[start, end)`, a value in PostgreSQL's binary form. Throws `BadValue`. */
export function putBinary(
  batch: Batch,
  chunk: Chunk,
  row: number,
  decoder: ColumnDecoder,
  source: Uint8Array,
  view: DataView,
  start: number,
  end: number,
): void {
  const to = chunk.data[decoder.at] + row * decoder.width;
  switch (decoder.kind) {
    case "text":
    case "bytea":
      return batch.putString(chunk, decoder.at, row, source, start, end);
    case "json": // jsonb starts with its version, 1; json's text can't start with that byte
      if (source[start] === 1) start++;
      return batch.putString(chunk, decoder.at, row, source, start, end);
    case "uuid":
      return putUuidBinary(batch, to, source, start);
    case "int2":
      return putInteger(batch, to, 2, view.getInt16(start));
    case "int4":
      batch.ints[to >> 2] = view.getInt32(start);
      return;
    case "int8":
      batch.ints[to >> 2] = view.getInt32(start + 4);
      batch.ints[(to >> 2) + 1] = view.getInt32(start);
      return;
    case "decimal":
      return putDecimalBinary(batch, to, decoder.width, decoder.scale, view, start);
    case "timestamptz":
    case "timestamp":
      return putTimestampBinary(batch, to, view, start);
    case "bool":
      batch.bytes[to] = source[start];
      return;
    case "float4":
      batch.floats[to >> 2] = view.getFloat32(start);
      return;
    case "float8":
      batch.doubles[to >> 3] = view.getFloat64(start);
      return;
    case "date":
      return putDateBinary(batch, to, view, start);
    case "time":
      return putTimeBinary(batch, to, view, start);
    case "array":
      throw new BadValue("arrays are read in text form only");
  }
}

const encoder = new TextEncoder();

function putArray(
  batch: Batch,
  chunk: Chunk,
  row: number,
  decoder: ColumnDecoder,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  const { type } = decoder.column;
  if (type.kind !== "array") throw new BadValue("not an array column");
  const json = encoder.encode(arrayToJson(type.of, source, start, end));
  batch.putString(chunk, decoder.at, row, json, 0, json.length);
}
