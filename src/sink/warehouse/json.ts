/**
 * Values of the warehouse as JSON. No value becomes a tree of objects first, and a value that does
 * not fit into the answer is refused before it is materialised.
 *
 * | type | JSON |
 * | --- | --- |
 * | BOOLEAN | `true`, `false` |
 * | TINYINT to INTEGER, UTINYINT to UINTEGER | number |
 * | BIGINT, UBIGINT, HUGEINT, UHUGEINT, BIGNUM | string: `"9223372036854775807"` |
 * | DECIMAL | string with all digits of its scale: `"12.50"` |
 * | FLOAT, DOUBLE | shortest number that reads back the same; `"NaN"`, `"Infinity"`, `"-Infinity"` |
 * | VARCHAR, ENUM, UUID, BIT, VARIANT | string |
 * | JSON | the document itself, its text unchanged; a string when it is not valid JSON |
 * | BLOB, GEOMETRY (as WKB) | string in base64 |
 * | DATE, TIME, TIMESTAMP and their kin | string, see json_time.ts |
 * | INTERVAL | string in DuckDB's form: `"1 year 3 days 04:00:00"` |
 * | LIST, ARRAY | array |
 * | STRUCT | object, or an array when its fields have no names |
 * | MAP | array of `{"key": …, "value": …}`, since keys may be of any type |
 * | UNION | object of one property, named by the member |
 * | NULL of any type | `null` |
 */
import { Buffer } from "node:buffer";
import {
  DuckDBArrayType,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBGeometryValue,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  DuckDBTimeNSValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeTZValue,
  DuckDBTimeValue,
  type DuckDBType,
  DuckDBTypeId,
  DuckDBUnionType,
  DuckDBUnionValue,
  type DuckDBValue,
  type DuckDBVector,
} from "@duckdb/node-api";
import type { JsonOut } from "./json_out.ts";
import { dateText, offsetText, timestampNanosText, timestampText, timeText } from "./json_time.ts";
import {
  arrayChild,
  type Bytes,
  listOf,
  mapEntries,
  storedBytes,
  structFields,
  unionFields,
} from "./json_vectors.ts";

const INT64_MAX = 2n ** 63n - 1n;

/** Writes the value at `index` of a vector. Throws `TooLong` when it does not fit. */
export type Writer = (out: JsonOut, vector: DuckDBVector, index: number) => void;

/** The name of `type` in SQL; a JSON column is `JSON`, though DuckDB keeps it as text. */
export function typeText(type: DuckDBType): string {
  if (isJson(type)) return "JSON";
  if (type instanceof DuckDBListType) return `${typeText(type.valueType)}[]`;
  return type.toString();
}

/** The writer for a column of `type`; made once for a column. */
export function writerFor(type: DuckDBType): Writer {
  if (type instanceof DuckDBListType) return listWriter(writerFor(type.valueType));
  if (type instanceof DuckDBArrayType) return arrayWriter(type, writerFor(type.valueType));
  if (type instanceof DuckDBStructType) return structWriter(type);
  if (type instanceof DuckDBMapType) return mapWriter(type);
  if (type instanceof DuckDBUnionType) return unionWriter(type);
  switch (type.typeId) {
    case DuckDBTypeId.VARCHAR:
      return isJson(type) ? sized(1, jsonText) : sized(1, (out, value) => out.string(`${value}`));
    case DuckDBTypeId.BLOB:
    case DuckDBTypeId.GEOMETRY:
      return sized(4 / 3, base64);
    case DuckDBTypeId.BIT:
      return sized(4, (out, value) => out.string(`${value}`));
    case DuckDBTypeId.FLOAT:
      return scalar((out, value) => out.raw(floatText(value as number, shortestFloat)));
    case DuckDBTypeId.DOUBLE:
      return scalar((out, value) => out.raw(floatText(value as number, String)));
  }
  return scalar(plain);
}

function isJson(type: DuckDBType): boolean {
  return type.typeId === DuckDBTypeId.VARCHAR && type.alias === "JSON";
}

type WriteValue = (out: JsonOut, value: Exclude<DuckDBValue, null>) => void;

function scalar(write: WriteValue): Writer {
  return (out, vector, index) => {
    const value = vector.getItem(index);
    if (value === null) out.raw("null");
    else write(out, value);
  };
}

/** For values of any length: `factor` is the least number of JSON bytes for each stored byte. */
function sized(factor: number, write: WriteValue): Writer {
  const writeIt = scalar(write);
  return (out, vector, index) => {
    out.room(Math.floor(storedBytes(vector as unknown as Bytes, index) * factor));
    writeIt(out, vector, index);
  };
}

