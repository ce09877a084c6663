/**
 * How a column lies in memory inside a batch: exactly as DuckDB's vectors hold it, so that a whole
 * column reaches DuckDB by one copy. A value is either of fixed width, or a 16-byte string head.
 *
 * String head (DuckDB's `string_t`): `length: u32`, then for up to 12 bytes the bytes themselves,
 * zero-padded; for longer ones their first 4 bytes, and the address of all of them in memory. The
 * address is that of the batch's slab, which stays where it is; DuckDB copies the bytes when the
 * rows are appended. (Its own call that assigns a string copies them once more, and took a fifth
 * of the isolate's time.) Bytes written so must be valid UTF-8, except in a BLOB: PostgreSQL sees
 * to that, converting to client_encoding UTF8.
 */
import { type ColumnType, duckdbType, type Table, tableName } from "../catalog/catalog.ts";

/** Strings up to this many bytes live inside their head. */
export const INLINE_BYTES_MAX = 12;

/** How to write one column's values: the width in bytes, and what the decoder does with them. */
export interface ColumnLayout {
  /** The name in the warehouse's delta table: `m_…` for our own, `c<i>` for the source's. */
  readonly deltaName: string;
  /** DuckDB's type of the delta's column. */
  readonly deltaType: string;
  readonly width: 1 | 2 | 4 | 8 | 16;
  readonly isString: boolean;
}

/** Our own columns, before the source's, with their place in {@linkcode TableLayout.columns}. */
export const META = { op: 0, seq: 1, lsn: 2, tx: 3, at: 4, unchanged: 5 } as const;

/** How many columns of a layout are ours. */
export const META_COUNT = 6;

const META_COLUMNS: readonly ColumnLayout[] = [
  fixed("m_op", "UTINYINT", 1), // the character code of c, u, d, r or t
  fixed("m_seq", "BIGINT", 8), // order of application
  fixed("m_lsn", "UBIGINT", 8), // commit LSN
  fixed("m_tx", "BIGINT", 8), // source transaction id
  fixed("m_at", "TIMESTAMPTZ", 8), // source commit time
  // One character a toastable column, '1' where the source left its value out; NULL when none is.
  { deltaName: "m_unchanged", deltaType: "VARCHAR", width: 16, isString: true },
];

/** A table's columns as a batch holds them. */
export class TableLayout {
  readonly name: string;
  /** Ours ({@linkcode META}), then the source's in their order. */
  readonly columns: readonly ColumnLayout[];
  /** Bytes that one row takes in the columns, rounded up, without its long strings. */
  readonly rowBytes: number;
  /** Indexes into `table.columns` of those that an update may leave out. */
  readonly toastable: readonly number[];
  /** Whether text grows while it is decoded: arrays become JSON. */
  readonly mayExpand: boolean;

  constructor(readonly table: Table) {
    this.name = tableName(table);
    this.columns = [
      ...META_COLUMNS,
      ...table.columns.map((column, i) => columnLayout(`c${i}`, column.type)),
    ];
    this.rowBytes = this.columns.reduce((sum, column) => sum + column.width, 0);
    this.toastable = table.columns.flatMap((column, i) => column.toastable ? [i] : []);
    this.mayExpand = table.columns.some((column) => column.type.kind === "array");
  }
}

function columnLayout(deltaName: string, type: ColumnType): ColumnLayout {
  switch (type.kind) {
    case "bool":
      return fixed(deltaName, "BOOLEAN", 1);
    case "int2":
      return fixed(deltaName, "SMALLINT", 2);
    case "int4":
    case "float4":
    case "date":
      return fixed(deltaName, duckdbType(type), 4);
    case "int8":
    case "float8":
    case "time":
    case "timestamp":
    case "timestamptz":
      return fixed(deltaName, duckdbType(type), 8);
    case "decimal":
      return fixed(deltaName, duckdbType(type), decimalBytes(type.width));
    case "uuid":
      return fixed(deltaName, "UUID", 16);
    case "text":
    case "json":
    case "bytea":
      return { deltaName, deltaType: duckdbType(type), width: 16, isString: true };
    case "array": // as the text of a JSON array; SQL makes the list of it
      return { deltaName, deltaType: "VARCHAR", width: 16, isString: true };
  }
}

function fixed(deltaName: string, deltaType: string, width: 1 | 2 | 4 | 8 | 16): ColumnLayout {
  return { deltaName, deltaType, width, isString: false };
}

/** DuckDB's width in bytes of a decimal of `width` digits. */
export function decimalBytes(width: number): 2 | 4 | 8 | 16 {
  if (width <= 4) return 2;
  if (width <= 9) return 4;
  return width <= 18 ? 8 : 16;
}
