/**
 * The order of truth: which record comes next, of all partitions, and whether it is news.
 *
 * - Within a partition: by offset. Between partitions: by source transaction, where the connector
 *   writes the transaction topic (transactions.ts); without it, as the records come.
 * - A change that was applied before (lane.ts) is passed over: Debezium sends some again after a
 *   crash of its own.
 * - Nothing is held in memory for order's sake but what the feeds have read ahead: a record whose
 *   turn has not come stays where it is.
 *
 * Free of I/O: it looks at feeds, and writes into batches.
 */
import type { Batch } from "../../batch/batch.ts";
import type { TableLayout } from "../../batch/column.ts";
import {
  type ChangeHead,
  COMMIT,
  type DebeziumCodec,
  END,
  type KafkaRecord,
  type Stop,
} from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import type { KafkaPosition, PartitionPosition } from "../position.ts";
import type { PartitionFeed } from "./feed.ts";
import { Lane } from "./lane.ts";
import { letterOf } from "./letter.ts";
import { Marks } from "./marks.ts";
import { Attempts } from "./attempts.ts";
import { BLOCKED, manyPartitions, newKeyRecord } from "./one_partition.ts";
import { Patience } from "./patience.ts";
import { RecentChanges } from "./recent.ts";
import { recallOf } from "./recall.ts";
import { SnapshotWatch } from "./snapshot_watch.ts";
import { type Known, type Target, Targets } from "./targets.ts";
import type { TopicNames } from "./topics.ts";
import { type OpenTransaction, Transactions } from "./transactions.ts";

/** After so many records the isolate's timers and sockets have their turn. */
const RECORDS_MAX = 2000;
/** What an order begins with. */
export interface OrderOptions {
  readonly codec: DebeziumCodec;
  readonly names: TopicNames;
  /** From where on. */
  readonly position: KafkaPosition;
  /** The tables that the sink has. */
  readonly layouts: readonly TableLayout[];
  readonly nextSeq: number;
  /** How long a transaction may lack changes after its END. */
  readonly patienceMs: number;
  readonly known: Known;
  /** How many recent changes are remembered, twice; for tests. */
  readonly recentMax?: number;
  /** ms since 1970. */
  now(): number;
}

/** See the top of this file. */
export class Order {
  readonly snapshot: SnapshotWatch;
  readonly #transactions: Transactions;
  readonly #recent: RecentChanges;
  readonly #targets: Targets;
  #lanes: Lane[] = [];
  readonly #marks: Marks;
  #others: PartitionFeed[] = [];
  #nextSeq: number;
  #lsn: number;
  #isStuck = false;
  readonly #attempts: Attempts;
  readonly #patience: Patience;
  readonly #scratch: ChangeHead;
  #commitTimeMs = 0;
  /** The number that the first row after the last whole transaction got. */
  #committedSeq: number;
  /** A change names its transaction, and there is no transaction topic. */
  #wantsMarks = false;
  /** It was looked for, and is not there. */
  #isWithoutMarks = false;
  /** Tables that an END names, and whose topics were not there when topics were looked for last. */
  readonly #newTables = new Set<string>();
  /** Those that were looked for since, and still are not: their rows come by no topic of theirs. */
  readonly #absent = new Set<string>();
  /** Records taken since the isolate last had its turn. */
  #taken = 0;
  /** Changes that came again and were passed over. */
  duplicates = 0;

