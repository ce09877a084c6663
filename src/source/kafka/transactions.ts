/**
 * Which source transactions are open: begun in the transaction topic, and not yet whole here.
 *
 * Debezium writes BEGIN, the rows (each to its own topic) and END, with the number of rows of each
 * table, one transaction after the other in the order of their commits. A transaction is whole when
 * its END has come and so many rows of each table have. After a crash of the connector the topic
 * goes back: transactions begin again, and one that was cut off ends at last.
 *
 * Free of I/O; order.ts asks it.
 */
import type { TransactionMark } from "../../decode/decoder.ts";

/** Ids of whole transactions that are remembered, so that one that comes again is not waited for. */
const DONE_MAX = 50_000;

/** The source's own number of a transaction, which is its id's text. */
export function txOf(id: string): number {
  return Number.parseInt(id);
}

/** A transaction that has begun and is not whole. */
export class OpenTransaction {
  /** At its END: rows by table. */
  counts: ReadonlyMap<string, number> | null = null;
  /** Rows that came, by table; what was set aside counts. */
  readonly came = new Map<string, number>();
  /** A row of it had been applied before it was opened: it was applied whole, and comes again. */
  wasApplied = false;
  /** Since when (ms since 1970) another one has ended that began later, which the connector writes
   * only after this one's END, unless it goes back to this one once more. Null: none has. */
  overtakenAtMs: number | null = null;

  /** `firstSeq`: the number that its first row would get. */
  constructor(readonly id: string, readonly firstSeq: number) {}

  /** Notes a row that came. */
  count(table: string): void {
    this.came.set(table, (this.came.get(table) ?? 0) + 1);
  }

  /** Whether nothing more is to come of it. */
  isWhole(isOurs: (table: string) => boolean): boolean {
    return (this.wasApplied || this.counts !== null) && this.missing(isOurs).length === 0;
  }

  /** What has not come, by table, of the tables that `isOurs`; empty: it is whole. */
  missing(isOurs: (table: string) => boolean): { table: string; rows: number }[] {
    if (this.counts === null || this.wasApplied) return [];
    const missing: { table: string; rows: number }[] = [];
    for (const [table, rows] of this.counts) {
      const came = this.came.get(table) ?? 0;
      if (came < rows && isOurs(table)) missing.push({ table, rows: rows - came });
    }
    return missing;
  }
}

/** See the top of this file. */
export class Transactions {
  readonly #open = new Map<string, OpenTransaction>();
  #done = new Set<string>();
  #doneBefore = new Set<string>();

  /** Whether any is open. */
  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  get(id: string): OpenTransaction | undefined {
    return this.#open.get(id);
  }

  get all(): Iterable<OpenTransaction> {
    return this.#open.values();
  }

  /** Whether the transaction was whole before. */
  isDone(id: string): boolean {
    return this.#done.has(id) || this.#doneBefore.has(id);
  }

  /** Whether the next mark is to be read: no transaction has ended that lacks rows. */
  wantsMark(isOurs: (table: string) => boolean): boolean {
    for (const each of this.#open.values()) if (each.missing(isOurs).length > 0) return false;
    return this.#open.size === 0 || [...this.#open.values()].some((each) => !each.isWhole(isOurs));
  }

  /** The one that others have overtaken, if there is one. */
  get overtaken(): OpenTransaction | undefined {
    for (const each of this.#open.values()) if (each.overtakenAtMs !== null) return each;
    return undefined;
  }

  /** Takes a mark of the transaction topic. `nextSeq`: the number that the next row gets; `nowMs`
   * since 1970. */
  mark({ id, status, counts }: TransactionMark, nextSeq: number, nowMs: number): void {
    if (this.isDone(id)) return;
    let transaction = this.#open.get(id);
    if (transaction === undefined) {
      transaction = new OpenTransaction(id, nextSeq);
      this.#open.set(id, transaction);
    }
    transaction.overtakenAtMs = null;
    if (status === "BEGIN") return;
    transaction.counts = counts ?? new Map();
    for (const each of this.#open.values()) {
      if (each.counts === null && !each.wasApplied) each.overtakenAtMs ??= nowMs;
    }
  }

  /** Ends those that are whole. False: some are not. */
  endIfWhole(isOurs: (table: string) => boolean): boolean {
    for (const each of this.#open.values()) {
      if (!each.isWhole(isOurs)) continue;
      this.#open.delete(each.id);
      this.#remember(each.id);
    }
    return this.#open.size === 0;
  }

  /** Notes that one was applied, before a restart. */
  wasDone(id: string): void {
    this.#remember(id);
  }

  /** Gives up on one: it counts as whole, with what has come of it. */
  giveUp(id: string): void {
    this.#open.delete(id);
    this.#remember(id);
  }

  #remember(id: string): void {
    if (this.#done.size >= DONE_MAX) [this.#doneBefore, this.#done] = [this.#done, new Set()];
    this.#done.add(id);
  }
}
