/**
 * The SQL that brings a delta (one batch's changes of one table, as they came) into the current
 * table and the change log.
 *
 * Current table: the rows of every key touched go, then the last version of each comes. No primary
 * key index: deleting by hash join is faster, and DuckDB's indexes refuse a key that is deleted
 * and inserted again in one transaction.
 */
import type { TableLayout } from "../../batch/column.ts";
import { type Column, duckdbType, identifier, type Table } from "../../catalog/catalog.ts";
import type { Segment } from "../../batch/batch.ts";

/** Our columns in a change log, after the source's. */
export const LOG_COLUMNS = ["_op", "_seq", "_lsn", "_tx", "_at"] as const;

/** `"public"."users"` */
export function currentTable(table: Table): string {
  return `${identifier(table.schema)}.${identifier(table.name)}`;
}

/** The schema of the change logs of a source schema's tables. */
export function logSchema(schema: string): string {
  return `${schema}__changes`;
}

/** `"public__changes"."users"` */
export function logTable(table: Table): string {
  return `${identifier(logSchema(table.schema))}.${identifier(table.name)}`;
}

/** The statements that make a table's schema, current table and change log. */
export function createTables(table: Table): string[] {
  const columns = table.columns.map((c) => `${identifier(c.name)} ${duckdbType(c.type)}`);
  const log = ["_op VARCHAR", "_seq BIGINT", "_lsn UBIGINT", "_tx BIGINT", "_at TIMESTAMPTZ"];
  return [
    `CREATE SCHEMA IF NOT EXISTS ${identifier(table.schema)}`,
    `CREATE SCHEMA IF NOT EXISTS ${identifier(logSchema(table.schema))}`,
    `CREATE TABLE ${currentTable(table)} (${columns.join(", ")})`,
    `CREATE TABLE ${logTable(table)} (${[...columns, ...log].join(", ")})`,
  ];
}

/** The statements that drop them. */
export function dropTables(table: Table): string[] {
  return [
    `DROP TABLE IF EXISTS ${currentTable(table)}`,
    `DROP TABLE IF EXISTS ${logTable(table)}`,
  ];
}

/** The statement that makes the delta, a temporary table. */
export function createDelta(layout: TableLayout, name: string): string {
  const columns = layout.columns.map((column) => `${column.deltaName} ${column.deltaType}`);
  return `CREATE TEMP TABLE ${name} (${columns.join(", ")})`;
}

/**
 * The statements that apply a delta, in order. `segment` says what is in it, so that what is not
 * there costs nothing.
 */
export function applyDelta(segment: Segment, delta: string): string[] {
  const { layout, counts } = segment;
  const { table } = layout;
  const statements: string[] = [];
  if (segment.hasUnchanged) statements.push(...resolveUnchanged(layout, delta));
  if (counts.t > 0) statements.push(`DELETE FROM ${currentTable(table)}`);
  const onlyNew = counts.u === 0 && counts.d === 0; // a created or read key is not there yet
  if (!onlyNew) statements.push(deleteTouched(layout, delta));
  if (counts.c + counts.u + counts.r > 0) {
    statements.push(insertLast(layout, delta, onlyNew));
  }
  const op = counts.r === segment.rows ? "'r'" : "chr(m_op)"; // a snapshot's: a constant
  statements.push(insertLog(layout, delta, op));
  return statements;
}

function deleteTouched({ table }: TableLayout, delta: string): string {
  const match = table.key
    .map((i) => `t.${identifier(table.columns[i].name)} = ${value(table, i, "d.")}`)
    .join(" AND ");
  return `DELETE FROM ${currentTable(table)} AS t USING ${delta} AS d ` +
    `WHERE d.m_op <> ord('t') AND ${match}`;
}

