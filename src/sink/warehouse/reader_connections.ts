import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { refuse } from "./refusal.ts";

interface Waiter {
  grant(): void;
  fail(error: Error): void;
}

/** At most `connectionsMax` connections, made when first needed, and a bounded queue for them. */
export class ReaderConnections {
  readonly #idle: DuckDBConnection[] = [];
  readonly #waiting: Waiter[] = [];
  #inUse = 0;
  #closed = false;

  constructor(
    private readonly instance: DuckDBInstance,
    readonly connectionsMax: number,
    readonly questionsWaitingMax: number,
  ) {}

  /**
   * Runs `work` with a connection of its own. Throws a 503 refusal when too many questions wait,
   * when `signal` aborts before there is a connection, or after {@linkcode close}.
   */
  async use<T>(
    signal: AbortSignal,
    work: (connection: DuckDBConnection) => Promise<T>,
  ): Promise<T> {
    await this.#turn(signal);
    try {
      const connection = this.#idle.pop() ?? await this.instance.connect();
      let usable = false;
      try {
        const result = await work(connection);
        usable = true;
        return result;
      } finally {
        // After a failure its state is not worth trusting, and a new one costs little.
        if (usable && !this.#closed) this.#idle.push(connection);
        else connection.closeSync();
      }
    } finally {
      const next = this.#waiting.shift();
      if (next) next.grant(); // hands its turn on
      else this.#inUse--;
    }
  }

  /** Refuses what waits and comes. What runs keeps its connection until it ends. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.fail(stopping());
    for (const connection of this.#idle.splice(0)) connection.closeSync();
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#closed) return Promise.reject(stopping());
    if (signal.aborted) return Promise.reject(gone());
    if (this.#inUse < this.connectionsMax) {
      this.#inUse++;
      return Promise.resolve();
    }
    if (this.#waiting.length >= this.questionsWaitingMax) return Promise.reject(this.#full());
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(gone());
      };
      const waiter: Waiter = {
        grant: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
        fail: (error) => {
          signal.removeEventListener("abort", leave);
          reject(error);
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #full() {
    return refuse(
      503,
      "Too many questions",
      `${this.connectionsMax} questions are being answered and ${this.questionsWaitingMax} wait, ` +
        "which is the most that is allowed. Ask again shortly.",
    );
  }
}

function stopping() {
  return refuse(503, "Stopping", "Sluice is stopping and answers no more questions.");
}

function gone() {
  return refuse(503, "Too busy", "The question was not answered before its time was up.");
}
