/** How to read one column's values from events: its place, its type here, and its form there. */
import type { TableLayout } from "../../batch/column.ts";
import type { Column, ColumnType } from "../../catalog/catalog.ts";
import { type ColumnDecoder, columnDecoders } from "../values.ts";
import { encodeBytes } from "./base64.ts";
import { type DebeziumModes, type Form, formOfColumn, formOfSchema, PLAIN } from "./forms.ts";
import type { FieldSchema } from "./schema_block.ts";

/** How the codec reads what events without schemas leave open. */
export interface DebeziumOptions extends DebeziumModes {
  /** `unavailable.value.placeholder`: in place of a stored-apart value that did not change. */
  readonly placeholder: string;
}

/** See the top of this file. */
export interface ColumnReader extends ColumnDecoder {
  readonly type: ColumnType;
  readonly form: Form;
  /** What stands for an unchanged value: the inside of the string, as it may be written. */
  readonly placeholders: readonly Uint8Array[];
  /** Whether a JSON string is a value of its own in a json column, not the text of one. */
  readonly isRawJson: boolean;
  /** Whether a value is made into text of another length than it has in the event. */
  readonly isRendered: boolean;
}

const encoder = new TextEncoder();

/** Readers for events without a schema (null), or with this one of their row or key. */
export function columnReaders(
  layout: TableLayout,
  fields: readonly FieldSchema[] | null,
  options: DebeziumOptions,
): (ColumnReader | undefined)[] {
  return columnDecoders(layout).map((decoder) => {
    const { column } = decoder;
    const field = fields?.find(({ field }) => field === column.name);
    if (fields !== null && field === undefined) return undefined; // of a key: not part of it
    const form = field !== undefined && !isInferred(column)
      ? formUnder(field, column, options)
      : formWithout(column, options);
    return {
      ...decoder,
      type: column.type,
      form,
      placeholders: placeholders(form, options.placeholder, isInferred(column)),
      isRawJson: column.typeOid === 0 && column.sourceType !== JSON_NAME,
      isRendered: isRendered(column.type, form),
    };
  });
}

const JSON_NAME = "io.debezium.data.Json";

/** Before the source type of a column whose type was taken from a record's JSON. */
const INFERRED = "JSON ";

export function inferredName(kind: string): string {
  return INFERRED + kind;
}

/** Whether a column was made without any schema: then it goes on to be read so. */
export function isInferred({ typeOid, sourceType }: Column): boolean {
  return typeOid === 0 && sourceType.startsWith(INFERRED);
}

/** The source type of a column that an event's schema told. */
export function schemaName({ type, name, items }: FieldSchema): string {
  return type === "array" && items !== undefined ? `${schemaName(items)}[]` : name ?? type;
}

/** The form in an event with a schema: what that leaves open is as without one. */
function formUnder(field: FieldSchema, column: Column, options: DebeziumOptions): Form {
  const form = formOfSchema(field);
  if (column.typeOid === 0) return form;
  const without = formOfColumn(column, options);
  if (without.kind === "opaque") {
    return field.type === "bytes" ? { ...without, as: "base64" } : PLAIN;
  }
  const inner = form.kind === "array" ? form.of : form;
  if (inner.kind !== "plain") return form;
  const open = without.kind === "array" ? without.of.kind : without.kind;
  return OPEN_KINDS.includes(open) ? without : form;
}

/** Forms that are not told by the schema's names alone. */
const OPEN_KINDS: readonly Form["kind"][] = ["bytes", "bits", "interval", "point", "numeric"];

/** The form in an event without a schema. */
function formWithout(column: Column, options: DebeziumOptions): Form {
  if (isInferred(column)) return PLAIN;
  if (column.typeOid !== 0) return formOfColumn(column, options);
  // Its schema's names were kept; what was in the parameters is in the type or its modifier.
  return formOfSchema(fieldOf(column.sourceType, column));
}

function fieldOf(name: string, column: Column): FieldSchema {
  if (name.endsWith("[]")) return { type: "array", items: fieldOf(name.slice(0, -2), column) };
  const type = column.type.kind === "array" ? column.type.of : column.type;
  const scale = type.kind === "decimal" ? type.scale : column.typeMod;
  return { type: name, name, parameters: { scale: `${scale}`, length: `${column.typeMod}` } };
}

/**
 * What a placeholder looks like; first, its plain bytes. In an array it is an element, so that it is
 * written as its elements are. In a column whose type was guessed it may come in any form.
 */
function placeholders(form: Form, text: string, isGuess: boolean): Uint8Array[] {
  if (form.kind === "array") return placeholders(form.of, text, isGuess);
  const plain = encoder.encode(text);
  const written = [text, JSON.stringify(text).slice(1, -1)];
  if (form.kind === "bytes" || form.kind === "opaque") written.push(encodeBytes(plain, form.as));
  if (form.kind === "unscaled") written.push(encodeBytes(plain, "base64"));
  if (isGuess) {
    for (const as of ["base64", "base64-url-safe", "hex"] as const) {
      written.push(encodeBytes(plain, as));
    }
  }
  return [...new Set(written)].map((each) => encoder.encode(each));
}

/** Forms whose text here is another than there. */
const RENDERED: readonly Form["kind"][] = [
  "unscaled",
  "bits",
  "numeric",
  "interval",
  "point",
  "opaque",
];

function isRendered(type: ColumnType, form: Form): boolean {
  return type.kind === "array" || type.kind === "text" && RENDERED.includes(form.kind);
}