const plain: WriteValue = (out, value) => {
  if (typeof value === "boolean") out.raw(value ? "true" : "false");
  else if (typeof value === "number") out.raw(String(value));
  else if (value instanceof DuckDBTimestampTZValue) {
    out.raw(`"${timestampText(value.micros, "Z")}"`);
  } else if (value instanceof DuckDBTimestampValue) {
    out.raw(`"${timestampText(value.micros, "")}"`);
  } else if (value instanceof DuckDBDateValue) out.raw(`"${dateText(value.days)}"`);
  else if (value instanceof DuckDBTimeValue) out.raw(`"${timeText(value.micros)}"`);
  else if (value instanceof DuckDBTimeTZValue) {
    out.raw(`"${timeText(value.micros)}${offsetText(value.offset)}"`);
  } else if (value instanceof DuckDBTimestampSecondsValue) {
    out.raw(`"${coarseText(value.seconds, 1_000_000n)}"`);
  } else if (value instanceof DuckDBTimestampMillisecondsValue) {
    out.raw(`"${coarseText(value.millis, 1000n)}"`);
  } else if (value instanceof DuckDBTimestampNanosecondsValue) {
    out.raw(`"${timestampNanosText(value.nanos)}"`);
  } else if (value instanceof DuckDBTimeNSValue) {
    const rest = String(value.nanos % 1000n).padStart(3, "0");
    out.raw(`"${timeText(value.nanos / 1000n)}${rest}"`);
  } else out.string(String(value)); // bigints, decimals, UUIDs, enums, intervals and the rest
};

/** A timestamp in units of `micros`; the infinities are the same numbers in every unit. */
function coarseText(value: bigint, micros: bigint): string {
  const finite = value !== INT64_MAX && value !== -INT64_MAX;
  return timestampText(finite ? value * micros : value, "");
}

/** A document is embedded as its own text: read and written again, its numbers would lose digits. */
const jsonText: WriteValue = (out, value) => {
  const text = value as string;
  try {
    JSON.parse(text); // DuckDB also lets NaN and trailing commas pass as JSON
  } catch {
    return out.string(text);
  }
  out.json(text);
};

const base64: WriteValue = (out, value) => {
  const { bytes } = value as DuckDBBlobValue | DuckDBGeometryValue;
  out.raw(`"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")}"`);
};

function floatText(value: number, shortest: (value: number) => string): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? "-0" : shortest(value);
}

/** The shortest decimal that reads back as the same 32-bit float. */
function shortestFloat(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(Number(value.toPrecision(9)));
}

function listWriter(element: Writer): Writer {
  return (out, vector, index) => {
    const list = listOf(vector, index);
    if (list === null) return out.raw("null");
    out.room(2 * list.length);
    writeRange(out, list.child, list.offset, list.length, element);
  };
}

function arrayWriter(type: DuckDBArrayType, element: Writer): Writer {
  return (out, vector, index) => {
    const child = arrayChild(vector, index);
    if (child === null) return out.raw("null");
    writeRange(out, child, index * type.length, type.length, element);
  };
}

function writeRange(
  out: JsonOut,
  child: DuckDBVector,
  offset: number,
  length: number,
  element: Writer,
): void {
  out.raw("[");
  for (let i = 0; i < length; i++) {
    if (i > 0) out.raw(",");
    element(out, child, offset + i);
  }
  out.raw("]");
}

function structWriter(type: DuckDBStructType): Writer {
  const writers = type.entryTypes.map(writerFor);
  const named = type.entryNames.some((name) => name !== "");
  const labels = type.entryNames.map((name) => named ? `${JSON.stringify(name)}:` : "");
  return (out, vector, index) => {
    const fields = structFields(vector, index);
    if (fields === null) return out.raw("null");
    out.raw(named ? "{" : "[");
    for (let i = 0; i < writers.length; i++) {
      out.json(i > 0 ? `,${labels[i]}` : labels[i]);
      writers[i](out, fields.entryVectorAt(i), index);
    }
    out.raw(named ? "}" : "]");
  };
}

function mapWriter(type: DuckDBMapType): Writer {
  const key = writerFor(type.keyType);
  const value = writerFor(type.valueType);
  return (out, vector, index) => {
    const map = mapEntries(vector, index);
    if (map === null) return out.raw("null");
    out.room(16 * map.length);
    out.raw("[");
    for (let i = 0; i < map.length; i++) {
      out.raw(i > 0 ? ',{"key":' : '{"key":');
      key(out, map.keys, map.offset + i);
      out.raw(',"value":');
      value(out, map.values, map.offset + i);
      out.raw("}");
    }
    out.raw("]");
  };
}

function unionWriter(type: DuckDBUnionType): Writer {
  const writers = type.memberTypes.map(writerFor);
  return (out, vector, index) => {
    const item = vector.getItem(index);
    if (!(item instanceof DuckDBUnionValue)) return out.raw("null");
    const member = type.memberTags.indexOf(item.tag);
    out.json(`{${JSON.stringify(item.tag)}:`);
    writers[member](out, unionFields(vector).entryVectorAt(member + 1), index);
    out.raw("}");
  };
}
