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
import type { DeadLetter } from "../../batch/dead_letter.ts";
import { tableName } from "../../catalog/catalog.ts";
import {
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
import { RecentChanges } from "./recent.ts";
import { recallOf } from "./recall.ts";
import { SnapshotWatch } from "./snapshot_watch.ts";
import { type Known, type Target, Targets } from "./targets.ts";
import type { TopicNames } from "./topics.ts";
import { type OpenTransaction, Transactions } from "./transactions.ts";

/** After so many records the isolate's timers and sockets have their turn. */
const RECORDS_MAX = 2000;
/** Without progress for so long, it is looked whether a transaction lacks changes. */
const LOOK_MS = 2000;

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
  /** ms since 1970. */
  now(): number;
}

/** What stands in the way of a record: another must come first. */
const BLOCKED = Symbol("blocked");

/** See the top of this file. */
export class Order {
  readonly snapshot: SnapshotWatch;
  readonly #transactions = new Transactions();
  readonly #recent: RecentChanges;
  readonly #targets: Targets;
  #lanes: Lane[] = [];
  /** The transaction topic's partition; undefined while there is none. */
  #marks: PartitionFeed | undefined;
  #others: PartitionFeed[] = [];
  #nextSeq: number;
  #lsn: number;
  #isStuck = false;
  #progressAtMs: number;
  /** When it is looked next whether something lacks. */
  #lookAtMs: number;
  #asked: OpenTransaction | undefined;
  /** Records taken since the isolate last had its turn. */
  #taken = 0;
  /** Changes that came again and were passed over. */
  duplicates = 0;

