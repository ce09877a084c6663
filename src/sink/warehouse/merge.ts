/**
 * The long way of a segment into the change log, for one with values that only SQL can fill in or
 * convert: by a delta, a temporary table of the rows as they came.
 */
import type { Segment } from "../../batch/batch.ts";
import type { TableLayout } from "../../batch/column.ts";
import {
  type Column,
  type ColumnType,
  duckdbType,
  identifier,
  type Table,
} from "../../catalog/catalog.ts";
import { columnList, LOG_COLUMNS, logTable, sameKey } from "./tables.ts";

/** The statement that makes the delta. */
export function createDelta(layout: TableLayout, name: string): string {
  const columns = layout.columns.map((column) => `${column.deltaName} ${column.deltaType}`);
  return `CREATE TEMP TABLE ${name} (${columns.join(", ")})`;
}

/**
 * The statements that bring a delta into the change log, in order. `current`: a SELECT of the
 * current rows before the delta.
 */
export function logDelta(segment: Segment, delta: string, current: string): string[] {
  const statements = segment.hasUnchanged ? resolveUnchanged(segment, delta, current) : [];
  return [...statements, insertLog(segment.layout, delta)];
}

function insertLog({ table }: TableLayout, delta: string): string {
  const columns = table.columns.map((_, i) => value(table, i)).join(", ");
  return `INSERT INTO ${logTable(table)} (${columnList(table)}, ${LOG_COLUMNS.join(", ")}) ` +
    `SELECT ${columns}, chr(m_op), m_seq, m_lsn, m_tx, m_at FROM ${delta}`;
}

/** A SELECT of `values` of the row `t` that the `d` of this LSN and transaction has deleted: the change
 * of its key before it, if that has left a row. */
export function deletedRow(table: Table, lsn: string, tx: string, values: string): string {
  const log = logTable(table);
  return `SELECT ${values} FROM (SELECT t.* FROM ${log} AS o
    JOIN ${log} AS t ON t._seq < o._seq AND (t._op = 't' OR ${sameKey(table, "t", "o")})
    WHERE o._op = 'd' AND o._lsn = ${lsn} AND o._tx = ${tx} ORDER BY t._seq DESC LIMIT 1) AS t
    WHERE t._op NOT IN ('d', 't')`;
}

/** The same for a delta's first row, the `c` of a changed key that was cut off from that `d`. */
export function cutRow(table: Table, delta: string, values: string): string {
  return deletedRow(table, firstOf(delta, "m_lsn"), firstOf(delta, "m_tx"), values);
}

function firstOf(delta: string, column: string): string {
  return `(SELECT ${column} FROM ${delta} ORDER BY m_seq LIMIT 1)`;
}

/**
 * Fills in the values that the source left out because they had not changed. The version before is
 * the last one in the delta that has the value, or else the stored row. A change of key (`c` with
 * values left out) follows the `d` of its old key in the delta, and finds the stored row by that;
 * the decoder sees to it that nothing of the table comes before it in its batch. A `c` that was cut
 * off from its `d`, which was written before, comes first too.
 */
function resolveUnchanged(segment: Segment, delta: string, current: string): string[] {
  const { table, toastable } = segment.layout;
  const columns = toastable
    .map((index, at) => ({ index, at }))
    .filter(({ at }) => segment.unchanged[at]);
  const isKept = (at: number, row: string) => `substr(${row}m_unchanged, ${at + 1}, 1) = '1'`;
  // 1. From the stored row, for the first versions in the delta; by the old key for a new one.
  const hasNewKeys = segment.counts.c > 0;
  const before = hasNewKeys ? `LEFT JOIN ${delta} AS o ON o.m_seq = d.m_seq - 1` : "";
  const oldKey = (i: number) =>
    hasNewKeys ? `CASE WHEN d.m_op = ord('c') THEN o.c${i} ELSE d.c${i} END` : `d.c${i}`;
  const sameKeys = table.key.map((i) =>
    `t.${identifier(table.columns[i].name)} = ${cast(table, i, oldKey(i))}`
  );
  const values = columns.map(({ index }) => {
    const column = table.columns[index];
    return `${stored(column, `t.${identifier(column.name)}`)} AS v${index}`;
  });
  const sets = columns.map(({ index, at }) =>
    `c${index} = CASE WHEN ${isKept(at, "d.")} THEN s.v${index} ELSE d.c${index} END`
  );
  const statements = [
    `UPDATE ${delta} AS d SET ${sets.join(", ")} FROM (
      SELECT d.m_seq AS seq, ${values.join(", ")}
      FROM ${delta} AS d ${before} JOIN (${current}) AS t ON ${sameKeys.join(" AND ")}
      WHERE d.m_unchanged IS NOT NULL
    ) AS s WHERE d.m_seq = s.seq`,
  ];
  if (segment.isCut) {
    statements.push(
      `UPDATE ${delta} AS d SET ${sets.join(", ")} FROM (${cutRow(table, delta, values.join(", "))})
        AS s WHERE d.m_seq = ${firstOf(delta, "m_seq")}`,
    );
  }
  if (segment.rows === 1) return statements;
  // 2. From the last version of the key in the delta that has it, which is newer.
  const keys = table.key.map((i) => `c${i}`).join(", ");
  for (const { index, at } of columns) {
    statements.push(
      `UPDATE ${delta} AS d SET c${index} = b.c${index} FROM (
        SELECT m_seq AS seq, max(CASE WHEN m_unchanged IS NULL OR NOT ${isKept(at, "")}
          OR m_op = ord('c') THEN m_seq END) OVER (PARTITION BY ${keys} ORDER BY m_seq) AS base
        FROM ${delta}
      ) AS w, ${delta} AS b
      WHERE d.m_seq = w.seq AND ${isKept(at, "d.")} AND d.m_op <> ord('c')
        AND b.m_seq = w.base`,
    );
  }
  return statements;
}

/** A delta's column as a value of the change log: arrays come as the text of a JSON array. */
function value(table: Table, index: number): string {
  return cast(table, index, `c${index}`);
}

function cast(table: Table, index: number, expression: string): string {
  const { type } = table.columns[index];
  if (type.kind !== "array") return expression;
  const json = `CAST(${expression} AS JSON)`;
  const element = ELEMENTS[type.of.kind];
  if (element === undefined) return `CAST(${json} AS ${duckdbType(type)})`;
  return `list_transform(CAST(${json} AS VARCHAR[]), lambda x: ${element.value})`;
}

/** Elements that are not what DuckDB's cast makes of a JSON string: a value of a text `x`, and the
 * text of a value. */
const ELEMENTS: Partial<Record<ColumnType["kind"], { value: string; stored: string }>> = {
  bytea: { value: "unhex(x)", stored: "hex(x)" },
  json: { value: "CAST(x AS JSON)", stored: "CAST(x AS VARCHAR)" },
};

/** The reverse of {@linkcode value}: a stored value as the delta holds it. */
function stored({ type }: Column, expression: string): string {
  if (type.kind !== "array") return expression;
  const element = ELEMENTS[type.of.kind];
  const list = element === undefined
    ? expression
    : `list_transform(${expression}, lambda x: ${element.stored})`;
  return `CAST(to_json(${list}) AS VARCHAR)`;
}
