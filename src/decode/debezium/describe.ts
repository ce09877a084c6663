/** What a record says that its table is: from the source's catalogue, its schema, or its JSON. */
import { type Column, type ColumnType, type Table, tableName } from "../../catalog/catalog.ts";
import { Fault } from "../../errors.ts";
import type { KafkaRecord } from "../decoder.ts";
import { inferredName } from "./column_reader.ts";
import { badRecord } from "./fault.ts";
import type { DebeziumHead } from "./head.ts";
import { ARRAY, FALSE, FRACTION, INTEGER, Malformed, NULL, OBJECT, TRUE } from "./json.ts";
import type { FieldSchema } from "./schema_block.ts";
import { columnOf } from "./schema_type.ts";

/** A table, and what had to be guessed of it. */
export interface Description {
  readonly table: Table;
  /** Sentences for the log. */
  readonly unsure: readonly string[];
}

/** Describes the table of a scanned record of op c, u, r or d. */
export function describe(
  record: KafkaRecord,
  head: DebeziumHead,
  known: Table | undefined,
): Description | Fault {
  const { schema, table: name } = head;
  if (record.key === null || !head.key.isPresent) return withoutKey(head);
  const row = head.after.isPresent ? head.after : head.before;
  if (!row.isPresent) return badRecord(record, "value", "no row at all, neither before nor after");
  let fields: readonly FieldSchema[] | null;
  try {
    fields = head.valueSchema?.columns("value") ?? null;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return badRecord(record, "schema", error.message);
  }
  const inferred: Column[] = [];
  const columns = row.shape.names().map((column, i): Column => {
    const own = known?.columns.find((other) => other.name === column);
    if (own !== undefined) return own;
    const field = fields?.find((other) => other.field === column);
    if (field !== undefined) return columnOf(field);
    const guess = infer(column, row.kindOf(i));
    inferred.push(guess);
    return guess;
  });
  const keyNames = head.key.shape.names();
  const key = keyNames.map((column) => columns.findIndex((other) => other.name === column));
  if (key.includes(-1) || key.length === 0) {
    return badRecord(record, "key", `the columns (${keyNames.join(", ")}), not all in the row`);
  }
  const unsure = inferred.length > 0 ? [guessed(head, inferred)] : [];
  if (known === undefined) {
    const table: Table = { oid: 0, schema, name, columns, key, identity: "unknown" };
    return { table, unsure };
  }
  return knownTable(known, columns, keyNames, unsure);
}

/** The catalogue's table with the columns that the events have, in their order. */
function knownTable(
  known: Table,
  columns: readonly Column[],
  keyNames: readonly string[],
  unsure: string[],
): Description | Fault {
  const own = known.key.map((i) => known.columns[i].name);
  if (own.toSorted().join() !== keyNames.toSorted().join()) {
    return new Fault("setup", {
      what: `the events of ${tableName(known)} have another key than the table`,
      received: `(${keyNames.join(", ")}), the table has (${own.join(", ")})`,
      todo:
        "Let the connector take the table's own key (no message.key.columns), and let REPLICA " +
        "IDENTITY be DEFAULT or FULL.",
    });
  }
  const missing = known.columns.filter(({ name }) => !columns.some((c) => c.name === name));
  if (missing.length > 0) {
    const names = missing.map(({ name, sourceType }) => `${name} (${sourceType})`).join(", ");
    unsure.push(
      `The events of ${
        tableName(known)
      } lack its columns ${names}, so the warehouse does too: see ` +
        "column.exclude.list and include.unknown.datatypes of the connector.",
    );
  }
  const key = own.map((name) => columns.findIndex((column) => column.name === name));
  return { table: { ...known, columns, key }, unsure };
}

function withoutKey(head: DebeziumHead): Fault {
  return new Fault("setup", {
    what: `the events of ${tableName({ schema: head.schema, name: head.table })} have no key`,
    todo: "Give the table a primary key, or name its key's columns in message.key.columns of the " +
      "connector, and take a new snapshot; or leave it out (table.exclude.list).",
  });
}

/** A column's type from its first value. */
function infer(name: string, kind: number): Column {
  const [type, seen] = inferredType(kind);
  const toastable = type.kind === "text" || type.kind === "json";
  const sourceType = inferredName(seen);
  return { name, type, sourceType, typeOid: 0, typeMod: -1, notNull: false, toastable };
}

function inferredType(kind: number): [type: ColumnType, seen: string] {
  switch (kind) {
    case INTEGER:
      return [{ kind: "int8" }, "integer"];
    case FRACTION:
      return [{ kind: "float8" }, "number"];
    case TRUE:
    case FALSE:
      return [{ kind: "bool" }, "boolean"];
    case OBJECT:
      return [{ kind: "json" }, "object"];
    case ARRAY:
      return [{ kind: "json" }, "array"];
    case NULL:
      return [{ kind: "text", exact: false }, "null"];
  }
  return [{ kind: "text", exact: true }, "string"];
}

/** What inference can't know, in one sentence. */
function guessed({ schema, table }: DebeziumHead, columns: readonly Column[]): string {
  const names = columns
    .map(({ name, sourceType }) => `${name} (${sourceType})`)
    .join(", ");
  return `The types of ${tableName({ schema, name: table })} were guessed from its first event's ` +
    `values, ${names}: dates and times come as numbers whose unit JSON does not say, decimals, ` +
    "UUIDs, bytes and json as text, and a null could be anything; turn schemas on in the connector " +
    "(value.converter.schemas.enable=true), or set SLUICE_DATABASE_URL, and take a new snapshot.";
}