  constructor(private readonly options: OrderOptions) {
    const { position, layouts, codec } = options;
    this.snapshot = new SnapshotWatch(position.snapshot, options.now);
    this.#recent = new RecentChanges(() => this.#lanes.forEach((lane) => lane.forget()));
    this.#nextSeq = options.nextSeq;
    this.#lsn = position.lsn;
    this.#progressAtMs = options.now();
    this.#targets = new Targets(codec, options.known, layouts);
    this.#lookAtMs = this.#progressAtMs + LOOK_MS;
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
    this.#marks = feeds.find(({ topic }) => topic === names.transactions);
    this.#others = feeds.filter(({ topic }) => topic === names.heartbeat);
    this.#lanes = feeds.filter(({ topic }) => names.isData(topic)).map((feed) => {
      const lane = this.#lanes.find(({ feed: { topic, partition } }) =>
        topic === feed.topic && partition === feed.partition
      );
      if (lane === undefined) {
        const from = position.topics[feed.topic]?.[feed.partition];
        return new Lane(feed, from, codec, this.#recent);
      }
      lane.feed = feed;
      return lane;
    });
    this.#isStuck = false;
  }

  /** Something has come: what was blocked may no longer be. */
  wake(): void {
    this.#isStuck = false;
  }

  /** Whether `decode` may get further. */
  get hasInput(): boolean {
    return !this.#isStuck || this.options.now() >= this.#lookAtMs;
  }

  /** How far everything was taken, between transactions. */
  get position(): KafkaPosition {
    const topics: Record<string, PartitionPosition[]> = {};
    const put = ({ topic, partition, next }: PartitionFeed, lsn: number) => {
      (topics[topic] ??= [])[partition] = { next, lsn };
    };
    for (const lane of this.#lanes) put(lane.feed, lane.lsnMax);
    for (const feed of this.#others) put(feed, 0);
    if (this.#marks !== undefined) put(this.#marks, 0);
    const { clusterId, prefix } = this.options.position;
    const snapshot = this.snapshot.state;
    return { kind: "kafka", clusterId, prefix, topics, snapshot, lsn: this.#lsn };
  }

  /** Next offsets of all partitions, added up. */
  get taken(): number {
    const sum = this.#lanes.reduce((sum, { feed }) => sum + feed.next, this.#marks?.next ?? 0);
    return this.#others.reduce((all, { next }) => all + next, sum);
  }

  /** The transaction that has ended and lacks changes, as a sentence; null: there is none. */
  get incomplete(): string | null {
    for (const transaction of this.#transactions.all) {
      const missing = transaction.missing((table) => this.#isOurs(table));
      if (missing.length > 0) return lacking(transaction.id, missing);
    }
    return null;
  }

  /** Gives back the memory of records whose turn has not come. */
  letGo(): void {
    for (const { feed } of this.#lanes) feed.letGo();
  }

  /** Writes what comes next into `batch`, until one of {@linkcode Stop}'s reasons. */
  decode(batch: Batch): Stop {
    if (this.#taken >= RECORDS_MAX) {
      this.#taken = 0;
      return END;
    }
    if (this.#isStuck) return this.#overdue();
    for (;;) {
      const before = this.#taken;
      const stop = this.#readMarks() ?? this.#readLanes(batch);
      if (stop !== undefined) return stop;
      if (
        this.#transactions.isOpen && this.#transactions.endIfWhole((each) => this.#isOurs(each))
      ) {
        batch.endTransaction(this.#commitTimeMs);
        return COMMIT;
      }
      if (this.#taken >= RECORDS_MAX) return this.#transactions.isOpen ? END : COMMIT;
      if (this.#taken > before) continue;
      this.#isStuck = true;
      return this.#transactions.isOpen || batch.isEmpty ? END : COMMIT;
    }
  }
  #commitTimeMs = 0;

  #readMarks(): Stop | undefined {
    for (const feed of this.#others) {
      while (feed.head !== undefined) {
        this.snapshot.streaming();
        this.#take(feed);
      }
    }
    const feed = this.#marks;
    while (feed?.head !== undefined && this.#transactions.wantsMark) {
      if (feed.head.value !== null) {
        const mark = this.options.codec.scanTransaction(feed.head);
        if (mark instanceof Fault) {
          return this.#fault(mark, feed.head, null, () => this.#take(feed));
        }
        this.#transactions.mark(mark, this.#nextSeq);
        this.snapshot.streaming();
      }
      this.#take(feed);
    }
    return undefined;
  }

  #readLanes(batch: Batch): Stop | undefined {
    for (const lane of this.#lanes) {
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
    if (lane.fault !== undefined) {
      return this.#fault(lane.fault, record, null, () => this.#pass(lane));
    }
    if (head.op === null || head.op === "m") return this.#pass(lane);
    if (lane.original === "unknown") return this.#recall(lane);
    const id = this.#marks === undefined ? null : head.transaction;
    const transaction = id === null ? undefined : this.#transactions.get(id);
    if (lane.original > 0) {
      if (transaction !== undefined && lane.original < transaction.firstSeq) {
        transaction.wasApplied = true;
      }
      this.duplicates++;
      return this.#pass(lane);
    }
    if (id !== null && transaction === undefined && !this.#transactions.isDone(id)) return BLOCKED;
    const name = tableName({ schema: head.schema, name: head.table });
    const target = this.#targets.get(name);
    if (target === undefined) {
      if (!this.#targets.isLeftOut(name) && head.op !== "t") {
        const met = this.#targets.meet(name, record, head);
        if (met instanceof Fault) return this.#fault(met, record, name, () => this.#pass(lane));
        if (met !== undefined) return met;
      }
      transaction?.count(name); // a table that is left out, or a TRUNCATE of one that never was
      return this.#pass(lane);
    }
    batch.beginTransaction(head.commitTimeMs);
    this.#commitTimeMs = head.commitTimeMs;
    const stop = this.#write(lane, record, target, batch, transaction);
    if (stop === undefined && transaction === undefined) batch.endTransaction(head.commitTimeMs);
    return stop;
  }

  /** Writes a record's row, or the two of a change of key. */
  #write(
    lane: Lane,
    record: KafkaRecord,
    { name, rows }: Target,
    batch: Batch,
    transaction: OpenTransaction | undefined,
  ): Stop | typeof BLOCKED | undefined {
    const { head, feed } = lane;
    const isAlone = this.#partitionsOf(feed.topic) === 1;
    if (head.op === "t" && !isAlone) {
      return this.#fault(manyPartitions(record, name), record, name, () => this.#pass(lane));
    }
    let stop: Stop | undefined;
    let pair: ReturnType<Order["#newHalf"]>;
    if (head.keyChange === "old" && isAlone) {
      pair = this.#newHalf(lane);
      if (pair === BLOCKED) return BLOCKED;
    }
    if (pair === undefined) stop = rows.decode(record, head, batch, this.#nextSeq);
    else {
      stop = rows.decodeKeyChange(record, head, pair, this.#scratch, batch, this.#nextSeq);
    }
    if (stop?.kind === "fault") {
      return this.#fault(stop.fault, record, name, () => {
        transaction?.count(name);
        this.#pass(lane);
      });
    }
    if (stop !== undefined) return stop;
    for (let half = pair === undefined ? 1 : 2; half > 0; half--) {
      while (lane.look() && head.op === null) this.#pass(lane); // the tombstone between the two
      if (head.op === "r") this.snapshot.row(head, name, feed.topic, feed.partition, feed.next);
      else this.snapshot.streaming();
      lane.remember(this.#nextSeq++);
      this.#lsn = Math.max(this.#lsn, head.lsn);
      transaction?.count(name);
      this.#pass(lane);
    }
    return undefined;
  }
  readonly #scratch = this.options.codec.head();

  /** The record with the new key's row, read into the scratch head; undefined: there is none. */
  #newHalf(lane: Lane): KafkaRecord | typeof BLOCKED | undefined {
    const { feed, head } = lane;
    let next = feed.peek(1);
    if (next !== undefined && next.value === null) next = feed.peek(2);
    if (next === undefined) return BLOCKED;
    const isHalf = this.options.codec.scan(next, this.#scratch) === undefined &&
      this.#scratch.keyChange === "new" && this.#scratch.lsn === head.lsn &&
      this.#scratch.table === head.table && this.#scratch.schema === head.schema;
    return isHalf ? next : undefined;
  }

  #recall(lane: Lane): Stop {
    const rowsOf = (name: string) => this.#targets.get(name)?.rows;
    const recall = recallOf(lane, rowsOf, this.#scratch, this.options.codec);
    return { kind: "recall", recall };
  }

  /** Looks for a transaction that lacks changes, or a change whose transaction never began. */
  #overdue(): Stop {
    const now = this.options.now();
    if (now < this.#lookAtMs) return END;
    this.#lookAtMs = now + LOOK_MS;
    const isLate = now - this.#progressAtMs >= this.options.patienceMs;
    for (const each of this.#transactions.all) {
      const missing = each.missing((table) => this.#isOurs(table));
      if (missing.length === 0) continue;
      if (this.#asked !== each) return this.#ask(each);
      if (isLate) return this.#giveUp(each.id, lacking(each.id, missing), missing[0].table);
    }
    const lane = this.#lanes.find((lane) => lane.look() && lane.head.transaction !== null);
    if (!isLate || lane === undefined || this.#transactions.isOpen) return END;
    const { schema, table, transaction } = lane.head;
    const name = tableName({ schema, name: table });
    const what = `a change of ${name} came, and the transaction topic has no BEGIN of its ` +
      `transaction ${transaction}`;
    return this.#giveUp(transaction!, what, name);
  }

  #ask(transaction: OpenTransaction): Stop {
    this.#asked = transaction;
    const answer = (changes: Map<string, number>) => {
      const isThere = [...transaction.counts ?? []].every(([table, rows]) =>
        !this.#isOurs(table) || (changes.get(table) ?? 0) >= rows
      );
      if (!isThere) return;
      transaction.wasApplied = true;
      this.#moved();
    };
    return { kind: "ask", tx: Number.parseInt(transaction.id), answer };
  }

  #giveUp(id: string, what: string, table: string): Stop {
    const fault = new Fault("incomplete", {
      what,
      received: `nothing more for ${this.options.patienceMs / 1000} s`,
      todo: "The connector has lost it, or still waits to send it: see its log. Wait and start " +
        "again; or take it as it is (SLUICE_ON_BAD_RECORD=dead-letter) and compare with the source.",
    });
    const setAside = (): DeadLetter => {
      this.#transactions.giveUp(id);
      this.#moved();
      return letterOf(fault, undefined, table, this.options.now());
    };
    return { kind: "fault", fault, setAside };
  }

  #fault(fault: Fault, record: KafkaRecord, table: string | null, pass: () => void): Stop {
    const setAside = () => {
      const letter = letterOf(fault, record, table, this.options.now());
      pass();
      return letter;
    };
    return { kind: "fault", fault, setAside };
  }

  #pass(lane: Lane): undefined {
    lane.take();
    this.#moved();
    return undefined;
  }

  #take(feed: PartitionFeed): void {
    feed.take();
    this.#moved();
  }

  #moved(): void {
    this.#taken++;
    this.#isStuck = false;
    this.#asked = undefined;
    this.#progressAtMs = this.options.now();
    this.#lookAtMs = this.#progressAtMs + LOOK_MS;
  }

  /** Whether a table's changes come to us: others' are not waited for. */
  #isOurs(name: string): boolean {
    if (this.#targets.isLeftOut(name)) return false;
    return this.#targets.get(name) !== undefined ||
      this.#lanes.some(({ feed }) => feed.topic === this.options.names.topicOf(name));
  }

  #partitionsOf(topic: string): number {
    return this.#lanes.reduce((sum, { feed }) => feed.topic === topic ? sum + 1 : sum, 0);
  }
}

function lacking(id: string, missing: readonly { table: string; rows: number }[]): string {
  const each = missing.map(({ table, rows }) => `${rows} of ${table}`);
  return `transaction ${id} has ended at the source, and the topics lack changes of it: ` +
    each.join(", ");
}

function manyPartitions(record: KafkaRecord, name: string): Fault {
  return new Fault("bad-record", {
    what: `a TRUNCATE of ${name} came by a topic of several partitions, where nobody can say ` +
      "which rows came before it",
    received: `${record.topic}[${record.partition}] at offset ${record.offset}`,
    allowed: "TRUNCATE of tables whose topic has one partition",
    todo: "Fill the warehouse again from a new snapshot of the connector's, or make the topic " +
      "with one partition.",
  });
}
