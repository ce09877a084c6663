/**
 * Answers the API's questions from the warehouse file. It runs in the ingest isolate, which owns
 * the file; DuckDB does the work on its own threads.
 *
 * Every question has one read-only transaction, in which the position is read first: DuckDB's
 * snapshots make it the position of everything that the question reads after it.
 */
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { logger } from "../../log.ts";
import type { Answer, Question } from "../../messages.ts";
import { JsonOut, TooLong } from "./json_out.ts";
import { ReaderConnections } from "./reader_connections.ts";
import { Interrupter } from "./reader_interrupt.ts";
import { answerLetter, answerLetters } from "./reader_letters.ts";
import { answerRow } from "./reader_row.ts";
import { answerSql } from "./reader_sql.ts";
import { StatementGate } from "./reader_statement.ts";
import { answerTables } from "./reader_tables.ts";
import { refusalOfDuckdb, refuse } from "./refusal.ts";
import { Questions } from "./vacuum.ts";

const log = logger("warehouse");

/** Limits of a {@linkcode WarehouseReader}. */
export interface ReaderOptions {
  /** Questions answered at the same time. Default 4. */
  connectionsMax?: number;
  /** Questions that may wait for a connection. Default 32. */
  questionsWaitingMax?: number;
  /** The longest answer, in bytes of UTF-8. Default 16 MB. */
  answerBytesMax?: number;
  /** Time limit of the questions that bring none, in ms. Default 10 s. */
  timeoutMs?: number;
  /** Where each question is counted from its transaction's beginning to its end. */
  questions?: Questions;
}

/** See the top of this file. */
export class WarehouseReader {
  readonly #connections: ReaderConnections;
  readonly #gate = new StatementGate();
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #answerBytesMax: number;
  readonly #timeoutMs: number;
  readonly #questions: Questions;

  constructor(instance: DuckDBInstance, options: ReaderOptions = {}) {
    const { connectionsMax = 4, questionsWaitingMax = 32 } = options;
    this.#connections = new ReaderConnections(instance, connectionsMax, questionsWaitingMax);
    this.#answerBytesMax = options.answerBytesMax ?? 16 * 1024 * 1024;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#questions = options.questions ?? new Questions();
  }

  /**
   * Answers `question`. `signal` aborted interrupts it. Throws a `RefusalError` when there is no
   * answer, and anything else only when the database or this code is broken.
   */
  async ask(question: Question, signal: AbortSignal): Promise<Answer> {
    const work = this.#ask(question, signal);
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /** Interrupts what runs, refuses what waits, and resolves when no connection is left. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#connections.close();
    await Promise.allSettled(this.#running);
  }

  async #ask(question: Question, signal: AbortSignal): Promise<Answer> {
    const timeoutMs = question.kind === "sql" ? question.timeoutMs : this.#timeoutMs;
    using interrupter = new Interrupter(
      AbortSignal.any([signal, this.#closing.signal]),
      timeoutMs,
    );
    return await this.#connections.use(interrupter.signal, (connection) => {
      return this.#questions.track(this.#transaction(connection, question, interrupter));
    });
  }

  async #transaction(
    connection: DuckDBConnection,
    question: Question,
    interrupter: Interrupter,
  ): Promise<Answer> {
    interrupter.watch(connection);
    try {
      const answer = await this.#answer(connection, question, interrupter);
      interrupter[Symbol.dispose](); // the answer is there: let it go out
      await connection.run("ROLLBACK"); // of a transaction that only read
      return answer;
    } catch (error) {
      const refusal = interrupter.refusal() ?? refusalOfDuckdb(error);
      interrupter[Symbol.dispose]();
      // A result that was read in part would keep the transaction open after the connection is
      // closed, until it is collected as garbage: no space would come back (vacuum.ts).
      await connection.run("ROLLBACK").catch((error) => {
        log.debug("rollback of a question: {error}", { error: String(error) });
      });
      throw refusal;
    }
  }

  async #answer(
    connection: DuckDBConnection,
    question: Question,
    interrupter: Interrupter,
  ): Promise<Answer> {
    const out = new JsonOut(this.#answerBytesMax);
    await connection.run("BEGIN TRANSACTION READ ONLY");
    const lsn = await readLsn(connection);
    try {
      switch (question.kind) {
        case "tables":
          await answerTables(connection, lsn, out);
          break;
        case "row":
          await answerRow(connection, question, lsn, out);
          break;
        case "letters":
          await answerLetters(connection, question, lsn, out);
          break;
        case "letter":
          await answerLetter(connection, question, lsn, out);
          break;
        case "sql":
          await answerSql(connection, this.#gate, question, lsn, out, interrupter);
          break;
      }
    } catch (error) {
      if (!(error instanceof TooLong)) throw error;
      throw refuse(
        413,
        "Answer too large",
        `The answer would have more than ${out.bytesMax} bytes.`,
      );
    }
    return { lsn, json: out.toString() };
  }
}

/** The durable position, `0/0` before there is one. */
async function readLsn(connection: DuckDBConnection): Promise<string> {
  const rows = (await connection.runAndReadAll("SELECT lsn FROM _sluice.position")).getRowsJson();
  return rows.length === 0 ? "0/0" : String(rows[0][0]);
}
