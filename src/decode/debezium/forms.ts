/**
 * Which form a column's values have in an event: what JSON alone does not say. It follows from the
 * event's schema, or without one from how the connector was set up and the column's type at the
 * source.
 *
 * Source: "Data type mappings" in the PostgreSQL connector's pages of Debezium 2.3's manual, and
 * `PostgresValueConverter`.
 */
import type { Column } from "../../catalog/catalog.ts";
import type { FieldSchema } from "./schema_block.ts";

/** How the connector was set up, where events without schemas leave it open. */
export interface DebeziumModes {
  /** `decimal.handling.mode` */
  readonly decimal: "string" | "precise" | "double";
  /** `time.precision.mode` */
  readonly time: "adaptive" | "adaptive_time_microseconds" | "connect";
  /** `binary.handling.mode`; `bytes` is `base64` in JSON. */
  readonly binary: "base64" | "base64-url-safe" | "hex";
}

/** µs in a unit of a number that counts time; 0.001 for ns. */
export type Unit = 1 | 1000 | 0.001;

/** The form of a value in JSON. */
export type Form =
  /** What the value itself says: numbers, true and false, text, ISO 8601. */
  | { readonly kind: "plain" }
  /** Base64 of a decimal's two's complement without its point, whose place `scale` says. */
  | { readonly kind: "unscaled"; readonly scale: number }
  /** Time as a number. */
  | { readonly kind: "time"; readonly unit: Unit }
  /** A byte string. */
  | { readonly kind: "bytes"; readonly as: DebeziumModes["binary"] }
  /** A byte string that is the text of a type that Debezium does not know. */
  | { readonly kind: "opaque"; readonly as: DebeziumModes["binary"] }
  /** ISO 8601 text of an interval; a number of µs is taken as it is. */
  | { readonly kind: "interval" }
  /** A struct with `x` and `y`. */
  | { readonly kind: "point" }
  /** A decimal of any scale: text, a number, or a struct of scale and unscaled value. */
  | { readonly kind: "numeric" }
  /** Base64 of bits, the lowest byte first; `length` 0: as many as there are, from the first 1. */
  | { readonly kind: "bits"; readonly length: number }
  | { readonly kind: "array"; readonly of: Form };

export const PLAIN: Form = { kind: "plain" };
export const BASE64: Form = { kind: "bytes", as: "base64" };

const NUMERIC = 1700;
const MONEY = 790;
const BIT = 1560;
const VARBIT = 1562;
const INTERVAL = 1186;
const POINT = 600;
/** Types that become text here for want of a counterpart, and that Debezium writes as text: xml,
 * cidr, macaddr8, macaddr, inet, timetz, the ranges. */
const TEXT_OIDS = [142, 650, 774, 829, 869, 1266, 3904, 3906, 3908, 3910, 3912, 3926];
/** The same of extensions, whose oids differ. */
const TEXT_NAMES = /^(\w+\.)?(hstore|ltree|citext|isbn|geometry|geography)\b|\[\]$/;
/** `Bits` of a bit varying without a limit says so by this length. */
const UNLIMITED = 2_147_483_647;

/** The form that a field's schema tells. */
export function formOfSchema(field: FieldSchema): Form {
  const parameter = (name: string) => Number(field.parameters?.[name] ?? NaN);
  switch (field.name ?? "") {
    case "org.apache.kafka.connect.data.Decimal":
      return { kind: "unscaled", scale: parameter("scale") || 0 };
    case "io.debezium.data.Bits": {
      const length = parameter("length");
      return { kind: "bits", length: length > 0 && length < UNLIMITED ? length : 0 };
    }
    case "io.debezium.data.VariableScaleDecimal":
      return { kind: "numeric" };
    case "io.debezium.time.Time":
    case "io.debezium.time.Timestamp":
    case "org.apache.kafka.connect.data.Time":
    case "org.apache.kafka.connect.data.Timestamp":
      return { kind: "time", unit: 1000 };
    case "io.debezium.time.MicroTime":
    case "io.debezium.time.MicroTimestamp":
      return { kind: "time", unit: 1 };
    case "io.debezium.time.NanoTime":
    case "io.debezium.time.NanoTimestamp":
      return { kind: "time", unit: 0.001 };
  }
  if (field.type === "bytes") return BASE64;
  if (field.type === "array" && field.items !== undefined) {
    return { kind: "array", of: formOfSchema(field.items) };
  }
  return PLAIN;
}

/**
 * The form for a column whose type at the source is known, or was once told by a schema, in an
 * event without one. `isElement`: of its array's elements.
 */
export function formOfColumn(column: Column, modes: DebeziumModes, isElement = false): Form {
  const { type, typeMod } = column;
  const kind = type.kind === "array" && isElement ? type.of.kind : type.kind;
  switch (kind) {
    case "array":
      return { kind: "array", of: formOfColumn(column, modes, true) };
    case "decimal": {
      const decimal = type.kind === "array" ? type.of : type;
      const scale = decimal.kind === "decimal" ? decimal.scale : 0;
      return modes.decimal === "precise" ? { kind: "unscaled", scale } : PLAIN;
    }
    case "bytea":
      return { kind: "bytes", as: modes.binary };
    case "time":
      // A time array's elements are µs in every mode.
      return { kind: "time", unit: isElement ? 1 : timeUnit(typeMod, modes.time) };
    case "timestamp":
      return { kind: "time", unit: timestampUnit(typeMod, modes.time) };
    case "text":
      return textForm(column, modes);
  }
  return PLAIN;
}

/** How what has no counterpart comes. */
function textForm({ type, typeOid, typeMod, sourceType }: Column, modes: DebeziumModes): Form {
  if (type.kind !== "text" || type.exact) return PLAIN;
  switch (typeOid) {
    case MONEY:
      return modes.decimal === "precise" ? { kind: "unscaled", scale: 2 } : { kind: "numeric" };
    case NUMERIC:
      return modes.decimal === "precise" && typeMod >= 4
        ? { kind: "unscaled", scale: (typeMod - 4) & 0x7ff }
        : { kind: "numeric" };
    case BIT:
      return { kind: "bits", length: typeMod };
    case VARBIT:
      return { kind: "bits", length: 0 };
    case INTERVAL:
      return { kind: "interval" };
    case POINT:
      return { kind: "point" };
  }
  if (TEXT_OIDS.includes(typeOid) || TEXT_NAMES.test(sourceType)) return PLAIN;
  return { kind: "opaque", as: modes.binary };
}

function timeUnit(precision: number, mode: DebeziumModes["time"]): Unit {
  if (mode === "connect") return 1000;
  return mode === "adaptive" && precision >= 0 && precision <= 3 ? 1000 : 1;
}

function timestampUnit(precision: number, mode: DebeziumModes["time"]): Unit {
  return mode === "connect" || (precision >= 0 && precision <= 3) ? 1000 : 1;
}
