/**
 * What was written before: a change of the same table with the same key, LSN and op is the same
 * change, which Debezium has sent once more after a crash of its own. A TRUNCATE locks its table until
 * its commit: where a change with a greater LSN was written, so was it, or it had nothing to empty.
 */
import { identifier, type Table } from "../../catalog/catalog.ts";
import { logTable } from "./tables.ts";

/** Gives `(m_seq, _seq of the original or 0)` for each row of the delta, by `m_seq`; of a TRUNCATE the
 * `_seq` of the next change that was written, in the order of LSNs, which may be its own. Rows of
 * snapshots are none: a TRUNCATE that is older than theirs may come after them. */
export function originalsSql(table: Table, delta: string): string {
  const keys = table.key.map((i) => `l.${identifier(table.columns[i].name)} = d.c${i}`);
  const log = logTable(table);
  // The bounds let DuckDB pass over the row groups of other times.
  const first = `(SELECT min(m_lsn) FROM ${delta})`;
  const last = `(SELECT max(m_lsn) FROM ${delta})`;
  return `SELECT d.m_seq, coalesce(max(l._seq), 0) FROM ${delta} AS d
      LEFT JOIN ${log} AS l ON l._lsn = d.m_lsn AND l._op = chr(d.m_op)
        AND ${keys.join(" AND ")} AND l._lsn BETWEEN ${first} AND ${last}
      WHERE chr(d.m_op) <> 't' GROUP BY d.m_seq
    UNION ALL SELECT d.m_seq, coalesce(l._seq, 0)
      FROM (SELECT m_seq, m_lsn FROM ${delta} WHERE chr(m_op) = 't') AS d
      ASOF LEFT JOIN (SELECT _seq, _lsn FROM ${log} WHERE _lsn >= ${first} AND _op <> 'r') AS l
        ON d.m_lsn <= l._lsn
    ORDER BY m_seq`;
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
