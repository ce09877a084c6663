/**
 * Values whose text in the warehouse is another than in the event: made as JavaScript strings, since
 * they are rare or wide. Arrays become the text of a JSON array of strings and nulls, from which the
 * sink makes a list; every element is one that DuckDB's cast takes.
 */
import { BadValue } from "../value_error.ts";
import { type BytesForm, decodeBase64, decodedLength } from "./base64.ts";
import type { ColumnReader } from "./column_reader.ts";
import type { ColumnType } from "../../catalog/catalog.ts";
import { latin } from "../number.ts";
import { excerpt } from "./fault.ts";
import type { Form } from "./forms.ts";
import { daysOf, microsOf, readDate, readTime, readTimestamp, timeOf } from "./instants.ts";
import {
  ARRAY,
  ESCAPED,
  FALSE,
  FRACTION,
  INTEGER,
  JsonReader,
  NULL,
  OBJECT,
  STRING,
  TRUE,
} from "./json.ts";
import {
  type Decimal,
  decimalLatin,
  decimalOf,
  decimalText,
  rescaled,
  specialNumeric,
  splitInteger,
  unscaledOf,
} from "./numbers.ts";
import { intervalText } from "./postgres_text.ts";
import { pointText, variableDecimalOf } from "./struct.ts";
import { assertJson, unescaped } from "./text.ts";
import { dateText, timestampText, timeText } from "./time_text.ts";
import { unitOf, wrongForm } from "./values.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a value that is not NULL. Throws `BadValue` and `BadForm`. */
export function render(
  reader: ColumnReader,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): string {
  const { type, form } = reader;
  if (kind === ESCAPED) {
    const plain = unescaped(source, start, stop);
    return render(reader, plain, 0, plain.length, STRING);
  }
  if (type.kind === "array") {
    if (kind !== ARRAY) throw wrongForm(source, start, stop, kind);
    return renderArray(type.of, form.kind === "array" ? form.of : form, source, start, stop);
  }
  switch (form.kind) {
    case "bits":
      return bits(form.length, source, start, stop, kind);
    case "interval":
      if (kind === INTEGER) return latin(source, start, stop);
      if (kind === STRING) return intervalText(latin(source, start, Math.min(stop, start + 200)));
      throw wrongForm(source, start, stop, kind);
    case "point":
      if (kind === OBJECT) return pointText(source, start, stop);
      throw wrongForm(source, start, stop, kind);
    case "opaque":
      return opaque(form.as, source, start, stop, kind);
    case "unscaled":
      if (kind === STRING) return decimalText(unscaledOf(source, start, stop, form.scale));
  }
  return numeric(source, start, stop, kind);
}

/** A `numeric` without precision and scale, as PostgreSQL writes it. */
function numeric(source: Uint8Array, start: number, stop: number, kind: number): string {
  switch (kind) {
    case OBJECT:
      return decimalText(variableDecimalOf(source, start, stop));
    case STRING:
    case INTEGER:
    case FRACTION: {
      const text = decimalLatin(source, start, stop);
      return specialNumeric(text) ?? decimalText(decimalOf(text));
    }
  }
  throw wrongForm(source, start, stop, kind);
}

/** `bit(n)` as PostgreSQL writes it, `0101`. `bit(1)` is a boolean. */
function bits(
  length: number,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): string {
  if (kind === TRUE) return "1";
  if (kind === FALSE) return "0";
  if (kind !== STRING) throw wrongForm(source, start, stop, kind);
  const bytes = new Uint8Array(decodedLength(start, stop, "base64"));
  const count = decodeBase64(source, start, stop, "base64", bytes, 0);
  let text = "";
  for (let i = count - 1; i >= 0; i--) text += bytes[i].toString(2).padStart(8, "0");
  const trimmed = text.replace(/^0+/, "");
  if (length === 0) return trimmed;
  if (trimmed.length > length) throw new BadValue(`${trimmed.length} bits in a bit(${length})`);
  return trimmed.padStart(length, "0");
}

/** The text of a type that Debezium passes on as bytes. */
function opaque(
  as: BytesForm,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): string {
  if (kind !== STRING) throw wrongForm(source, start, stop, kind);
  const bytes = new Uint8Array(decodedLength(start, stop, as));
  const count = decodeBase64(source, start, stop, as, bytes, 0);
  try {
    return decoder.decode(bytes.subarray(0, count));
  } catch {
    throw new BadValue("bytes that are not UTF-8");
  }
}

