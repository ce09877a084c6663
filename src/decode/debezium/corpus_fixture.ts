/** Events captured from a real connector, and what plain code reads in them. */
import { readdirSync, readFileSync } from "node:fs";
import type { Column, Table } from "../../catalog/catalog.ts";
import type { KafkaRecord } from "../decoder.ts";
import * as read from "./reference_fixture.ts";
import { type Json, Num } from "./reference_fixture.ts";
import type { FieldSchema } from "./schema_block.ts";
import { amid } from "../../slice_fixture.ts";

const FOLDER = new URL("../../../tests/fixtures/debezium/", import.meta.url);
const encoder = new TextEncoder();

/** The captured files' names. */
export function captured(): string[] {
  return readdirSync(FOLDER).filter((name) => name.endsWith(".jsonl")).sort();
}

interface Line {
  topic: string;
  partition: number;
  offset: string;
  timestamp: string;
  key: string | null;
  value: string | null;
  headers: Record<string, string>;
}

/** A file's records, in the order in which they were read. */
export function recordsOf(name: string): KafkaRecord[] {
  const text = readFileSync(new URL(name, FOLDER), "utf8");
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const { topic, partition, offset, timestamp, key, value, headers }: Line = JSON.parse(line);
    return {
      topic,
      partition,
      offset: Number(offset),
      timestampMs: Number(timestamp),
      key: key === null ? null : amid(key),
      value: value === null ? null : amid(value),
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, encoder.encode(value)]),
      ),
    };
  });
}

/** An object of JSON's. */
export type Obj = { [key: string]: Json };

export function isObj(value: Json | undefined): value is Obj {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Num);
}

/** A payload, with its schema when it has one. */
export function unwrap(value: Json): { schema: FieldSchema | null; payload: Json } {
  const isWrapped = isObj(value) && Object.keys(value).length === 2 && isObj(value.schema) &&
    "payload" in value;
  if (!isWrapped) return { schema: null, payload: value };
  return { schema: JSON.parse(canonical(value.schema)), payload: value.payload };
}

/** JSON's text without white space. */
export function canonical(value: Json): string {
  if (value instanceof Num) return value.source;
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObj(value)) return JSON.stringify(value);
  const fields = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`);
  return `{${fields.join(",")}}`;
}

/** A landed value; where it is JSON kept as it was written, without what JSON.parse drops of it. */
export function canonicalValue(
  value: string | null,
  { type, sourceType }: Column,
  expected: string | null,
): string | null {
  const isRaw = type.kind === "json" && sourceType !== "io.debezium.data.Json" ||
    type.kind === "text" && !type.exact && /^[[{]/.test(value ?? "");
  if (value === null || value === expected || !isRaw) return value;
  return canonical(read.parseJson(encoder.encode(value)));
}

/** By the semantic type's name, or Connect's own type. */
function readOf(field: FieldSchema): read.Read {
  switch (field.name ?? field.type) {
    case "org.apache.kafka.connect.data.Decimal": {
      const scale = Number(field.parameters!.scale);
      const precision = Number(field.parameters!["connect.decimal.precision"] ?? 38);
      if (precision > 38) return read.unscaled(scale);
      return read.decimal(precision, scale, scale);
    }
    case "io.debezium.data.VariableScaleDecimal":
      return read.numeric;
    case "io.debezium.data.Bits": {
      const length = Number(field.parameters!.length);
      return length === 2 ** 31 - 1 ? read.varbits : read.bits(length);
    }
    case "io.debezium.data.Json":
      return read.json;
    case "io.debezium.data.Uuid":
      return read.uuid;
    case "io.debezium.time.Date":
    case "org.apache.kafka.connect.data.Date":
      return read.date;
    case "io.debezium.time.Time":
    case "org.apache.kafka.connect.data.Time":
      return read.time(1000);
    case "io.debezium.time.MicroTime":
      return read.time(1);
    case "io.debezium.time.Timestamp":
    case "org.apache.kafka.connect.data.Timestamp":
      return read.timestamp(1000);
    case "io.debezium.time.MicroTimestamp":
      return read.timestamp(1);
    case "io.debezium.time.ZonedTimestamp":
      return read.timestamptz;
    case "int16":
      return read.whole(16);
    case "int32":
      return read.whole(32);
    case "int64":
    case "io.debezium.time.MicroDuration":
      return read.whole(64);
    case "float":
      return read.float(true);
    case "double":
      return read.float(false);
    case "boolean":
      return read.bool;
    case "bytes":
      return read.bytes("base64");
    case "array": {
      const { type, name } = field.items!;
      const isJson = type === "array" || type === "struct";
      if (isJson) return canonical;
      const isInstant = name?.includes("Timestamp") || name?.endsWith("Date");
      const shown = isInstant
        ? (text: string) => text.includes("infinity") ? text : `µs ${text}`
        : undefined;
      return read.array(readOf(field.items!), shown);
    }
  }
  return field.type === "struct" || field.type === "map" ? canonical : read.text;
}

/** How a column is read whose type was taken from the first record's JSON. */
function readInferred({ type }: Column): read.Read {
  switch (type.kind) {
    case "int8":
      return read.whole(64);
    case "float8":
      return read.float(false);
    case "bool":
      return read.bool;
    case "json":
      return canonical;
  }
  return (value) => typeof value === "string" ? read.text(value) : canonical(value);
}

/** How the columns of a table that events alone tell are read, by name. */
export function readsOf(table: Table, schema: FieldSchema | null): Map<string, read.Read> {
  const row = schema?.fields?.find(({ field }) => field === "after");
  return new Map(table.columns.map((column) => {
    const field = row?.fields?.find(({ field }) => field === column.name);
    return [column.name, field === undefined ? readInferred(column) : readOf(field)];
  }));
}
