/**
 * What the warehouse keeps for a table of the source, and how the current rows are read from it.
 *
 * - The **change log**, `public__changes.users`: every change, appended.
 * - The **base**, in our own schema: the current rows as of some `_seq`.
 * - The **current rows**, `public.users`: a view of the base and of what the change log has after
 *   that `_seq`, its tail. So a commit appends to one table, whatever it changes, and however large
 *   the base is; fold.ts brings the tail into the base now and then, in bulk.
 */
import { duckdbType, identifier, type Table } from "../../catalog/catalog.ts";

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

/** `_sluice."""public"".""users"""`: a name that no two tables share, whatever dots are in theirs. */
export function baseTable(table: Table): string {
  return `_sluice.${identifier(currentTable(table))}`;
}

/** The columns of the source, for a SELECT or an INSERT. */
export function columnList(table: Table): string {
  return table.columns.map(({ name }) => identifier(name)).join(", ");
}

/** The columns of the key. */
export function keyList(table: Table): string {
  return table.key.map((i) => identifier(table.columns[i].name)).join(", ");
}

/** `t."id" = d."id"` of every column of the key. */
export function sameKey(table: Table, a: string, b: string): string {
  return table.key
    .map((i) => identifier(table.columns[i].name))
    .map((column) => `${a}.${column} = ${b}.${column}`)
    .join(" AND ");
}

/** The statements that make all of a table's, with nothing in it yet. */
export function createTables(table: Table): string[] {
  const columns = table.columns.map((c) => `${identifier(c.name)} ${duckdbType(c.type)}`);
  const log = ["_op VARCHAR", "_seq BIGINT", "_lsn UBIGINT", "_tx BIGINT", "_at TIMESTAMPTZ"];
  return [
    `CREATE SCHEMA IF NOT EXISTS ${identifier(table.schema)}`,
    `CREATE SCHEMA IF NOT EXISTS ${identifier(logSchema(table.schema))}`,
    `CREATE TABLE ${baseTable(table)} (${columns.join(", ")})`,
    `CREATE TABLE ${logTable(table)} (${[...columns, ...log].join(", ")})`,
    createView(table, 0),
  ];
}

/** The statements that drop them. */
export function dropTables(table: Table): string[] {
  return [
    `DROP VIEW IF EXISTS ${currentTable(table)}`,
    `DROP TABLE IF EXISTS ${baseTable(table)}`,
    `DROP TABLE IF EXISTS ${logTable(table)}`,
  ];
}

/** The statement that makes the view of the current rows, with a base as of `foldedSeq`. */
export function createView(table: Table, foldedSeq: number): string {
  return `CREATE OR REPLACE VIEW ${currentTable(table)} AS ${selectCurrent(table, foldedSeq)}`;
}

/** A SELECT of the current rows, with a base as of `foldedSeq`. */
export function selectCurrent(table: Table, foldedSeq: number): string {
  const columns = columnList(table);
  return `SELECT ${columns} FROM ${baseTable(table)} AS b ` +
    `ANTI JOIN (SELECT ${keyList(table)} FROM ${logTable(table)} WHERE _seq > ${foldedSeq}) AS d ` +
    `ON ${sameKey(table, "b", "d")} UNION ALL ${selectLast(table, foldedSeq)}`;
}

/** A SELECT of the last version of each key that the change log has after `seq`, and not deleted. */
export function selectLast(table: Table, seq: number): string {
  return `SELECT ${columnList(table)} FROM ${logTable(table)} WHERE _seq > ${seq} ` +
    `AND _op NOT IN ('d', 't') AND _seq IN (SELECT max(_seq) FROM ${logTable(table)} ` +
    `WHERE _seq > ${seq} AND _op <> 't' GROUP BY ${keyList(table)})`;
}
