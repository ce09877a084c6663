/**
 * What was written before: a change of the same table with the same key, LSN and op is the same
 * change, which Debezium has sent once more after a crash of its own.
 */
import { identifier, type Table } from "../../catalog/catalog.ts";
import { logTable } from "./tables.ts";

/** Gives `(m_seq, _seq of the original or 0)` for each row of the delta, by `m_seq`. */
export function originalsSql(table: Table, delta: string): string {
  const keys = table.key.map((i) => `l.${identifier(table.columns[i].name)} = d.c${i}`);
  // The bounds let DuckDB pass over the row groups of other times.
  return `SELECT d.m_seq, coalesce(max(l._seq), 0) FROM ${delta} AS d
    LEFT JOIN ${logTable(table)} AS l ON l._lsn = d.m_lsn AND l._op = chr(d.m_op)
      AND (l._op = 't' OR (${keys.join(" AND ")}))
      AND l._lsn BETWEEN (SELECT min(m_lsn) FROM ${delta}) AND (SELECT max(m_lsn) FROM ${delta})
    GROUP BY d.m_seq ORDER BY d.m_seq`;
}

/** Gives those of `txs` that have a change numbered below `before` in any of the tables. */
export function appliedSql(
  tables: readonly Table[],
  txs: readonly number[],
  before: number,
): string {
  const list = txs.join(", ");
  return tables.map((table) =>
    `SELECT DISTINCT _tx FROM ${logTable(table)}
      WHERE _tx IN (${list}) AND _seq < ${before} AND _op <> 'r'`
  ).join(" UNION ");
}
