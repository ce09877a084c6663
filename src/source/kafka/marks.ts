/** Reads the transaction topic, no further than is needed, into transactions.ts. */
import type { DebeziumCodec, KafkaRecord, Stop, TransactionMark } from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import type { Lsn } from "../position.ts";
import type { PartitionFeed } from "./feed.ts";
import type { Transactions } from "./transactions.ts";

/** The sink is asked about so many transactions at once. */
const ASKED_MAX = 1000;
/** Of more transactions than these, the ones that are behind us are forgotten. */
const BEGINS_MAX = 10_000;

/** What {@linkcode Marks} works with. */
export interface MarksOptions {
  readonly codec: DebeziumCodec;
  readonly transactions: Transactions;
  /** Up to where the source's log had been applied when we started. */
  readonly lsnAtStart: Lsn;
  /** Whether a table's changes come to us. */
  isOurs(table: string): boolean;
  /** Whether a table's topic has records that were not fetched. */
  isOnItsWay(table: string): boolean;
  /** A mark was taken. `lsn`: up to where the source's log is known by it. */
  taken(lsn: Lsn): void;
}

/** See the top of this file. */
export class Marks {
  /** The topic's one partition; undefined while there is none. */
  feed: PartitionFeed | undefined;
  /** When the first mark after the position was sent, ms since 1970. */
  #firstAtMs: number | undefined;
  /** Those of which the sink has said whether they were applied before. */
  #asked: ReadonlySet<number> = new Set();

  constructor(private readonly options: MarksOptions) {}

  /** Takes marks until a transaction has ended that lacks rows. `nextSeq`: the number of the next
   * row; `committedSeq`: all below it is of whole transactions. `holdsRows`: of which some are not
   * visible yet. A transaction whose END is not here is not begun then: those would become visible
   * only with it, and the connector may have died amid it. */
  read(
    nextSeq: number,
    committedSeq: number,
    holdsRows: boolean,
  ): Stop | { fault: Fault; record: KafkaRecord } | undefined {
    const { transactions, isOurs, taken } = this.options;
    const { feed } = this;
    this.#firstAtMs ??= feed?.head?.timestampMs;
    while (feed?.head !== undefined) {
      const mark = this.#scan(feed.head);
      if (mark instanceof Fault) return { fault: mark, record: feed.head };
      if (mark !== null) {
        if (this.#mayBeOld(mark)) return this.#ask(feed, committedSeq);
        if (!transactions.wants(mark, isOurs) && this.#readTo <= feed.next) return undefined;
        this.isWaiting = holdsRows && !transactions.isOpen && this.#isEndless(mark, feed);
        if (this.isWaiting) return undefined;
        transactions.mark(mark, nextSeq, feed.head.timestampMs);
      }
      feed.take();
      taken(mark?.lsn ?? 0);
    }
    return undefined;
  }

  /** A transaction is not begun for the sake of rows that are not visible yet. */
  isWaiting = false;

  /** Whether the transaction that begins with the head mark has no END yet. */
  #isEndless({ tx, status }: TransactionMark, feed: PartitionFeed): boolean {
    if (status === "END") return false;
    const next = feed.peek(1);
    const mark = next === undefined ? null : this.#scan(next);
    return mark === null || mark instanceof Fault || mark.status !== "END" || mark.tx !== tx;
  }

  /** Whether a change belongs to a transaction whose marks were passed before we started. Those of
   * its topic were not if SLUICE_TABLES matches it since lately. `atMs`: when it was sent. */
  arePast(lsn: Lsn, atMs: number): boolean {
    if (lsn > this.options.lsnAtStart || this.feed === undefined) return false;
    if (this.#firstAtMs !== undefined) return atMs <= this.#firstAtMs;
    return this.feed.next >= this.feed.end;
  }

  /** Null: a tombstone. A mark is looked at several times before it is taken, also as the one after
   * the head, so the last two are kept. */
  #scan(record: KafkaRecord): TransactionMark | Fault | null {
    if (record.value === null) return null;
    const place = record.offset & 1;
    if (this.#scannedAt[place] !== record.offset) {
      this.#scannedAt[place] = record.offset;
      this.#scanned[place] = this.options.codec.scanTransaction(record);
    }
    return this.#scanned[place];
  }
  readonly #scannedAt = [-1, -1];
  readonly #scanned: (TransactionMark | Fault)[] = [];

  /** When nothing else gets further: whether a transaction that lacks rows begins again among the
   * marks that were read ahead. Then the rows of the attempt before will not come, and all marks up
   * to there are to be taken. */
  beginsAgain(): boolean {
    const { feed, options: { transactions, isOurs, isOnItsWay } } = this;
    if (feed === undefined) return false;
    const lacking = [...transactions.lacking(isOurs)];
    if (lacking.length === 0 || lacking.some(({ table }) => isOnItsWay(table))) return false;
    this.#lookAhead(feed);
    for (const { tx } of lacking) {
      const at = this.#lastBegins.get(tx) ?? 0;
      if (at > feed.next) this.#readTo = at;
    }
    return this.#readTo > feed.next;
  }

  /** Notes which transactions begin in what was read ahead, each mark once; and asks for more. */
  #lookAhead(feed: PartitionFeed): void {
    if (this.#lastBegins.size > BEGINS_MAX) {
      for (const [tx, at] of this.#lastBegins) if (at < feed.next) this.#lastBegins.delete(tx);
    }
    const known = this.#lookedTo - feed.next;
    for (let ahead = Math.max(0, known);; ahead++) {
      const record = feed.peek(ahead);
      if (record === undefined) return;
      const mark = this.#scan(record);
      if (mark !== null && !(mark instanceof Fault) && mark.status === "BEGIN") {
        this.#lastBegins.set(mark.tx, record.offset);
      }
      this.#lookedTo = record.offset + 1;
    }
  }
  /** All marks before this offset are to be taken, whatever lacks. */
  #readTo = 0;
  /** Up to this offset marks were looked at ahead, and where each transaction begins last. */
  #lookedTo = 0;
  readonly #lastBegins = new Map<number, number>();

  /** Whether a transaction may have been applied before we started, and nobody has looked yet. */
  #mayBeOld({ tx, lsn }: TransactionMark): boolean {
    const { transactions, lsnAtStart } = this.options;
    if (lsn === 0 || lsn > lsnAtStart) return false;
    return transactions.get(tx) === undefined && !transactions.isDone(tx) && !this.#asked.has(tx);
  }

  /** Asks the sink about all transactions that the marks read ahead name: after a crash of the
   * connector's they come in runs. */
  #ask(feed: PartitionFeed, committedSeq: number): Stop {
    const txs: number[] = [];
    for (let ahead = 0; txs.length < ASKED_MAX; ahead++) {
      const record = feed.peek(ahead);
      if (record === undefined) break;
      const mark = this.#scan(record);
      if (mark !== null && !(mark instanceof Fault) && this.#mayBeOld(mark)) {
        txs.push(mark.tx);
      }
    }
    const answer = (applied: ReadonlySet<number>) => {
      this.#asked = new Set(txs);
      for (const tx of txs) if (applied.has(tx)) this.options.transactions.wasDone(tx);
    };
    return { kind: "ask", txs, before: committedSeq, answer };
  }
}
