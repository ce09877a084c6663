/**
 * Whether a column is still what the table was made for, as far as an event's schema shows it. What
 * is compared is the type that the schema's field would make.
 */
import type { Column, ColumnType, Table } from "../../catalog/catalog.ts";
import { isInferred, schemaName } from "./column_reader.ts";
import type { FieldSchema } from "./schema_block.ts";
import { columnOf } from "./schema_type.ts";

/** What has changed, as relation.ts says it. Columns that the fields lack are not its matter. */
export function typeDifferences(table: Table, fields: readonly FieldSchema[]): string[] {
  return table.columns.flatMap((column) => {
    const field = fields.find(({ field }) => field === column.name);
    if (field === undefined || isInferred(column) || isSame(column, field)) return [];
    return [`column ${column.name} was ${column.sourceType} and is now ${schemaName(field)}`];
  });
}

function isSame(column: Column, field: FieldSchema): boolean {
  const now = columnOf(field);
  if (column.typeOid !== 0) return fits(column.type, now.type, field);
  return column.sourceType === now.sourceType &&
    JSON.stringify(column.type) === JSON.stringify(now.type) && column.typeMod === now.typeMod;
}

/** Whether a column whose type the source's catalogue told may come as this. */
function fits(type: ColumnType, now: ColumnType, field: FieldSchema): boolean {
  switch (type.kind) {
    case "decimal": // as its mode says
      if (now.kind === "decimal") return now.scale === type.scale;
      return now.kind === "text" || now.kind === "float8";
    case "text": // also what is text for want of a counterpart, in a form of its own
      return type.exact ? now.kind === "text" : true;
    case "json": // a map is an hstore's
      return now.kind === "json" || now.kind === "text";
    case "bytea":
      return now.kind === "bytea" || field.type === "string" && !field.name;
    case "array":
      return now.kind === "array" && field.items !== undefined &&
        fits(type.of, now.of, field.items);
    case "uuid":
      return now.kind === "uuid" || now.kind === "text";
  }
  return now.kind === type.kind;
}
