/** One JSON value of any type and form into its place in a batch. */
import type { Batch, Chunk } from "../../batch/batch.ts";
import { BadValue } from "../value_error.ts";
import { decodeBase64, decodedLength } from "./base64.ts";
import type { ColumnReader } from "./column_reader.ts";
import { BadForm, excerpt } from "./fault.ts";
import type { Unit } from "./forms.ts";
import {
  putDateNumber,
  putMicrosOfDay,
  putTimeNumber,
  putTimestampNumber,
  putTimestampText,
  readDate,
  readTime,
} from "./instants.ts";
import { ESCAPED, FALSE, FRACTION, HEX, INTEGER, OBJECT, STRING, TRUE } from "./json.ts";
import { putDecimal, putExact, putFloat, putWhole, unscaledOf } from "./numbers.ts";
import { variableDecimalOf } from "./struct.ts";
import { assertJson, putText, unescaped } from "./text.ts";

/**
 * Writes the value `source[start, stop)` of a kind of json.ts that is not NULL. Throws `BadValue`
 * for what the column can't hold, and `BadForm` for what its form does not have.
 */
export function putValue(
  batch: Batch,
  chunk: Chunk,
  row: number,
  reader: ColumnReader,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): void {
  if (kind === ESCAPED && reader.kind !== "text" && reader.kind !== "json") {
    const plain = unescaped(source, start, stop);
    return putValue(batch, chunk, row, reader, plain, 0, plain.length, STRING);
  }
  const to = chunk.data[reader.at] + row * reader.width;
  switch (reader.kind) {
    case "text":
      if (kind === STRING || kind === ESCAPED) {
        return putText(batch, chunk, reader.at, row, source, start, stop, kind);
      }
      // What is text for want of a counterpart (an interval, a point) is taken as it is written.
      if (reader.type.kind === "text" && reader.type.exact) break;
      return batch.putString(chunk, reader.at, row, source, start, stop);
    case "json":
      return putJson(batch, chunk, row, reader, source, start, stop, kind);
    case "uuid":
      if (kind !== STRING) break;
      return putUuid(batch, to, source, start, stop);
    case "timestamptz":
    case "timestamp":
      if (kind === STRING) return putTimestampText(batch, to, source, start, stop);
      if (kind !== INTEGER) break;
      return putTimestampNumber(batch, to, unitOf(reader), source, start, stop);
    case "decimal":
      return putAnyDecimal(batch, to, reader, source, start, stop, kind);
    case "int2":
    case "int4":
    case "int8":
      if (kind !== INTEGER) break;
      return putWhole(batch, to, reader.width, source, start, stop);
    case "bool":
      if (kind !== TRUE && kind !== FALSE) break;
      batch.bytes[to] = kind === TRUE ? 1 : 0;
      return;
    case "float4":
    case "float8":
      if (kind !== INTEGER && kind !== FRACTION && kind !== STRING) break;
      return putFloat(batch, to, reader.width, source, start, stop, kind === STRING);
    case "date":
      if (kind === INTEGER) return putDateNumber(batch, to, source, start, stop);
      if (kind !== STRING) break;
      batch.ints[to >> 2] = readDate(source, start, stop);
      return;
    case "time":
      if (kind === INTEGER) return putTimeNumber(batch, to, unitOf(reader), source, start, stop);
      if (kind !== STRING) break;
      return putMicrosOfDay(batch, to, readTime(source, start, stop));
    case "bytea":
      if (kind !== STRING) break;
      return putBytes(batch, chunk, row, reader, source, start, stop);
  }
  throw wrongForm(source, start, stop, kind);
}

/** µs in a unit of this column's numbers. */
export function unitOf({ form }: { form: ColumnReader["form"] }): Unit {
  return form.kind === "time" ? form.unit : 1;
}

/** How a kind of json.ts is called. */
const KIND_NAMES = ["", "null", "true", "false", "a whole number", "a number with a fraction"];
KIND_NAMES.push("a string", "a string with escapes", "an object", "an array");

/** The column's form has no value of this kind. */
export function wrongForm(source: Uint8Array, start: number, stop: number, kind: number): BadForm {
  return new BadForm(`${KIND_NAMES[kind]}, ${excerpt(source, start, stop)}`);
}

function putAnyDecimal(
  batch: Batch,
  to: number,
  reader: ColumnReader,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): void {
  const { width, scale, type, form } = reader;
  const precision = type.kind === "decimal" ? type.width : 0;
  if (kind === STRING && form.kind === "unscaled") {
    const decimal = unscaledOf(source, start, stop, form.scale);
    return putExact(batch, to, width, precision, scale, decimal);
  }
  if (kind === STRING || kind === INTEGER || kind === FRACTION) {
    return putDecimal(batch, to, width, precision, scale, source, start, stop);
  }
  if (kind === OBJECT) {
    const decimal = variableDecimalOf(source, start, stop);
    return putExact(batch, to, width, precision, scale, decimal);
  }
  throw wrongForm(source, start, stop, kind);
}

function putBytes(
  batch: Batch,
  chunk: Chunk,
  row: number,
  { at, form }: ColumnReader,
  source: Uint8Array,
  start: number,
  stop: number,
): void {
  const as = form.kind === "bytes" ? form.as : "base64";
  const room = decodedLength(start, stop, as);
  const to = batch.takeBytes(room);
  const length = decodeBase64(source, start, stop, as, batch.bytes, to);
  batch.putTaken(chunk, at, row, to, length);
}

/** JSON of PostgreSQL is a string whose text is JSON; a struct, map or array is taken as it is. */
function putJson(
  batch: Batch,
  chunk: Chunk,
  row: number,
  reader: ColumnReader,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): void {
  const { at } = reader;
  const isText = kind === STRING || kind === ESCAPED;
  if (!isText) return batch.putString(chunk, at, row, source, start, stop);
  if (reader.isRawJson) return batch.putString(chunk, at, row, source, start - 1, stop + 1);
  putText(batch, chunk, at, row, source, start, stop, kind);
  const text = chunk.data[at] + row * 16;
  const from = batch.stringOffset(text);
  assertJson(batch.bytes, from, from + batch.stringLength(text));
}

/** `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, as DuckDB keeps it; see `putUuidBinary`. */
function putUuid(batch: Batch, to: number, source: Uint8Array, start: number, stop: number): void {
  const { bytes } = batch;
  let bad = stop - start === 36 && source[start + 8] === 0x2d && source[start + 13] === 0x2d &&
      source[start + 18] === 0x2d && source[start + 23] === 0x2d
    ? 0
    : -1;
  let at = start;
  for (let i = 15; bad >= 0 && i >= 0; i--) {
    if (i === 11 || i === 9 || i === 7 || i === 5) at++;
    const byte = HEX[source[at]] << 4 | HEX[source[at + 1]];
    bad |= byte; // its sign
    bytes[to + i] = byte;
    at += 2;
  }
  if (bad < 0) throw new BadValue(`${excerpt(source, start, stop)} is not a UUID`);
  bytes[to + 15] ^= 0x80;
}
