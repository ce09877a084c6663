/** The replicated tables, as `_sluice.tables` has them. */
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  type Column,
  duckdbType,
  identifier,
  type Table,
  tableName,
} from "../../catalog/catalog.ts";
import type { JsonOut } from "./json_out.ts";

/** Every table that is published, in the order of their names. */
export async function readTables(connection: DuckDBConnection): Promise<Table[]> {
  const sql = "SELECT definition FROM _sluice.tables ORDER BY schema, name";
  const rows = (await connection.runAndReadAll(sql)).getRowsJson() as string[][];
  return rows.map(([definition]) => JSON.parse(definition) as Table);
}

/** The current table, quoted, for SQL. */
export function currentTable(table: Table): string {
  return `${identifier(table.schema)}.${identifier(table.name)}`;
}

/** The change log, quoted, for SQL. */
export function changeLog(table: Table): string {
  return `${identifier(`${table.schema}__changes`)}.${identifier(table.name)}`;
}

/**
 * Answers `{"tables":[{"table","schema","name","columns":[{"name","type","source_type","nullable",
 * "key"}],"key":[…],"rows","changes","dead_letters"}],"lsn"}`. The counts are strings, like every
 * BIGINT; a table with dead letters is incomplete; `key` of
 * a column is its place in the primary key from 1 on, or null.
 */
export async function answerTables(
  connection: DuckDBConnection,
  lsn: string,
  out: JsonOut,
): Promise<void> {
  const tables = await readTables(connection);
  const counts = await readCounts(connection, tables);
  const letters = await readLetters(connection);
  out.raw('{"tables":[');
  for (const [i, table] of tables.entries()) {
    const described = {
      table: tableName(table),
      schema: table.schema,
      name: table.name,
      columns: table.columns.map((column, index) =>
        describeColumn(column, table.key.indexOf(index))
      ),
      key: table.key.map((index) => table.columns[index].name),
      rows: counts[i][0],
      changes: counts[i][1],
      dead_letters: letters.get(tableName(table)) ?? "0",
    };
    out.json((i > 0 ? "," : "") + JSON.stringify(described));
  }
  out.raw(`],"lsn":"${lsn}"}`);
}

async function readLetters(connection: DuckDBConnection): Promise<Map<string, string>> {
  const sql = `SELECT "table", count(*) FROM _sluice.dead_letters GROUP BY "table"`;
  const rows = (await connection.runAndReadAll(sql)).getRowsJson() as [string, string][];
  return new Map(rows);
}

function describeColumn(column: Column, keyIndex: number) {
  return {
    name: column.name,
    type: duckdbType(column.type),
    source_type: column.sourceType,
    nullable: !column.notNull,
    key: keyIndex < 0 ? null : keyIndex + 1,
  };
}

/** Rows and changes of each table, as decimal text; one statement, so that it is one scan each. */
async function readCounts(connection: DuckDBConnection, tables: Table[]): Promise<string[][]> {
  if (tables.length === 0) return [];
  const sql =
    tables.map((table, i) =>
      `SELECT ${i} AS i, (SELECT count(*) FROM ${currentTable(table)}), ` +
      `(SELECT count(*) FROM ${changeLog(table)})`
    ).join(" UNION ALL ") + " ORDER BY i";
  const rows = (await connection.runAndReadAll(sql)).getRowsJson() as [number, string, string][];
  return rows.map(([, current, changes]) => [current, changes]);
}
