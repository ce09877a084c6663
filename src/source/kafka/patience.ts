/**
 * What is done when nothing gets further: a transaction that has ended and lacks changes is asked
 * for at the sink first (it may have been applied before a restart, and come again), and is a fault
 * when even the patience is over. So is a change whose transaction never began.
 */
import type { DeadLetter } from "../../batch/dead_letter.ts";
import { END, type Stop } from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import { letterOf } from "./letter.ts";
import type { OpenTransaction } from "./open_transaction.ts";
import type { Transactions } from "./transactions.ts";

/** Without progress for so long, it is looked whether something lacks. */
const LOOK_MS = 2000;
/** So long it is no news: the records of one transaction come by different fetches. */
const LACKING_MS = 5000;

/** What {@linkcode Patience} looks at. */
export interface PatienceOptions {
  readonly transactions: Transactions;
  readonly patienceMs: number;
  /** ms since 1970. */
  now(): number;
  /** The number below which everything was committed. */
  before(): number;
  /** Whether a table's changes come to us. */
  isOurs(table: string): boolean;
  /** A change that waits for its transaction to begin, if there is one. */
  stray(): { readonly table: string; readonly tx: number } | undefined;
}

/** See the top of this file. */
export class Patience {
  #progressAtMs: number;
  #lookAtMs: number;
  #asked: OpenTransaction | undefined;

  constructor(private readonly options: PatienceOptions) {
    this.#progressAtMs = options.now();
    this.#lookAtMs = this.#progressAtMs + LOOK_MS;
  }

  /** A transaction got further: one was begun or ended, or a change of one came. What comes without
   * is no sign of that: heartbeats come for ever. */
  moved(): void {
    this.#hasMoved = true; // the clock is asked when nothing moves any more: this is for every row
  }
  #hasMoved = false;

  #restart(): void {
    if (!this.#hasMoved) return;
    this.#hasMoved = false;
    this.#asked = undefined;
    this.#progressAtMs = this.options.now();
    this.#lookAtMs = this.#progressAtMs + LOOK_MS;
  }

  /** Whether it is time to {@linkcode look}. To be asked whenever nothing gets further. */
  get isDue(): boolean {
    this.#restart();
    return this.options.now() >= this.#lookAtMs;
  }

  /** What has lacked for a while, as a sentence; null: nothing has. */
  get lacking(): string | null {
    this.#restart();
    if (this.options.now() - this.#progressAtMs < LACKING_MS) return null;
    for (const each of this.options.transactions.all) {
      const missing = each.missing((table) => this.options.isOurs(table));
      if (missing.length > 0) return lacking(each.tx, missing);
    }
    return null;
  }

  /** Looks for what lacks. `END`: nothing is to be done about it yet. */
  look(): Stop {
    const { transactions, patienceMs, now } = this.options;
    this.#restart();
    this.#lookAtMs = now() + LOOK_MS;
    const isLate = now() - this.#progressAtMs >= patienceMs;
    for (const each of transactions.all) {
      const missing = each.missing((table) => this.options.isOurs(table));
      if (missing.length === 0) continue;
      if (this.#asked !== each) return this.#ask(each);
      if (isLate) return this.#giveUp(each.tx, lacking(each.tx, missing), missing[0].table);
    }
    const stray = isLate && !transactions.isOpen ? this.options.stray() : undefined;
    if (stray === undefined) return END;
    const what = `a change of ${stray.table} came, and the transaction topic has no BEGIN of its ` +
      `transaction ${stray.tx}`;
    return this.#giveUp(stray.tx, what, stray.table);
  }

  #ask(transaction: OpenTransaction): Stop {
    this.#asked = transaction;
    const { tx } = transaction;
    const answer = (applied: ReadonlySet<number>) => {
      if (!applied.has(tx) && !transaction.isOld) return;
      transaction.wasApplied = true;
      this.moved();
    };
    return { kind: "ask", txs: [tx], before: this.options.before(), answer };
  }

  #giveUp(tx: number, what: string, table: string): Stop {
    const { transactions, patienceMs, now } = this.options;
    const fault = new Fault("incomplete", {
      what,
      received: `nothing more for ${patienceMs / 1000} s`,
      todo: "The connector has lost it, or still waits to send it: see its log. Wait and start " +
        "again; or take it as it is (SLUICE_ON_BAD_RECORD=dead-letter) and compare with the source.",
    });
    const setAside = (): DeadLetter => {
      transactions.giveUp(tx);
      this.moved();
      return letterOf(fault, undefined, table, now());
    };
    return { kind: "fault", fault, setAside };
  }
}

function lacking(tx: number, missing: readonly { table: string; rows: number }[]): string {
  const each = missing.map(({ table, rows }) => `${rows} of ${table}`);
  return `transaction ${tx} has ended at the source, and the topics lack changes of it: ` +
    each.join(", ");
}
