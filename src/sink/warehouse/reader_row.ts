/** One row by its key. */
import type { DuckDBConnection } from "@duckdb/node-api";
import { duckdbType, identifier, type Table, tableName } from "../../catalog/catalog.ts";
import { quoted } from "../../errors.ts";
import type { Question } from "../../messages.ts";
import { writerFor } from "./json.ts";
import { JsonOut, TooLong } from "./json_out.ts";
import { keyExpression, keyProblem, keyText } from "./reader_key.ts";
import { currentTable, readTables } from "./reader_tables.ts";
import { refuse } from "./refusal.ts";

const TABLES_NAMED_MAX = 20;

/**
 * Answers `{"table","key":{…},"row":{…},"lsn"}`, both objects by column name. Refuses with 404 what
 * is not there, and with 400 a key of another shape or with values that are none of their type.
 */
export async function answerRow(
  connection: DuckDBConnection,
  question: Question & { kind: "row" },
  lsn: string,
  out: JsonOut,
): Promise<void> {
  const table = findTable(await readTables(connection), question.table);
  const texts = await checkedKey(connection, table, question.key);
  const columns = table.columns.map((column) => identifier(column.name)).join(", ");
  const where = table.key.map((column, i) =>
    `${identifier(table.columns[column].name)} = ${keyExpression(table.columns[column].type, i)}`
  ).join(" AND ");
  const prepared = await connection.prepare(
    `SELECT ${columns} FROM ${currentTable(table)} WHERE ${where} LIMIT 1`,
  );
  try {
    texts.forEach((text, i) => prepared.bindVarchar(i + 1, text));
    const result = await prepared.run();
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) {
      throw refuse(
        404,
        "No such row",
        `${tableName(table)} has no row with ${keyPairs(table, question.key)} at ${lsn}.`,
      );
    }
    const types = result.columnTypes();
    const write = (column: number) => {
      out.json(`${JSON.stringify(table.columns[column].name)}:`);
      writerFor(types[column])(out, chunk.getColumnVector(column), 0);
    };
    out.json(`{"table":${JSON.stringify(tableName(table))},"key":{`);
    table.key.forEach((column, i) => (i > 0 && out.raw(","), write(column)));
    out.raw('},"row":{');
    table.columns.forEach((_, i) => (i > 0 && out.raw(","), write(i)));
    out.raw(`},"lsn":"${lsn}"}`);
  } catch (error) {
    if (!(error instanceof TooLong)) throw error;
    throw refuse(
      413,
      "Row too large",
      `The row does not fit into an answer, which has at most ${out.bytesMax} bytes.`,
    );
  } finally {
    prepared.destroySync();
  }
}

/** Names hold dots at will, so the whole name is compared, never taken apart. */
function findTable(tables: Table[], name: string): Table {
  const table = tables.find((candidate) => tableName(candidate) === name);
  if (table !== undefined) return table;
  const names = tables.slice(0, TABLES_NAMED_MAX).map(tableName);
  const rest = tables.length - names.length;
  throw refuse(
    404,
    "No such table",
    `${quoted(name)} is not replicated. ` +
      (names.length === 0
        ? "No table is yet: the snapshot is not done."
        : `Replicated: ${names.join(", ")}${
          rest > 0 ? ` and ${rest} more (GET /v1/tables)` : ""
        }.`),
  );
}

/** The key's values as the text to bind. */
async function checkedKey(
  connection: DuckDBConnection,
  table: Table,
  key: string[],
): Promise<string[]> {
  const columns = table.key.map((index) => table.columns[index]);
  if (key.length !== columns.length) {
    throw refuse(
      400,
      "Wrong number of key parts",
      `The key of ${tableName(table)} is (${
        columns.map(({ name }) => name).join(", ")
      }): received ` +
        `${key.length} part${key.length === 1 ? "" : "s"}; allowed: ${columns.length}, separated ` +
        "by commas (a comma inside a part is %2C).",
    );
  }
  const texts = key.map((text, i) => keyText(columns[i].type, text));
  const prepared = await connection.prepare(
    `SELECT ${columns.map(({ type }, i) => `${keyExpression(type, i, "TRY_CAST")} IS NULL`)}`,
  );
  try {
    const problems = columns.map(({ type }, i) => keyProblem(type, key[i]));
    texts.forEach((text, i) => prepared.bindVarchar(i + 1, problems[i] === undefined ? text : ""));
    const [wrong] = (await prepared.runAndReadAll()).getRowsJson();
    const i = columns.findIndex((_, i) => problems[i] !== undefined || wrong[i] === true);
    if (i < 0) return texts;
    throw refuse(
      400,
      "Key of another type",
      `The key column ${columns[i].name} of ${tableName(table)} is ${
        duckdbType(columns[i].type)
      }: ` +
        `received ${quoted(key[i])}${
          problems[i] === undefined ? "" : `; allowed: ${problems[i]}`
        }.`,
    );
  } finally {
    prepared.destroySync();
  }
}

function keyPairs(table: Table, key: string[]): string {
  return table.key.map((column, i) => `${table.columns[column].name} = ${quoted(key[i])}`)
    .join(", ");
}