function renderArray(
  of: ColumnType,
  form: Form,
  source: Uint8Array,
  start: number,
  stop: number,
): string {
  const reader = new JsonReader();
  reader.open(source, start + 1, stop - 1);
  const elements: string[] = [];
  while (reader.peek() !== -1) {
    const kind = reader.value();
    elements.push(
      kind === NULL
        ? "null"
        : JSON.stringify(element(of, form, source, reader.start, reader.stop, kind)),
    );
    if (reader.peek() === 0x2c) reader.at++;
  }
  return `[${elements.join(",")}]`;
}

/** An element as DuckDB's cast from text reads it. */
function element(
  of: ColumnType,
  form: Form,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): string {
  if (kind === ARRAY) {
    throw new BadValue("an array of more than one dimension has no counterpart in a list");
  }
  if (kind === ESCAPED) {
    const plain = unescaped(source, start, stop);
    return element(of, form, plain, 0, plain.length, STRING);
  }
  switch (of.kind) {
    case "json":
    case "text":
      if (kind !== STRING) break;
      if (of.kind === "json") assertJson(source, start, stop);
      return decoder.decode(source.subarray(start, stop));
    case "bool":
      if (kind === TRUE) return "true";
      if (kind === FALSE) return "false";
      break;
    case "int2":
      if (kind === INTEGER) return whole(16n, source, start, stop);
      break;
    case "int4":
      if (kind === INTEGER) return whole(32n, source, start, stop);
      break;
    case "int8":
      if (kind === INTEGER) return whole(64n, source, start, stop);
      break;
    case "float4":
    case "float8":
      return float(of.kind === "float4", source, start, stop, kind);
    case "decimal": {
      const { width, scale } = of;
      const decimal = elementDecimal(form, source, start, stop, kind);
      return decimalText({ unscaled: rescaled(decimal, width, scale), scale });
    }
    case "uuid": {
      if (kind !== STRING) break;
      const text = latin(source, start, stop);
      if (/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(text)) return text;
      throw new BadValue(`${excerpt(source, start, stop)} is not a UUID`);
    }
    case "bytea": {
      if (kind !== STRING) break;
      const as = form.kind === "bytes" ? form.as : "base64";
      const bytes = new Uint8Array(decodedLength(start, stop, as));
      const length = decodeBase64(source, start, stop, as, bytes, 0);
      return bytes.subarray(0, length).toHex();
    }
    case "date":
      if (kind === INTEGER) return dateText(daysOf(source, start, stop));
      if (kind === STRING) return dateText(readDate(source, start, stop));
      break;
    case "time":
      if (kind === INTEGER) return timeText(timeOf(source, start, stop, unitOf({ form })));
      if (kind === STRING) return timeText(readTime(source, start, stop));
      break;
    case "timestamp":
    case "timestamptz": {
      const zone = of.kind === "timestamptz" ? "+00" : "";
      if (kind === INTEGER) {
        return timestampText(microsOf(source, start, stop, unitOf({ form })), zone);
      }
      if (kind !== STRING) break;
      return timestampText(readTimestamp(source, start, stop), zone);
    }
  }
  throw wrongForm(source, start, stop, kind);
}

function whole(width: bigint, source: Uint8Array, start: number, stop: number): string {
  if (splitInteger(source, start, stop)) {
    const value = BigInt(latin(source, start, stop));
    if (BigInt.asIntN(Number(width), value) === value) return String(value);
  }
  throw new BadValue(`${excerpt(source, start, stop)} does not fit into ${width} bits`);
}

function float(
  isSingle: boolean,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): string {
  const text = latin(source, start, stop);
  if (kind === STRING) {
    if (/^(NaN|-?Infinity)$/.test(text)) return text;
    throw new BadValue(`${excerpt(source, start, stop)} is no number`);
  }
  if (kind !== INTEGER && kind !== FRACTION) throw wrongForm(source, start, stop, kind);
  const value = isSingle ? Math.fround(Number(text)) : Number(text);
  if (!Number.isFinite(value)) throw new BadValue(`${text} is too great for its column`);
  return Object.is(value, -0) ? "-0" : String(value);
}

function elementDecimal(
  form: Form,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): Decimal {
  if (kind === OBJECT) return variableDecimalOf(source, start, stop);
  if (kind === STRING && form.kind === "unscaled") {
    return unscaledOf(source, start, stop, form.scale);
  }
  if (kind === STRING || kind === INTEGER || kind === FRACTION) {
    return decimalOf(decimalLatin(source, start, stop));
  }
  throw wrongForm(source, start, stop, kind);
}
