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
import type { Lsn } from "../position.ts";
import { OpenTransaction, type TableCount } from "./open_transaction.ts";

/** Numbers of whole transactions that are remembered, so that one that comes again is not waited for. */
const DONE_MAX = 50_000;

/** See the top of this file. */
export class Transactions {
  /** The open ones in the order in which they were opened, mostly one; behind the first `#count` are
   * objects for the next ones. */
  readonly #all: OpenTransaction[] = [];
  #count = 0;
  /** By the source's number, as all below: a text that was just made is slow to look up. */
  #done = new Set<number>();
  #doneBefore = new Set<number>();

  /** Counts up when a transaction is opened that was not, or is known to be done without having been
   * open: a change that waits for its transaction need not be looked at before. */
  opened = 0;

  /** `lsnAtStart`: up to where the source's log had been applied when we started. */
  constructor(private readonly lsnAtStart: Lsn) {}

  /** Whether any is open. */
  get isOpen(): boolean {
    return this.#count > 0;
  }

  get(tx: number): OpenTransaction | undefined {
    if (this.#last?.tx === tx) return this.#last;
    for (let i = 0; i < this.#count; i++) if (this.#all[i].tx === tx) return this.#all[i];
    return undefined;
  }
  /** The open one that had a mark last: mostly the only one; undefined: another may have. */
  #last: OpenTransaction | undefined;

  get all(): readonly OpenTransaction[] {
    return this.#all.slice(0, this.#count);
  }

  /** The rows by table of the only one that is open, if its END has come. */
  get ended(): readonly TableCount[] | undefined {
    return this.#count === 1 ? this.#last?.counts ?? undefined : undefined;
  }

  /** Whether the transaction was whole before. */
  isDone(tx: number): boolean {
    return this.#done.has(tx) || this.#doneBefore.has(tx);
  }

  /** What those lack that have ended, by transaction and table. */
  *lacking(isOurs: (table: string) => boolean): Generator<{ tx: number; table: string }> {
    for (const each of this.all) {
      for (const { table } of each.missing(isOurs)) yield { tx: each.tx, table };
    }
  }

  /** Whether this mark is to be taken now: no transaction has ended that lacks rows. Or else it says
   * that the connector has gone back, since it is of one that was whole, or begins again. */
  wants({ tx, status }: TransactionMark, isOurs: (table: string) => boolean): boolean {
    if (this.isDone(tx) || (status === "BEGIN" && this.get(tx) !== undefined)) return true;
    let isEnded = this.#count > 0;
    for (let i = 0; i < this.#count; i++) {
      const each = this.#all[i];
      if (each.mayLackOld || each.isLacking(isOurs)) return false;
      if (!each.isWhole(isOurs)) isEnded = false;
    }
    return !isEnded;
  }

  /** Takes a mark of the transaction topic, which was sent at `atMs`. */
  mark({ tx, status, counts, lsn }: TransactionMark, nextSeq: number, atMs: number): void {
    if (this.isDone(tx)) return;
    const transaction = this.get(tx) ?? this.#begin(tx, nextSeq);
    this.#last = transaction;
    if (status === "BEGIN") return transaction.begin(atMs);
    transaction.end(counts ?? []);
    // It comes later in the source's log than those that were opened before it, unless it was whole
    // before we started and comes again: one without rows of ours is known by nothing else.
    const isOld = lsn > 0 && lsn <= this.lsnAtStart;
    if (isOld) transaction.isOld = true;
    else for (let i = 0; i < this.#count; i++) this.#all[i].cutOff();
  }

  #begin(tx: number, firstSeq: number): OpenTransaction {
    this.opened++;
    if (this.#count === this.#all.length) this.#all.push(new OpenTransaction());
    const transaction = this.#all[this.#count++];
    transaction.become(tx, firstSeq);
    return transaction;
  }

  /** Whether one has ended of which an earlier attempt's rows may still come: all partitions must
   * be read as far as they go now. */
  get mayLackOld(): boolean {
    for (let i = 0; i < this.#count; i++) if (this.#all[i].mayLackOld) return true;
    return false;
  }

  /** All partitions were read so far. */
  haveOld(): void {
    for (const each of this.all) each.mayLackOld = false;
  }

  /** Whether there are open ones, and all are whole. */
  areWhole(isOurs: (table: string) => boolean): boolean {
    for (let i = 0; i < this.#count; i++) if (!this.#all[i].isWhole(isOurs)) return false;
    return this.isOpen;
  }

  /** Ends all that are open, if all are whole. False: some are not. */
  endIfWhole(isOurs: (table: string) => boolean): boolean {
    if (!this.areWhole(isOurs)) return false;
    for (let i = 0; i < this.#count; i++) this.#remember(this.#all[i].tx);
    this.#count = 0;
    this.#last = undefined;
    return true;
  }

  /** Notes that one was applied, before a restart. */
  wasDone(tx: number): void {
    this.opened++;
    this.#remember(tx);
  }

  /** Gives up on one: it counts as whole, with what has come of it. */
  giveUp(tx: number): void {
    const at = this.all.findIndex((each) => each.tx === tx);
    if (at >= 0) {
      this.#all.push(...this.#all.splice(at, 1));
      this.#count--;
    }
    this.#last = undefined;
    this.#remember(tx);
  }

  #remember(tx: number): void {
    if (this.#done.size >= DONE_MAX) [this.#doneBefore, this.#done] = [this.#done, new Set()];
    this.#done.add(tx);
  }
}
