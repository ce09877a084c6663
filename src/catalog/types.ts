/** From PostgreSQL's types to the warehouse's. What has no exact counterpart becomes text. */
import type { ColumnType } from "./catalog.ts";

/** A PostgreSQL type with its domains already resolved to what lies beneath. */
export interface PgType {
  /** Of the base type. */
  readonly oid: number;
  /** Name without schema, for types that come with an extension and so have no fixed oid. */
  readonly name: string;
  /** `pg_type.typtype` of the base type: b(ase), c(omposite), e(num), r(ange), m(ultirange). */
  readonly typtype: string;
  /** The column's modifier, or that of the domain. −1: none. For arrays, that of the element. */
  readonly typmod: number;
  /** Dimensions as declared (`attndims` or `typndims`); PostgreSQL doesn't hold values to it. */
  readonly dimensions: number;
  /** Of a true array type: its element, domains resolved. */
  readonly element?: PgType;
}

/** A row of `pg_type`, as far as it decides about the warehouse's type. */
export interface PgTypeRow {
  readonly oid: number;
  readonly name: string;
  readonly typtype: string;
  readonly category: string;
  readonly length: number;
  readonly element: number;
  readonly base: number;
  readonly typmod: number;
  readonly dimensions: number;
}

/** Text that keeps what the source's type means: text in all but name. */
const TEXT: ColumnType = { kind: "text", exact: true };
/** The source's text form, for want of a counterpart. `check` says so. */
const TEXT_FOR_WANT: ColumnType = { kind: "text", exact: false };

/** Types with fixed oids (pg_type.dat) whose counterpart needs no modifier. */
const BY_OID: ReadonlyMap<number, ColumnType> = new Map<number, ColumnType>([
  [16, { kind: "bool" }],
  [17, { kind: "bytea" }],
  [18, TEXT], // "char"
  [19, TEXT], // name
  [20, { kind: "int8" }],
  [21, { kind: "int2" }],
  [23, { kind: "int4" }],
  [25, TEXT], // text
  [26, { kind: "int8" }], // oid: an unsigned 32-bit number
  [114, { kind: "json" }],
  [700, { kind: "float4" }],
  [701, { kind: "float8" }],
  [1042, TEXT], // character(n): padded, as the source gives it
  [1043, TEXT], // character varying
  [1082, { kind: "date" }],
  [1083, { kind: "time" }],
  [1114, { kind: "timestamp" }],
  [1184, { kind: "timestamptz" }],
  [2950, { kind: "uuid" }],
  [3802, { kind: "json" }], // jsonb
]);

const NUMERIC = 1700;
/** Arrays by their category, but with a text form of their own. */
const VECTORS = [22, 30]; // int2vector, oidvector

/** DuckDB's widest DECIMAL. */
const DECIMAL_WIDTH_MAX = 38;
/** PostgreSQL adds this to a typmod so that 0 means something (VARHDRSZ). */
const TYPMOD_OFFSET = 4;

/**
 * The warehouse's type. An array becomes one only when it is declared with one dimension and its
 * elements have an exact counterpart; the others keep the source's text, such as `{{1,2},{3,4}}`.
 */
export function columnType(type: PgType): ColumnType {
  if (type.element !== undefined) return arrayType(type, type.element);
  if (type.typtype === "e") return TEXT;
  if (type.typtype !== "b") return TEXT_FOR_WANT;
  if (type.oid === NUMERIC) return numericType(type.typmod);
  if (type.name === "citext") return TEXT; // an extension's: its oid differs from server to server
  return BY_OID.get(type.oid) ?? TEXT_FOR_WANT;
}

/** Whether values lose their meaning (not their text) in the warehouse. */
export function isInexact(type: ColumnType): boolean {
  return type.kind === "text" && !type.exact;
}

/**
 * Follows domains and arrays from the type `oid` of a column. `typmod` and `dimensions` are the
 * column's; a domain brings its own. Throws when `rows` lacks a type, which is a bug.
 */
export function resolveType(
  rows: ReadonlyMap<number, PgTypeRow>,
  oid: number,
  typmod: number,
  dimensions: number,
): PgType {
  let row = typeRow(rows, oid);
  while (row.typtype === "d") {
    typmod = row.typmod;
    dimensions = Math.max(dimensions, row.dimensions);
    row = typeRow(rows, row.base);
  }
  const base = { oid: row.oid, name: row.name, typtype: row.typtype, typmod, dimensions };
  const isArray = row.category === "A" && row.element !== 0 && row.length === -1 &&
    !VECTORS.includes(row.oid);
  if (!isArray) return base;
  return { ...base, element: resolveType(rows, row.element, typmod, 0) };
}

function typeRow(rows: ReadonlyMap<number, PgTypeRow>, oid: number): PgTypeRow {
  const row = rows.get(oid);
  if (row === undefined) throw new Error(`pg_type has no row for oid ${oid}`);
  return row;
}

function arrayType(type: PgType, element: PgType): ColumnType {
  const of = columnType(element);
  if (type.dimensions > 1 || of.kind === "array" || isInexact(of)) return TEXT_FOR_WANT;
  return { kind: "array", of };
}

/** Scale is 11 bits with a sign since PostgreSQL 15; before, it is never negative. */
function numericType(typmod: number): ColumnType {
  if (typmod < TYPMOD_OFFSET) return TEXT_FOR_WANT;
  const width = ((typmod - TYPMOD_OFFSET) >> 16) & 0xffff;
  const scale = (((typmod - TYPMOD_OFFSET) & 0x7ff) ^ 0x400) - 0x400;
  if (width > DECIMAL_WIDTH_MAX || scale < 0 || scale > width) return TEXT_FOR_WANT;
  return { kind: "decimal", width, scale };
}
