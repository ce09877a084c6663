/**
 * From a field of an event's schema to a column of the warehouse, where the source's own catalogue
 * is out of reach.
 *
 * Source: "Data type mappings" in the PostgreSQL connector's pages of Debezium 2.3's manual.
 */
import type { Column, ColumnType } from "../../catalog/catalog.ts";
import { schemaName } from "./column_reader.ts";
import type { FieldSchema } from "./schema_block.ts";

/** DuckDB's widest DECIMAL. */
const DECIMAL_WIDTH_MAX = 38;

const TEXT: ColumnType = { kind: "text", exact: true };
const TEXT_FOR_WANT: ColumnType = { kind: "text", exact: false };

/** By the semantic type's name. */
const BY_NAME: ReadonlyMap<string, ColumnType> = new Map<string, ColumnType>([
  ["io.debezium.data.Bits", TEXT_FOR_WANT],
  ["io.debezium.data.Enum", TEXT],
  ["io.debezium.data.EnumSet", TEXT],
  ["io.debezium.data.Json", { kind: "json" }],
  ["io.debezium.data.Ltree", TEXT],
  ["io.debezium.data.Uuid", { kind: "uuid" }],
  ["io.debezium.data.VariableScaleDecimal", TEXT_FOR_WANT],
  ["io.debezium.data.Xml", TEXT],
  ["io.debezium.time.Date", { kind: "date" }],
  ["io.debezium.time.Interval", TEXT_FOR_WANT],
  ["io.debezium.time.MicroDuration", { kind: "int8" }],
  ["io.debezium.time.MicroTime", { kind: "time" }],
  ["io.debezium.time.MicroTimestamp", { kind: "timestamp" }],
  ["io.debezium.time.NanoDuration", { kind: "int8" }],
  ["io.debezium.time.NanoTime", { kind: "time" }],
  ["io.debezium.time.NanoTimestamp", { kind: "timestamp" }],
  ["io.debezium.time.Time", { kind: "time" }],
  ["io.debezium.time.Timestamp", { kind: "timestamp" }],
  ["io.debezium.time.Year", { kind: "int4" }],
  ["io.debezium.time.ZonedTime", TEXT_FOR_WANT],
  ["io.debezium.time.ZonedTimestamp", { kind: "timestamptz" }],
  ["org.apache.kafka.connect.data.Date", { kind: "date" }],
  ["org.apache.kafka.connect.data.Time", { kind: "time" }],
  ["org.apache.kafka.connect.data.Timestamp", { kind: "timestamp" }],
]);

/** By Connect's own type. What is none of these is kept as JSON. */
const BY_TYPE: ReadonlyMap<string, ColumnType> = new Map<string, ColumnType>([
  ["int8", { kind: "int2" }],
  ["int16", { kind: "int2" }],
  ["int32", { kind: "int4" }],
  ["int64", { kind: "int8" }],
  ["float", { kind: "float4" }],
  ["double", { kind: "float8" }],
  ["boolean", { kind: "bool" }],
  ["string", TEXT],
  ["bytes", { kind: "bytea" }],
]);

/** The column that a field of a row's schema makes. */
export function columnOf(field: FieldSchema): Column {
  const type = typeOf(field);
  return {
    name: field.field ?? "",
    type,
    sourceType: schemaName(field),
    typeOid: 0,
    typeMod: modifier(field),
    notNull: field.optional !== true,
    toastable: ["string", "bytes", "array", "map", "struct"].includes(field.type),
  };
}

function typeOf(field: FieldSchema): ColumnType {
  if (field.name === DECIMAL) return decimalType(field);
  const named = field.name ? BY_NAME.get(field.name) : undefined;
  if (named !== undefined) return named;
  if (field.type === "array" && field.items !== undefined) {
    const of = typeOf(field.items);
    const isExact = of.kind !== "array" && (of.kind !== "text" || of.exact);
    const isScalar = BY_TYPE.has(field.items.type);
    return isExact && isScalar ? { kind: "array", of } : { kind: "json" };
  }
  return BY_TYPE.get(field.type) ?? { kind: "json" };
}

const DECIMAL = "org.apache.kafka.connect.data.Decimal";

/** Money has no precision; numeric has, and it may be wider than a DECIMAL. */
function decimalType({ parameters }: FieldSchema): ColumnType {
  const scale = Number(parameters?.scale ?? 0);
  const width = Number(parameters?.["connect.decimal.precision"] ?? DECIMAL_WIDTH_MAX);
  const isDecimal = width >= 1 && width <= DECIMAL_WIDTH_MAX && scale >= 0 && scale <= width;
  return isDecimal ? { kind: "decimal", width, scale } : TEXT_FOR_WANT;
}

/** What its name leaves open of how its values are read: see `formWithout`. */
function modifier({ name, parameters }: FieldSchema): number {
  if (name === DECIMAL) return Number(parameters?.scale ?? 0);
  if (name === "io.debezium.data.Bits") return Number(parameters?.length ?? -1);
  return -1;
}
