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

/** Numbers of whole transactions that are remembered, so that one that comes again is not waited for. */
const DONE_MAX = 50_000;

/** Rows of a transaction that came one after the other by one partition, in one attempt of the
 * connector's to send it. */
interface Run {
  /** When its first and its last record were sent, ms since 1970. */
  readonly sinceMs: number;
  untilMs: number;
  /** By order, it may go on with the run before: but it came so much later that the connector may
   * have started again, with rows of other partitions. */
  readonly mayGoOn: boolean;
  /** `data_collection_order` of its last record. */
  order: number;
  rows: number;
}

/** A table's rows by one partition. */
interface Part {
  readonly partition: object;
  readonly table: string;
  readonly runs: Run[];
  /** Rows that were news. */
  news: number;
}

/** How many rows of a table. */
export interface TableCount {
  readonly table: string;
  readonly rows: number;
}

/** A row of a transaction's, as it was sent. */
export interface SentRow {
  readonly table: string;
  /** Its `data_collection_order`. */
  readonly order: number;
  /** ms since 1970. */
  readonly atMs: number;
}

/** A connector takes longer than this to start again; what one attempt sends was sent, or with
 * LogAppendTime written, at most this long before what it had sent earlier. */
const RESTART_MS_MIN = 1000;

/**
 * A transaction that has begun and is not whole.
 *
 * Measured with Debezium 2.3.4: when the connector crashes amid a transaction, it goes on behind the
 * last record whose offset was flushed. It then writes BEGIN again, counts from 1 again, and END
 * has the number of rows since that BEGIN. So of a transaction that began more than once, the rows
 * of the last attempt are counted, also those that had come before; and what earlier attempts had
 * sent is there when all partitions were read as far as they went when the END was read.
 */
export class OpenTransaction {
  /** At its END: rows by table. */
  counts: readonly TableCount[] | null = null;
  /** A row of it had been applied before it was opened: it was applied whole, and comes again. */
  wasApplied = false;
  /** It had ended before we started. What has come since is waited for, and what has not is not to
   * come: it may have left nothing here. */
  isOld = false;
  /** Whether an earlier attempt's rows may still come. */
  mayLackOld = false;
  #begins = 0;
  #begunAtMs = 0;
  /** Rows that can't be read and were set aside, by table; undefined: there are none. */
  #unread: Map<string, number> | undefined;
  /** A few, or one that came last: no maps, since every transaction has some. */
  readonly #parts: Part[] = [];
  #part: Part | undefined;

  /** `firstSeq`: the number that its first row would get. */
  constructor(readonly tx: number, readonly firstSeq: number) {}

  /** BEGIN was sent at `atMs`. */
  begin(atMs: number): void {
    this.#begins++;
    this.#begunAtMs = atMs;
    this.#unread = undefined;
    this.counts = null;
  }

  end(counts: readonly TableCount[]): void {
    this.counts = counts;
    this.mayLackOld = this.#begins > 1;
  }

  /** A later one has ended instead of it: the connector went on behind its last row, which it had
   * flushed before it crashed, so all rows are in the topics. */
  cutOff(): void {
    if (this.counts !== null) return;
    this.counts = [];
    this.mayLackOld = true;
  }

  /** Notes a row that came by a partition. `order`: its `data_collection_order`; `atMs`: when it was
   * sent; `isNews`: it had not come before. */
  count(partition: object, table: string, order: number, atMs: number, isNews: boolean): void {
    const part = this.#partOf(partition, table);
    if (isNews) part.news++;
    const { runs } = part;
    let run = runs.length === 0 ? undefined : runs[runs.length - 1];
    const isNext = run !== undefined && order > run.order;
    if (!isNext || atMs - run!.untilMs >= RESTART_MS_MIN) {
      run = { sinceMs: atMs, untilMs: atMs, mayGoOn: isNext, order, rows: 0 };
      runs.push(run);
    }
    run!.untilMs = atMs;
    run!.order = order;
    run!.rows++;
  }

