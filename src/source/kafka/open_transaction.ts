/**
 * A source transaction of which not all has come: how many rows of each table have, and whether that
 * is all. Free of I/O; transactions.ts keeps those that are open.
 */

/** A table's rows of a transaction that came one after the other by one partition, in one attempt of
 * the connector's to send it. */
interface Run {
  partition: object;
  table: string;
  /** When its first and its last record were sent, ms since 1970. */
  sinceMs: number;
  untilMs: number;
  /** By order, it may go on with the run before: but it came so much later that the connector may
   * have started again, with rows of other partitions. */
  mayGoOn: boolean;
  /** `data_collection_order` of its last record. */
  order: number;
  rows: number;
  /** Of these, how many were news. */
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
 *
 * One object serves many, one after the other, and its runs do: a transaction has a few rows mostly.
 */
export class OpenTransaction {
  tx = 0;
  /** The number that its first row would get. */
  firstSeq = 0;
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
  /** In the order in which they began; behind the first `#count` are those of earlier transactions. */
  readonly #runs: Run[] = [];
  #count = 0;
  /** The one that the last row was of. */
  #run: Run | undefined;
  #ahead: OpenTransaction | undefined;

  /** Becomes another, of which nothing has come. */
  become(tx: number, firstSeq: number): void {
    this.tx = tx;
    this.firstSeq = firstSeq;
    this.counts = null;
    this.wasApplied = this.isOld = this.mayLackOld = false;
    this.#begins = this.#begunAtMs = this.#count = 0;
    this.#unread = this.#run = this.#ahead = undefined;
  }

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
    let run = this.#lastOf(partition, table);
    const isNext = run !== undefined && order > run.order;
    if (run === undefined || !isNext || atMs - run.untilMs >= RESTART_MS_MIN) {
      run = this.#newRun();
      run.partition = partition;
      run.table = table;
      run.sinceMs = atMs;
      run.mayGoOn = isNext;
      run.rows = run.news = 0;
    }
    this.#run = run;
    run.untilMs = atMs;
    run.order = order;
    run.rows++;
    if (isNews) run.news++;
  }

  /** The last run of a table by a partition. */
  #lastOf(partition: object, table: string): Run | undefined {
    const last = this.#run;
    if (last?.partition === partition && last.table === table) return last;
    for (let i = this.#count - 1; i >= 0; i--) {
      const run = this.#runs[i];
      if (run.partition === partition && run.table === table) return run;
    }
    return undefined;
  }

  #newRun(): Run {
    if (this.#count === this.#runs.length) {
      this.#runs.push({
        partition: this,
        table: "",
        sinceMs: 0,
        untilMs: 0,
        mayGoOn: false,
        order: 0,
        rows: 0,
        news: 0,
      });
    }
    return this.#runs[this.#count++];
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
    for (let i = 0; i < this.#count; i++) {
      if (this.#runs[i].table === table) news += this.#runs[i].news;
    }
    return news;
  }

  /** Notes rows that were sent again and wait behind later transactions', of which this one lacks
   * none: an attempt sends them in order. `ahead` gives a partition's records that are of it. */
  lookAhead(partitions: Iterable<object>, ahead: (partition: object) => Iterable<SentRow>): void {
    if (this.#begins < 2 || this.counts === null) return;
    this.#ahead = new OpenTransaction();
    for (const partition of partitions) {
      for (const { table, order, atMs } of ahead(partition)) {
        this.#ahead.count(partition, table, order, atMs, false);
      }
    }
  }

  /** All runs, also those that wait behind later transactions' rows. */
  get #all(): Run[] {
    const ahead = this.#ahead === undefined ? [] : this.#ahead.#all;
    return [...this.#runs.slice(0, this.#count), ...ahead];
  }

  #ofLastAttempt(table: string): number {
    const runs = this.#all.filter((run) => run.table === table);
    let rows = 0;
    for (const runsOfOne of Map.groupBy(runs, ({ partition }) => partition).values()) {
      // The most: the attempt after the last one whose BEGIN was read sends no more than it.
      let [most, one] = [0, 0];
      for (const run of runsOfOne) {
        const isEarlier = run.sinceMs < this.#begunAtMs - RESTART_MS_MIN;
        one = isEarlier ? 0 : run.mayGoOn ? one + run.rows : run.rows;
        most = Math.max(most, one);
      }
      rows += most;
    }
    return rows;
  }
}
