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
import type { KafkaPosition } from "../position.ts";
import type { PartitionFeed } from "./feed.ts";
import type { Lane } from "./lane.ts";
import { Lanes } from "./lanes.ts";
import { Inputs } from "./inputs.ts";
import { letterOf } from "./letter.ts";
import { Marks } from "./marks.ts";
import { Attempts } from "./attempts.ts";
import { BLOCKED } from "./one_partition.ts";
import { Ours } from "./ours.ts";
import { Patience } from "./patience.ts";
import { RecentChanges } from "./recent.ts";
import { recallOf } from "./recall.ts";
import { type Pass, RowWriter } from "./row_writer.ts";
import { SnapshotWatch } from "./snapshot_watch.ts";
import { type Known, Targets } from "./targets.ts";
import type { TopicNames } from "./topics.ts";
import { findUnread } from "./unread.ts";
import type { OpenTransaction } from "./open_transaction.ts";
import { Transactions } from "./transactions.ts";

/** After so many records the isolate's timers and sockets have their turn: with schemas in them they
 * are some MB, about what the system takes in of an answer meanwhile. */
const RECORDS_MAX = 500;
/** After so many transactions all partitions are looked at, also those of which none lacks a row. */
const TRANSACTIONS_MAX = 64;

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
  readonly #lanes: Lanes;
  readonly #ours: Ours;
  readonly #marks: Marks;
  readonly #inputs: Inputs;
  readonly #writer: RowWriter;
  #isStuck = false;
  readonly #attempts: Attempts;
  readonly #patience: Patience;
  readonly #scratch: ChangeHead;
  #commitTimeMs = 0;
  /** The number that the first row after the last whole transaction got. */
  #committedSeq: number;
  /** Records taken since the isolate last had its turn. */
  #taken = 0;
  /** Transactions that ended since all partitions were looked at. */
  #sinceAll = 0;
  /** Changes that came again and were passed over. */
  duplicates = 0;

  constructor(private readonly options: OrderOptions) {
    const { position, layouts, codec } = options;
    this.snapshot = new SnapshotWatch(position.snapshot, options.now);
    this.#recent = new RecentChanges(() => this.#lanes.forget(), options.recentMax);
    this.#lanes = new Lanes(options.names, position, codec, this.#recent);
    this.#inputs = new Inputs(this.#lanes, options.names, position);
    this.#committedSeq = options.nextSeq;
    const pass: Pass = (lane, transaction) => this.#passOf(lane, transaction);
    const { snapshot } = this;
    this.#writer = new RowWriter(codec, snapshot, pass, options.nextSeq, position.lsn);
    this.#scratch = codec.head();
    this.#targets = new Targets(codec, options.known, layouts);
    const ours = this.#ours = new Ours(options.names, this.#lanes, this.#targets);
    const transactions = this.#transactions = new Transactions(position.lsn);
    this.#marks = new Marks({
      codec,
      transactions,
      lsnAtStart: position.lsn,
      isOurs: ours.has,
      isOnItsWay: (table) => ours.isOnItsWay(table),
      taken: (lsn) => {
        this.#writer.lsn = Math.max(this.#writer.lsn, lsn);
        this.snapshot.streaming();
        this.#moved();
        this.#patience.moved();
      },
    });
    this.#attempts = new Attempts(transactions, codec, ours.has);
    this.#patience = new Patience({
      transactions,
      patienceMs: options.patienceMs,
      now: options.now,
      before: () => this.#committedSeq,
      isOurs: ours.has,
      stray: () => this.#marks.feed === undefined ? undefined : this.#lanes.stray(),
    });
  }

  get nextSeq(): number {
    return this.#writer.nextSeq;
  }

  get inTransaction(): boolean {
    return this.#transactions.isOpen;
  }

  get leftOut(): { table: string; reason: string }[] {
    return this.#targets.leftOut;
  }

  /** Reads from these from now on. */
  bind(feeds: readonly PartitionFeed[]): void {
    this.#inputs.bind(feeds);
    this.#marks.feed = this.#inputs.marks;
    this.#ours.bound(this.#marks.feed !== undefined);
    this.#isStuck = false;
  }

  /** Something has come: what was blocked may no longer be. */
  wake(): void {
    this.#isStuck = false;
  }

  /** Topics that are to be looked for at once: what waits for their records goes on when they are
   * bound, or known not to be there. */
  get sought(): string[] {
    return this.#ours.sought;
  }

  /** These topics were looked for, and are not there: changes are taken without them. */
  goWithout(topics: readonly string[]): void {
    this.#ours.goWithout(topics);
    this.#isStuck = false;
  }

  /** Whether `decode` may get further. */
  get hasInput(): boolean {
    return !this.#isStuck || this.#patience.isDue;
  }

  /** How far everything was taken, between transactions. */
  get position(): KafkaPosition {
    return this.#inputs.position(this.#writer.lsn, this.snapshot.state);
  }

  /** Next offsets of all partitions, added up. */
  get taken(): number {
    return this.#inputs.taken;
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
    if (this.#isStuck) this.#inputs.largest?.letGo();
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
      if (this.#transactions.isOpen && this.#transactions.endIfWhole(this.#ours.has)) {
        if (this.#writer.nextSeq > this.#committedSeq) batch.endTransaction(this.#commitTimeMs);
        this.#committedSeq = this.#writer.nextSeq;
        this.#sinceAll++;
        return COMMIT;
      }
      if (this.#taken >= RECORDS_MAX) return this.#transactions.isOpen ? END : COMMIT;
      if (this.#taken > before) continue;
      if (this.#marks.beginsAgain() || this.#attempts.settle(this.#lanes.all)) continue;
      const unread = this.#unread();
      if (unread !== undefined) return unread;
      this.#isStuck = true;
      return this.#transactions.isOpen || batch.isEmpty ? END : COMMIT;
    }
  }

  #readMarks(holdsRows: boolean): Stop | undefined {
    for (const feed of this.#inputs.heartbeats) {
      while (feed.head !== undefined) {
        this.snapshot.streaming();
        this.#take(feed);
      }
    }
    const found = this.#marks.read(this.#writer.nextSeq, this.#committedSeq, holdsRows);
    if (found === undefined || "kind" in found) return found;
    return this.#fault(found.fault, found.record, null, () => this.#take(this.#marks.feed!));
  }

  #readLanes(batch: Batch): Stop | undefined {
    const before = this.#taken;
    const { ended } = this.#transactions;
    if (ended !== undefined && this.#sinceAll < TRANSACTIONS_MAX) {
      for (const { table } of ended) {
        for (const lane of this.#lanes.of(table)) {
          const stop = this.#readLane(lane, batch);
          if (stop !== undefined) return stop;
        }
      }
      if (this.#taken > before) return undefined;
    }
    this.#sinceAll = 0;
    for (const lane of this.#lanes.all) {
      const stop = this.#readLane(lane, batch);
      if (stop !== undefined) return stop;
    }
    return undefined;
  }

  #readLane(lane: Lane, batch: Batch): Stop | undefined {
    if (lane.waitsSince === this.#transactions.opened) return undefined;
    while (this.#taken < RECORDS_MAX && lane.look()) {
      const stop = this.#step(lane, batch);
      if (stop === BLOCKED) return undefined;
      if (stop !== undefined) return stop;
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
    if (head.isInTransaction && this.#marks.feed === undefined && this.#ours.seekMarks()) {
      return BLOCKED;
    }
    const isMarked = this.#marks.feed !== undefined && head.isInTransaction;
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
    if (!isMarked && this.#transactions.areWhole(this.#ours.has)) return BLOCKED;
    const name = lane.table;
    const target = this.#targets.get(name);
    if (target === undefined) {
      if (!this.#targets.isLeftOut(name)) {
        const met = this.#targets.meet(lane);
        if (met instanceof Fault) return this.#rowFault(met, lane, transaction);
        if (met !== undefined) return met;
      }
      // A table that is left out; or a TRUNCATE of one of which there is nothing, which may come again.
      if (head.op === "t") lane.remember(this.#writer.nextSeq);
      return this.#passOf(lane, transaction);
    }
    this.#commitTimeMs = head.commitTimeMs;
    const isChange = head.op !== "r"; // a row of a snapshot was not committed just now
    if (isChange) batch.beginTransaction(head.commitTimeMs);
    const stop = this.#writer.write(lane, target, batch, transaction);
    if (stop !== undefined && stop !== BLOCKED && stop.kind === "fault") {
      return this.#rowFault(stop.fault, lane, transaction);
    }
    if (stop === undefined && isChange && transaction === undefined) {
      batch.endTransaction(head.commitTimeMs);
      // Should the transaction topic appear, this one is not to be waited for.
      if (!isMarked && head.isInTransaction) this.#transactions.wasDone(head.tx);
    }
    return stop;
  }

  #unread(): Stop | undefined {
    const found = findUnread(this.#lanes.all, this.#marks.feed, this.#transactions, this.#isOf);
    if (found === undefined) return undefined;
    const { lane, lacking } = found;
    const { topic } = lane.feed;
    return this.#fault(lane.fault!, lane.feed.head!, this.options.names.tableOf(topic), () => {
      lacking?.setAside(lacking.missing((table) => this.#isOf(table, topic))[0].table);
      this.#pass(lane);
    });
  }

  readonly #isOf = (table: string, topic: string): boolean =>
    this.options.names.topicOf(table) === topic && this.#ours.has(table);

  #recall(lane: Lane): Stop {
    const rowsOf = (name: string) => this.#targets.get(name)?.rows;
    const recall = recallOf(lane, rowsOf, this.#scratch, this.options.codec);
    return { kind: "recall", recall };
  }

  #fault(fault: Fault, record: KafkaRecord, table: string | null, pass: () => void): Stop {
    const setAside = () => {
      const letter = letterOf(fault, record, table, this.options.now());
      pass();
      return letter;
    };
    return { kind: "fault", fault, setAside };
  }

  /** The fault of a lane's head record. */
  #rowFault(fault: Fault, lane: Lane, transaction: OpenTransaction | undefined): Stop {
    const pass = () => this.#passOf(lane, transaction);
    return this.#fault(fault, lane.feed.head!, lane.table, pass);
  }

  /** Notes that a lane's head record is one of a transaction's. */
  #count(transaction: OpenTransaction, lane: Lane, isNews: boolean): void {
    const { timestampMs } = lane.feed.head!;
    transaction.count(lane, lane.table, lane.head.transactionOrder, timestampMs, isNews);
  }

  /** Moves past a lane's head record, which is of this transaction. */
  #passOf(lane: Lane, transaction: OpenTransaction | undefined): undefined {
    if (transaction !== undefined) this.#count(transaction, lane, true);
    return this.#pass(lane);
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
}