  #partOf(partition: object, table: string): Part {
    const last = this.#part;
    if (last !== undefined && last.partition === partition && last.table === table) return last;
    for (const part of this.#parts) {
      if (part.partition === partition && part.table === table) return this.#part = part;
    }
    const part: Part = { partition, table, runs: [], news: 0 };
    this.#parts.push(part);
    return this.#part = part;
  }

  /** Notes a row that came, and of which nobody can say more than its table. */
  setAside(table: string): void {
    this.#unread ??= new Map();
    this.#unread.set(table, (this.#unread.get(table) ?? 0) + 1);
  }

  /** Whether nothing more is to come of it. */
  isWhole(isOurs: (table: string) => boolean): boolean {
    if (this.wasApplied) return true;
    return this.counts !== null && !this.mayLackOld && !this.isLacking(isOurs);
  }

  /** Whether it has ended, and rows have not come of tables that `isOurs`. */
  isLacking(isOurs: (table: string) => boolean): boolean {
    if (this.counts === null || this.wasApplied) return false;
    for (const each of this.counts) {
      if (this.#lack(each) > 0 && isOurs(each.table)) return true;
    }
    return false;
  }

  /** What has not come, by table, of the tables that `isOurs`. */
  missing(isOurs: (table: string) => boolean): TableCount[] {
    if (this.counts === null || this.wasApplied) return [];
    return this.counts
      .map((each) => ({ table: each.table, rows: this.#lack(each) }))
      .filter(({ table, rows }) => rows > 0 && isOurs(table));
  }

  /** How many of a table's rows have not come. */
  #lack({ table, rows }: TableCount): number {
    const came = this.#begins > 1 ? this.#ofLastAttempt(table) : this.#news(table);
    return rows - came - (this.#unread?.get(table) ?? 0);
  }

  #news(table: string): number {
    let news = 0;
    for (const part of this.#parts) if (part.table === table) news += part.news;
    return news;
  }

  /** Notes rows that were sent again and wait behind later transactions', of which this one lacks
   * none: an attempt sends them in order. `ahead` gives a partition's records that are of it. */
  lookAhead(partitions: Iterable<object>, ahead: (partition: object) => Iterable<SentRow>): void {
    if (this.#begins < 2 || this.counts === null) return;
    this.#ahead = new OpenTransaction(this.tx, 0);
    for (const partition of partitions) {
      for (const { table, order, atMs } of ahead(partition)) {
        this.#ahead.count(partition, table, order, atMs, false);
      }
    }
  }
  #ahead: OpenTransaction | undefined;

  #ofLastAttempt(table: string): number {
    const partitions = new Map<object, Run[]>();
    const ahead = this.#ahead === undefined ? [] : this.#ahead.#parts;
    for (const part of [...this.#parts, ...ahead]) {
      if (part.table !== table) continue;
      partitions.set(part.partition, [...partitions.get(part.partition) ?? [], ...part.runs]);
    }
    let rows = 0;
    for (const runs of partitions.values()) {
      // The most: the attempt after the last one whose BEGIN was read sends no more than it.
      let [most, one] = [0, 0];
      for (const run of runs) {
        const isEarlier = run.sinceMs < this.#begunAtMs - RESTART_MS_MIN;
        one = isEarlier ? 0 : run.mayGoOn ? one + run.rows : run.rows;
        most = Math.max(most, one);
      }
      rows += most;
    }
    return rows;
  }
}

/** See the top of this file. */
export class Transactions {
  /** By the source's number, as all below: a text that was just made is slow to look up. */
  #open = new Map<number, OpenTransaction>();
  #done = new Set<number>();
  #doneBefore = new Set<number>();

  /** Counts up when a transaction is opened that was not, or is known to be done without having been
   * open: a change that waits for its transaction need not be looked at before. */
  opened = 0;

  /** `lsnAtStart`: up to where the source's log had been applied when we started. */
  constructor(private readonly lsnAtStart: Lsn) {}

  /** Whether any is open. */
  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  get(tx: number): OpenTransaction | undefined {
    return this.#last?.tx === tx ? this.#last : this.#open.get(tx);
  }
  /** The open one that had a mark last: mostly the only one; undefined: another may have. */
  #last: OpenTransaction | undefined;

  get all(): Iterable<OpenTransaction> {
    return this.#open.values();
  }

  /** The rows by table of the only one that is open, if its END has come. */
  get ended(): readonly TableCount[] | undefined {
    return this.#open.size === 1 ? this.#last?.counts ?? undefined : undefined;
  }

  /** Whether the transaction was whole before. */
  isDone(tx: number): boolean {
    return this.#done.has(tx) || this.#doneBefore.has(tx);
  }

  /** What those lack that have ended, by transaction and table. */
  *lacking(isOurs: (table: string) => boolean): Generator<{ tx: number; table: string }> {
    for (const each of this.#open.values()) {
      for (const { table } of each.missing(isOurs)) yield { tx: each.tx, table };
    }
  }

  /** Whether this mark is to be taken now: no transaction has ended that lacks rows. Or else it says
   * that the connector has gone back, since it is of one that was whole, or begins again. */
  wants({ tx, status }: TransactionMark, isOurs: (table: string) => boolean): boolean {
    if (this.isDone(tx) || (status === "BEGIN" && this.#open.has(tx))) return true;
    let isEnded = this.#open.size > 0;
    for (const each of this.#open.values()) {
      if (each.mayLackOld || each.isLacking(isOurs)) return false;
      if (!each.isWhole(isOurs)) isEnded = false;
    }
    return !isEnded;
  }

  /** Takes a mark of the transaction topic, which was sent at `atMs`. */
  mark({ tx, status, counts, lsn }: TransactionMark, nextSeq: number, atMs: number): void {
    if (this.isDone(tx)) return;
    let transaction = this.#open.get(tx);
    if (transaction === undefined) {
      transaction = new OpenTransaction(tx, nextSeq);
      this.#open.set(tx, transaction);
      this.opened++;
    }
    this.#last = transaction;
    if (status === "BEGIN") return transaction.begin(atMs);
    transaction.end(counts ?? []);
    // It comes later in the source's log than those that were opened before it, unless it was whole
    // before we started and comes again: one without rows of ours is known by nothing else.
    const isOld = lsn > 0 && lsn <= this.lsnAtStart;
    if (isOld) transaction.isOld = true;
    else for (const each of this.#open.values()) each.cutOff();
  }

  /** Whether one has ended of which an earlier attempt's rows may still come: all partitions must
   * be read as far as they go now. */
  get mayLackOld(): boolean {
    for (const each of this.#open.values()) if (each.mayLackOld) return true;
    return false;
  }

  /** All partitions were read so far. */
  haveOld(): void {
    for (const each of this.#open.values()) each.mayLackOld = false;
  }

  /** Whether there are open ones, and all are whole. */
  areWhole(isOurs: (table: string) => boolean): boolean {
    for (const each of this.#open.values()) if (!each.isWhole(isOurs)) return false;
    return this.isOpen;
  }

  /** Ends all that are open, if all are whole. False: some are not. */
  endIfWhole(isOurs: (table: string) => boolean): boolean {
    if (!this.areWhole(isOurs)) return false;
    for (const tx of this.#open.keys()) this.#remember(tx);
    this.#open = new Map(); // see `Batch.#clear`
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
    this.#open.delete(tx);
    this.#last = undefined;
    this.#remember(tx);
  }

  #remember(tx: number): void {
    if (this.#done.size >= DONE_MAX) [this.#doneBefore, this.#done] = [this.#done, new Set()];
    this.#done.add(tx);
  }
}