function insertLast({ table }: TableLayout, delta: string, onlyNew: boolean): string {
  const columns = table.columns.map((_, i) => value(table, i, "d.")).join(", ");
  const into = `INSERT INTO ${currentTable(table)} SELECT ${columns} FROM ${delta} AS d`;
  if (onlyNew) return `${into} WHERE m_op <> ord('t')`;
  const keys = table.key.map((i) => `c${i}`).join(", ");
  return `${into} WHERE m_op NOT IN (ord('d'), ord('t')) AND m_seq IN ` +
    `(SELECT max(m_seq) FROM ${delta} WHERE m_op <> ord('t') GROUP BY ${keys})`;
}

function insertLog({ table }: TableLayout, delta: string, op: string): string {
  const columns = table.columns.map((_, i) => value(table, i, "")).join(", ");
  return `INSERT INTO ${logTable(table)} ` +
    `SELECT ${columns}, ${op}, m_seq, m_lsn, m_tx, m_at FROM ${delta}`;
}

/**
 * Fills in the values that the source left out because they had not changed. The version before is
 * the last one in the delta that has the value, or else the stored row. A change of key (`c` with
 * values left out) follows the `d` of its old key in the delta, and finds the stored row by that;
 * the decoder sees to it that nothing of the table comes before it in its batch.
 */
function resolveUnchanged({ table, toastable }: TableLayout, delta: string): string[] {
  const isKept = (at: number, row: string) => `substr(${row}m_unchanged, ${at + 1}, 1) = '1'`;
  const keyMatch = (a: (i: number) => string, b: (i: number) => string) =>
    table.key.map((i) => `${a(i)} = ${b(i)}`).join(" AND ");
  const statements: string[] = [];
  toastable.forEach((index, at) => {
    const column = `c${index}`;
    const keys = table.key.map((i) => `c${i}`).join(", ");
    // 1. From the stored row, for the first versions in the delta; by the old key for a new one.
    const oldKey = (i: number) => `CASE WHEN d.m_op = ord('c') THEN o.c${i} ELSE d.c${i} END`;
    statements.push(
      `UPDATE ${delta} AS d SET ${column} = s.v FROM (
        SELECT d.m_seq AS seq, ${
        stored(table.columns[index], `t.${identifier(table.columns[index].name)}`)
      } AS v
        FROM ${delta} AS d LEFT JOIN ${delta} AS o ON o.m_seq = d.m_seq - 1
        JOIN ${currentTable(table)} AS t ON ${
        keyMatch((i) => `t.${identifier(table.columns[i].name)}`, (i) => cast(table, i, oldKey(i)))
      }
        WHERE ${isKept(at, "d.")}
      ) AS s WHERE d.m_seq = s.seq`,
    );
    // 2. From the last version of the key in the delta that has it, which is newer.
    statements.push(
      `UPDATE ${delta} AS d SET ${column} = b.${column} FROM (
        SELECT m_seq AS seq, max(CASE WHEN m_unchanged IS NULL OR NOT ${isKept(at, "")}
          OR m_op = ord('c') THEN m_seq END) OVER (PARTITION BY ${keys} ORDER BY m_seq) AS base
        FROM ${delta}
      ) AS w, ${delta} AS b
      WHERE d.m_seq = w.seq AND ${isKept(at, "d.")} AND d.m_op <> ord('c')
        AND b.m_seq = w.base`,
    );
  });
  return statements;
}

/** A delta's column as a value of the current table: arrays come as the text of a JSON array. */
function value(table: Table, index: number, row: string): string {
  return cast(table, index, `${row}c${index}`);
}

function cast(table: Table, index: number, expression: string): string {
  const { type } = table.columns[index];
  if (type.kind !== "array") return expression;
  const json = `CAST(${expression} AS JSON)`;
  if (type.of.kind !== "bytea") return `CAST(${json} AS ${duckdbType(type)})`;
  return `list_transform(CAST(${json} AS VARCHAR[]), lambda x: unhex(x))`;
}

/** The reverse of {@linkcode value}: a stored value as the delta holds it. */
function stored({ type }: Column, expression: string): string {
  if (type.kind !== "array") return expression;
  const isBytes = type.of.kind === "bytea";
  const list = isBytes ? `list_transform(${expression}, lambda x: hex(x))` : expression;
  return `CAST(to_json(${list}) AS VARCHAR)`;
}