  constructor(private readonly options: OrderOptions) {
    const { position, layouts, codec } = options;
    this.snapshot = new SnapshotWatch(position.snapshot, options.now);
    const forget = () => this.#lanes.forEach((lane) => lane.forget());
    this.#recent = new RecentChanges(forget, options.recentMax);
    this.#nextSeq = this.#committedSeq = options.nextSeq;
    this.#lsn = position.lsn;
    this.#scratch = codec.head();
    this.#targets = new Targets(codec, options.known, layouts);
    const isOurs = this.#isOurs;
    const transactions = this.#transactions = new Transactions(position.lsn);
    this.#marks = new Marks({
      codec,
      transactions,
      lsnAtStart: position.lsn,
      isOurs,
      isOnItsWay: (table) => this.#isOnItsWay(table),
      taken: (lsn) => {
        this.#lsn = Math.max(this.#lsn, lsn);
        this.snapshot.streaming();
        this.#moved();
        this.#patience.moved();
      },
    });
    this.#attempts = new Attempts(transactions, codec, isOurs);
    this.#patience = new Patience({
      transactions,
      patienceMs: options.patienceMs,
      now: options.now,
      before: () => this.#committedSeq,
      isOurs,
      stray: () => this.#stray(),
    });
  }

  get nextSeq(): number {
    return this.#nextSeq;
  }

  get inTransaction(): boolean {
    return this.#transactions.isOpen;
  }

  get leftOut(): { table: string; reason: string }[] {
    return this.#targets.leftOut;
  }

  /** Reads from these from now on; lanes of before go on with theirs. */
  bind(feeds: readonly PartitionFeed[]): void {
    const { names, codec, position } = this.options;
    this.#marks.feed = feeds.find(({ topic }) => topic === names.transactions);
    this.#others = feeds.filter(({ topic }) => topic === names.heartbeat);
    this.#lanes = feeds.filter(({ topic }) => names.isData(topic)).map((feed) => {
      const lane = this.#lanes.find(({ feed: { topic, partition } }) =>
        topic === feed.topic && partition === feed.partition
      );
      if (lane === undefined) {
        const from = position.topics[feed.topic]?.[feed.partition];
        const isLate = from === undefined && position.topics[names.transactions] !== undefined;
        return new Lane(feed, from, codec, this.#recent, isLate);
      }
      lane.feed = feed;
      return lane;
    });
    for (const lane of this.#lanes) {
      const { topic } = lane.feed;
      lane.isAlone = this.#lanes.filter(({ feed }) => feed.topic === topic).length === 1;
    }
    if (this.#marks.feed !== undefined) this.#wantsMarks = false;
    this.#newTables.clear();
    this.#isStuck = false;
  }

  /** Something has come: what was blocked may no longer be. */
  wake(): void {
    this.#isStuck = false;
  }

  /** Topics that are to be looked for at once: what waits for their records goes on when they are
   * bound, or known not to be there. */
  get sought(): string[] {
    const { names } = this.options;
    const topics = [...this.#newTables].map((name) => names.topicOf(name));
    return this.#wantsMarks ? [names.transactions, ...topics] : topics;
  }

  /** These topics were looked for, and are not there: changes are taken without them. */
  goWithout(topics: readonly string[]): void {
    const { names } = this.options;
    if (topics.includes(names.transactions)) {
      this.#isWithoutMarks = true;
      this.#wantsMarks = false;
    }
    for (const name of this.#newTables) {
      if (!topics.includes(names.topicOf(name))) continue;
      this.#absent.add(name);
      this.#newTables.delete(name);
    }
    this.#isStuck = false;
  }

  /** Whether `decode` may get further. */
  get hasInput(): boolean {
    return !this.#isStuck || this.#patience.isDue;
  }

  /** How far everything was taken, between transactions. Of topics that are not read (yet, or since
   * SLUICE_TABLES leaves them out now) it is what it was. */
  get position(): KafkaPosition {
    const topics: Record<string, PartitionPosition[]> = {};
    for (const [topic, each] of Object.entries(this.options.position.topics)) {
      topics[topic] = [...each];
    }
    const put = ({ topic, partition, next }: PartitionFeed, lsn: number) => {
      (topics[topic] ??= [])[partition] = { next, lsn };
    };
    for (const lane of this.#lanes) put(lane.feed, lane.lsnMax);
    for (const feed of this.#others) put(feed, 0);
    if (this.#marks.feed !== undefined) put(this.#marks.feed, 0);
    const { clusterId, prefix } = this.options.position;
    const snapshot = this.snapshot.state;
    return { kind: "kafka", clusterId, prefix, topics, snapshot, lsn: this.#lsn };
  }

  /** Next offsets of all partitions, added up. */
  get taken(): number {
    const sum = this.#lanes.reduce((sum, { feed }) => sum + feed.next, this.#marks.feed?.next ?? 0);
    return this.#others.reduce((all, { next }) => all + next, sum);
  }

  /** The transaction that has ended and lacks changes, as a sentence; null: there is none. */
  get incomplete(): string | null {
    return this.#patience.lacking;
  }

  /** It must be known where the topics end now: see {@linkcode endsAt}. */
  get wantsEnds(): boolean {
    return this.snapshot.wantsEnds || this.#attempts.wantsEnds;
  }

  /** Where the topics ended after they were asked for, by topic and partition. */
  endsAt(ends: ReadonlyMap<string, readonly number[]>): void {
    if (this.snapshot.wantsEnds) this.snapshot.endsAt(ends);
    if (this.#attempts.wantsEnds) this.#attempts.endsAt(ends);
    this.#isStuck = false;
  }

  /** Gives back the memory of the partition that holds most, if none of its records may be taken
   * now: it would keep others' records from coming. */
  letGo(): void {
    if (!this.#isStuck) return;
    const feeds = this.#lanes.map(({ feed }) => feed);
    if (this.#marks.feed !== undefined) feeds.push(this.#marks.feed);
    const [first] = feeds.sort((a, b) => b.bufferedBytes - a.bufferedBytes);
    first?.letGo();
  }

  /** Writes what comes next into `batch`, until one of {@linkcode Stop}'s reasons. */
  decode(batch: Batch): Stop {
    if (this.#taken >= RECORDS_MAX) {
      this.#taken = 0;
      return END;
    }
    if (this.#marks.isWaiting && batch.isEmpty) this.#isStuck = false;
    if (this.#isStuck) {
      const stop = this.#patience.isDue ? this.#patience.look() : END;
      this.#isStuck = stop === END; // an answer, or giving up, lets things move again
      return stop;
    }
    for (;;) {
      const before = this.#taken;
      const stop = this.#readMarks(!batch.isEmpty) ?? this.#readLanes(batch);
      if (stop !== undefined) return stop;
      if (this.#transactions.isOpen && this.#transactions.endIfWhole(this.#isOurs)) {
        if (this.#nextSeq > this.#committedSeq) batch.endTransaction(this.#commitTimeMs);
        this.#committedSeq = this.#nextSeq;
        return COMMIT;
      }
      if (this.#taken >= RECORDS_MAX) return this.#transactions.isOpen ? END : COMMIT;
      if (this.#taken > before) continue;
      if (this.#marks.beginsAgain() || this.#attempts.settle(this.#lanes)) continue;
      const unread = this.#unread();
      if (unread !== undefined) return unread;
      this.#isStuck = true;
      return this.#transactions.isOpen || batch.isEmpty ? END : COMMIT;
    }
  }

  #readMarks(holdsRows: boolean): Stop | undefined {
    for (const feed of this.#others) {
      while (feed.head !== undefined) {
        this.snapshot.streaming();
        this.#take(feed);
      }
    }
    const found = this.#marks.read(this.#nextSeq, this.#committedSeq, holdsRows);
    if (found === undefined || "kind" in found) return found;
    return this.#fault(found.fault, found.record, null, () => this.#take(this.#marks.feed!));
  }

  #readLanes(batch: Batch): Stop | undefined {
    for (const lane of this.#lanes) {
      if (lane.waitsSince === this.#transactions.opened) continue;
      while (this.#taken < RECORDS_MAX && lane.look()) {
        const stop = this.#step(lane, batch);
        if (stop === BLOCKED) break;
        if (stop !== undefined) return stop;
      }
    }
    return undefined;
  }

  /** Takes a lane's next record, if its turn has come. */
  #step(lane: Lane, batch: Batch): Stop | typeof BLOCKED | undefined {
    const { head, feed } = lane;
    const record = feed.head!;
    if (lane.fault !== undefined) return BLOCKED; // see #unread
    if (head.op === null || head.op === "m") return this.#pass(lane);
    if (lane.original === "unknown") return this.#recall(lane);
    if (head.transaction !== null && this.#marks.feed === undefined && !this.#isWithoutMarks) {
      this.#wantsMarks = true;
      return BLOCKED;
    }
    const isMarked = this.#marks.feed !== undefined && head.transaction !== null;
    const transaction = isMarked ? this.#transactions.get(head.tx) : undefined;
    if (lane.original > 0) {
      if (transaction !== undefined) {
        if (lane.original < transaction.firstSeq) transaction.wasApplied = true;
        this.#count(transaction, lane, false);
      }
      this.duplicates++;
      return this.#pass(lane);
    }
    if (isMarked && transaction === undefined && !this.#transactions.isDone(head.tx)) {
      if (!lane.isLate) lane.waitsSince = this.#transactions.opened;
      if (!lane.isLate || !this.#marks.arePast(head.lsn, record.timestampMs)) return BLOCKED;
      this.#transactions.wasDone(head.tx);
    }
    // What is in no transaction must not be in the way of a whole one: should it be a fault, that one
    // is applied before.
    if (!isMarked && this.#transactions.areWhole(this.#isOurs)) return BLOCKED;
    const name = lane.table;
    const pass = (): undefined => {
      if (transaction !== undefined) this.#count(transaction, lane, true);
      return this.#pass(lane);
    };
    const target = this.#targets.get(name);
    if (target === undefined) {
      if (!this.#targets.isLeftOut(name) && head.op !== "t") {
        const met = this.#targets.meet(name, record, head);
        if (met instanceof Fault) return this.#fault(met, record, name, pass);
        if (met !== undefined) return met;
      }
      return pass(); // a table that is left out, or a TRUNCATE of one that never was
    }
    this.#commitTimeMs = head.commitTimeMs;
    const isChange = head.op !== "r"; // a row of a snapshot was not committed just now
    if (isChange) batch.beginTransaction(head.commitTimeMs);
    const stop = this.#write(lane, record, target, batch, transaction, pass);
    if (stop === undefined && isChange && transaction === undefined) {
      batch.endTransaction(head.commitTimeMs);
      // Should the transaction topic appear, this one is not to be waited for.
      if (!isMarked && head.transaction !== null) this.#transactions.wasDone(head.tx);
    }
    return stop;
  }

  /** Writes a record's row, or the two of a change of key. `pass` counts it and moves past it. */
  #write(
    lane: Lane,
    record: KafkaRecord,
    { name, rows }: Target,
    batch: Batch,
    transaction: OpenTransaction | undefined,
    pass: () => void,
  ): Stop | typeof BLOCKED | undefined {
    const { head, feed } = lane;
    const { isAlone } = lane;
    if (head.op === "t" && !isAlone) {
      return this.#fault(manyPartitions(record, name), record, name, pass);
    }
    let stop: Stop | undefined;
    const pair = head.keyChange === "old" && isAlone
      ? newKeyRecord(lane, this.#scratch, this.options.codec)
      : undefined;
    if (pair === BLOCKED) return BLOCKED;
    if (pair === undefined) stop = rows.decode(record, head, batch, this.#nextSeq);
    else {
      stop = rows.decodeKeyChange(record, head, pair, this.#scratch, batch, this.#nextSeq);
    }
    if (stop?.kind === "fault") {
      return this.#fault(stop.fault, record, name, pass);
    }
    if (stop !== undefined) return stop;
    for (let half = pair === undefined ? 1 : 2; half > 0; half--) {
      while (lane.look() && head.op === null) this.#pass(lane); // the tombstone between the two
      if (head.op === "r") this.snapshot.row(head, name, feed.head!);
      else this.snapshot.streaming();
      lane.remember(this.#nextSeq++);
      this.#lsn = Math.max(this.#lsn, head.lsn);
      if (transaction !== undefined) this.#count(transaction, lane, true);
      this.#pass(lane);
    }
    return undefined;
  }
  /** The fault of a record that can't be read. It does not tell its transaction, so its turn has come
   * when nothing else gets further, and one lacks a change of its topic or none is to come. */
  #unread(): Stop | undefined {
    const marks = this.#marks.feed;
    const isPast = marks === undefined || (marks.head === undefined && marks.next >= marks.end);
    for (const lane of this.#lanes) {
      if (!lane.look() || lane.fault === undefined) continue;
      const { names } = this.options;
      const { topic } = lane.feed;
      const isOfIt = (table: string) => names.topicOf(table) === topic && this.#isOurs(table);
      const lacking = [...this.#transactions.all].find((each) => each.missing(isOfIt).length > 0);
      if (lacking === undefined && (this.#transactions.isOpen || !isPast)) continue;
      return this.#fault(lane.fault, lane.feed.head!, names.tableOf(topic), () => {
        lacking?.setAside(lacking.missing(isOfIt)[0].table);
        this.#pass(lane);
      });
    }
    return undefined;
  }

  #recall(lane: Lane): Stop {
    const rowsOf = (name: string) => this.#targets.get(name)?.rows;
    const recall = recallOf(lane, rowsOf, this.#scratch, this.options.codec);
    return { kind: "recall", recall };
  }

  /** A change that waits for its transaction to begin. */
  #stray(): { table: string; tx: number } | undefined {
    if (this.#marks.feed === undefined) return undefined;
    for (const lane of this.#lanes) {
      if (!lane.look() || lane.fault !== undefined || lane.head.transaction === null) continue;
      return { table: lane.table, tx: lane.head.tx };
    }
    return undefined;
  }

  #fault(fault: Fault, record: KafkaRecord, table: string | null, pass: () => void): Stop {
    const setAside = () => {
      const letter = letterOf(fault, record, table, this.options.now());
      pass();
      return letter;
    };
    return { kind: "fault", fault, setAside };
  }

  /** Notes that a lane's head record is one of a transaction's. */
  #count(transaction: OpenTransaction, lane: Lane, isNews: boolean): void {
    const { timestampMs } = lane.feed.head!;
    transaction.count(lane, lane.table, lane.head.transactionOrder, timestampMs, isNews);
  }

  #pass(lane: Lane): undefined {
    const { op } = lane.head;
    lane.take();
    this.#moved();
    if (op !== null && op !== "m" && op !== "r") this.#patience.moved();
    return undefined;
  }

  #take(feed: PartitionFeed): void {
    feed.take();
    this.#moved();
  }

  #moved(): void {
    this.#taken++;
    this.#isStuck = false;
  }

  /** Whether a table's changes come to us: others' are not waited for. */
  readonly #isOurs = (name: string): boolean => {
    const { names } = this.options;
    if (this.#targets.isLeftOut(name) || !names.isWanted(name)) return false;
    if (this.#targets.get(name) !== undefined) return true;
    const topic = names.topicOf(name);
    const isRead = this.#lanes.some(({ feed }) => feed.topic === topic);
    if (isRead || this.#absent.has(name)) return isRead;
    this.#newTables.add(name); // the connector has made its topic before it sent the END
    return true;
  };

  /** Whether a table's topic has records that were not fetched, while all that were are taken. */
  #isOnItsWay(name: string): boolean {
    const topic = this.options.names.topicOf(name);
    return this.#lanes.some(({ feed }) =>
      feed.topic === topic && feed.head === undefined && feed.next < feed.end
    );
  }
}
