import type { DuckDBConnection } from "@duckdb/node-api";
import { type RefusalError, refuse } from "./refusal.ts";

/** An interrupt between two statements is forgotten by DuckDB, so it is repeated this often. */
const REPEAT_MS = 20;

/**
 * Ends what a connection runs when its time is up or its asker has gone. Made when a question
 * arrives, so that `timeoutMs` counts its wait for a connection as well.
 */
export class Interrupter implements Disposable {
  #reason: "timeout" | "cancelled" | undefined;
  #connection: DuckDBConnection | undefined;
  #repeat: ReturnType<typeof setInterval> | undefined;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #listeners = new AbortController();
  readonly #stopped = new AbortController();

  constructor(signal: AbortSignal, readonly timeoutMs: number) {
    this.#timer = setTimeout(() => this.#stop("timeout"), timeoutMs);
    if (signal.aborted) this.#stop("cancelled");
    else {
      signal.addEventListener("abort", () => this.#stop("cancelled"), {
        signal: this.#listeners.signal,
      });
    }
  }

  /** Aborted when the question must end, for what does not run in DuckDB. */
  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  /** From now on `connection` is interrupted when the question must end. */
  watch(connection: DuckDBConnection): void {
    this.#connection = connection;
    if (this.#reason !== undefined) this.#interrupt();
  }

  /** Throws when the question must end: after each await, since an interrupt may pass unseen. */
  check(): void {
    if (this.#reason !== undefined) throw this.refusal();
  }

  /** Why the question ended; undefined when it was not ended from here. */
  refusal(): RefusalError | undefined {
    if (this.#reason === "timeout") {
      return refuse(
        408,
        "Time limit",
        `The statement was cancelled after ${this.timeoutMs / 1000} s, its time limit.`,
      );
    }
    if (this.#reason === "cancelled") {
      return refuse(503, "Cancelled", "The question was cancelled before it was answered.");
    }
  }

  /** Leaves the connection alone from now on: what follows on it must not be interrupted. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    clearInterval(this.#repeat);
    this.#listeners.abort();
    this.#connection = undefined;
  }

  #stop(reason: "timeout" | "cancelled"): void {
    this.#reason ??= reason;
    this.#stopped.abort();
    this.#interrupt();
  }

  #interrupt(): void {
    if (this.#connection === undefined) return;
    this.#connection.interrupt();
    this.#repeat ??= setInterval(() => this.#connection?.interrupt(), REPEAT_MS);
  }
}
