/** Runs one statement and writes its rows as JSON, chunk by chunk. */
import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBResult,
  StatementType,
} from "@duckdb/node-api";
import type { Question } from "../../messages.ts";
import { typeText, type Writer, writerFor } from "./json.ts";
import { JsonOut, TooLong } from "./json_out.ts";
import type { Interrupter } from "./reader_interrupt.ts";
import type { StatementGate } from "./reader_statement.ts";
import { refuse } from "./refusal.ts";

/** What the frame around the rows may take of the answer: counts, LSN, brackets. */
const FRAME_BYTES = 200;

/**
 * Answers `{"columns":[{"name","type"}],"rows":[[…]],"row_count","truncated","lsn"}`. Rows are
 * arrays, since two columns may have one name. `truncated` says that there was more than `maxRows`
 * rows or than `out` holds. Runs in the caller's transaction.
 */
export async function answerSql(
  connection: DuckDBConnection,
  gate: StatementGate,
  question: Question & { kind: "sql" },
  lsn: string,
  out: JsonOut,
  interrupter: Interrupter,
): Promise<void> {
  const sql = await gate.admit(connection, question.sql);
  interrupter.check();
  const prepared = await connection.prepare(sql);
  try {
    const kind = prepared.statementType;
    if (kind !== StatementType.SELECT && kind !== StatementType.EXPLAIN) {
      throw refuse(400, "Statement not allowed", `Received ${StatementType[kind]}.`);
    }
    const result = await prepared.stream();
    const written = await writeRows(result, question.maxRows, out, interrupter);
    interrupter.check();
    await assertWhole(connection, sql, written.rows);
    out.raw(`],"row_count":${written.rows},"truncated":${written.truncated},"lsn":"${lsn}"}`);
  } finally {
    prepared.destroySync();
  }
}

async function writeRows(
  result: DuckDBResult,
  maxRows: number,
  out: JsonOut,
  interrupter: Interrupter,
): Promise<{ rows: number; truncated: boolean }> {
  const types = result.columnTypes();
  out.raw('{"columns":[');
  for (const [i, name] of result.columnNames().entries()) {
    if (i > 0) out.raw(",");
    out.json(`{"name":${JSON.stringify(name)},"type":${JSON.stringify(typeText(types[i]))}}`);
  }
  out.raw('],"rows":[');
  const writers = types.map(writerFor);
  let rows = 0;
  while (true) {
    const chunk = await result.fetchChunk();
    interrupter.check();
    const count = chunk?.rowCount ?? 0;
    if (chunk === null || count === 0) return { rows, truncated: false };
    for (let row = 0; row < count; row++) {
      if (rows === maxRows) return { rows, truncated: true };
      out.mark();
      try {
        if (rows > 0) out.raw(",");
        writeRow(chunk, row, writers, out);
        out.room(FRAME_BYTES);
      } catch (error) {
        if (!(error instanceof TooLong)) throw error;
        if (rows === 0) throw tooLarge(out);
        out.cut();
        return { rows, truncated: true };
      }
      rows++;
    }
  }
}

function writeRow(chunk: DuckDBDataChunk, row: number, writers: Writer[], out: JsonOut): void {
  out.raw("[");
  for (let column = 0; column < writers.length; column++) {
    if (column > 0) out.raw(",");
    writers[column](out, chunk.getColumnVector(column), row);
  }
  out.raw("]");
}

function tooLarge(out: JsonOut) {
  return refuse(
    413,
    "Row too large",
    `A single row does not fit into an answer, which has at most ${out.bytesMax} bytes. ` +
      "Select fewer columns, or a part of the value.",
  );
}

/**
 * An error after the first rows of a stream is not reported by DuckDB's C interface: the stream
 * just ends. But it leaves the transaction aborted, so the next statement in it tells. The message
 * is then found by running the statement again, not as a stream.
 */
async function assertWhole(connection: DuckDBConnection, sql: string, rows: number): Promise<void> {
  try {
    await connection.run("SELECT 1");
    return;
  } catch {
    await connection.run("ROLLBACK");
    await connection.run("BEGIN TRANSACTION READ ONLY");
  }
  await connection.run(sql);
  throw refuse(
    503,
    "Statement failed",
    `The statement failed after ${rows} rows, and did not when it was run again. Ask again.`,
  );
}
