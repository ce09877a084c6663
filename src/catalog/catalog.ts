/**
 * What a table of the source is to Sluice: its columns with their types here, and its key. The
 * warehouse keeps it as JSON, so that a restart compares the source with what the files were made
 * for, not with what the source has become.
 */

/**
 * The type of a column in the warehouse.
 *
 * - `decimal`: exact, `width` digits (1 to 38) of which `scale` are fractional.
 * - `text`: also for what has no counterpart (`exact` is false then, and `check` says so).
 * - `array`: a one-dimensional array of `of`, itself no array.
 */
export type ColumnType =
  | { readonly kind: "bool" | "int2" | "int4" | "int8" | "float4" | "float8" }
  | { readonly kind: "decimal"; readonly width: number; readonly scale: number }
  | { readonly kind: "text"; readonly exact: boolean }
  | { readonly kind: "json" | "uuid" | "bytea" | "date" | "time" | "timestamp" | "timestamptz" }
  | { readonly kind: "array"; readonly of: ColumnType };

/** A column of a source table, in the order of the table. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** The source's own name of the type, as in `numeric(18,2)`. */
  readonly sourceType: string;
  readonly typeOid: number;
  /** `atttypmod`: −1 when the type takes none or none was given. */
  readonly typeMod: number;
  readonly notNull: boolean;
  /** Whether the source may leave it out of an update as "unchanged" (it is stored apart). */
  readonly toastable: boolean;
}

/** How the source identifies the old row of an update or delete; `unknown`: events don't say. */
export type ReplicaIdentity = "default" | "index" | "full" | "unknown";

/** A table that is replicated. */
export interface Table {
  /** Of `pg_class`: stays with the table when it is renamed, and goes with it when it is dropped.
   * 0: known from events only. */
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly Column[];
  /** Indexes into `columns` of the key, in the key's own order. At least one. */
  readonly key: readonly number[];
  readonly identity: ReplicaIdentity;
}

/** `public.users`: how a table is called in messages, metrics and URLs. */
export function tableName(table: { schema: string; name: string }): string {
  return `${table.schema}.${table.name}`;
}

/** The type's name in DuckDB's SQL. */
export function duckdbType(type: ColumnType): string {
  switch (type.kind) {
    case "bool":
      return "BOOLEAN";
    case "int2":
      return "SMALLINT";
    case "int4":
      return "INTEGER";
    case "int8":
      return "BIGINT";
    case "float4":
      return "FLOAT";
    case "float8":
      return "DOUBLE";
    case "decimal":
      return `DECIMAL(${type.width},${type.scale})`;
    case "text":
      return "VARCHAR";
    case "json":
      return "JSON";
    case "uuid":
      return "UUID";
    case "bytea":
      return "BLOB";
    case "date":
      return "DATE";
    case "time":
      return "TIME";
    case "timestamp":
      return "TIMESTAMP";
    case "timestamptz":
      return "TIMESTAMPTZ";
    case "array":
      return `${duckdbType(type.of)}[]`;
  }
}

/** `name` as an SQL identifier, for DuckDB and PostgreSQL alike. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `value` as an SQL string literal, for DuckDB and PostgreSQL with standard strings alike. */
export function literal(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
