/**
 * One partition of a table's topic: its next record, read as far as its order needs, and whether
 * that record was applied before.
 */
import { tableName } from "../../catalog/catalog.ts";
import type { ChangeHead, DebeziumCodec, KafkaRecord } from "../../decode/decoder.ts";
import type { Fault } from "../../errors.ts";
import type { Lsn, PartitionPosition } from "../position.ts";
import type { PartitionFeed } from "./feed.ts";
import { KeyHash, type RecentChanges } from "./recent.ts";

/** Whether a change was applied before: `unknown` is for the sink to say. Else the number (`_seq`)
 * under which it was, or of a TRUNCATE that of a later change; 0: it was not. */
export type Original = number | "unknown";

/** See the top of this file. */
export class Lane {
  /** What the head record says; valid after {@linkcode look}. */
  readonly head: ChangeHead;
  /** Why the head record can't be read. */
  fault: Fault | undefined;
  /** Identity of the head record's key. */
  readonly hash = new KeyHash();
  /** Number under which the head record was applied before; 0: it was not. */
  original: Original = 0;
  /** The greatest LSN of any change seen: one that is greater was never seen before. */
  lsnMax: Lsn;
  /** Its topic has no other partition. */
  isAlone = true;
  /** The head record waits for its transaction to be opened: how many had been (see
   * `Transactions.opened`) when that was found. Until one more is, it need not be looked at. */
  waitsSince = -1;
  /** A change with a greater LSN, if it was seen, is in the memory of recent changes. */
  #lsnKnown: Lsn;
  /** `lsnMax` when the younger generation of that memory began. */
  #lsnAtTurn: Lsn;
  /** What {@linkcode look} has read last, and its offset: the object may say another record now. */
  #looked: KafkaRecord | undefined;
  #lookedAt = -1;
  /** What the sink has said, by offset. */
  readonly #recalled = new Map<number, number>();

  constructor(
    public feed: PartitionFeed,
    from: PartitionPosition | undefined,
    private readonly codec: DebeziumCodec,
    private readonly recent: RecentChanges,
    /** Up to this offset it has changes of transactions that were passed without it; 0: it has none. */
    private readonly lateUntil: number,
  ) {
    this.head = codec.head();
    this.lsnMax = this.#lsnKnown = this.#lsnAtTurn = from?.lsn ?? 0;
  }

  /** The head record's table, as `schema.table`. */
  get table(): string {
    const { schema, table } = this.head;
    if (schema !== this.#schema || table !== this.#name) {
      [this.#schema, this.#name] = [schema, table];
      this.#table = tableName({ schema, name: table });
    }
    return this.#table;
  }
  #schema = "";
  #name = "";
  #table = "";

  /** Whether the head record may be of a transaction that was passed without it. */
  get isLate(): boolean {
    return this.feed.next < this.lateUntil;
  }

  /** How far it was taken. */
  get position(): PartitionPosition {
    const position = { next: this.feed.next, lsn: this.lsnMax };
    return this.isLate ? { ...position, lateUntil: this.lateUntil } : position;
  }

  /** Reads the head record, if there is one that was not read. False: there is none. */
  look(): boolean {
    const record = this.feed.head;
    if (record === undefined) {
      if (this.#looked !== undefined) this.head.letGo();
      this.#looked = undefined;
      return false;
    }
    // Not by its offset alone: one that was let go of and fetched again may lie elsewhere.
    if (record === this.#looked && record.offset === this.#lookedAt) {
      if (this.original === "unknown") this.original = this.#originalOf(record);
      return true;
    }
    this.#looked = record;
    this.#lookedAt = record.offset;
    this.fault = this.codec.scan(record, this.head);
    this.original = this.fault === undefined ? this.#originalOf(record) : 0;
    return true;
  }

  /** Whether `head` and `hash` of this record say that it was applied before. */
  #originalOf(record: KafkaRecord): Original {
    const { op, lsn } = this.head;
    if (op === null || op === "m" || lsn === 0) return 0;
    this.hash.of(this.#saltOf(this.table), record.key);
    if (lsn > this.lsnMax) return 0;
    const found = this.recent.find(lsn, op, this.hash);
    if (found !== 0) return found;
    // Rows of a snapshot share its LSN. One that comes twice later than the memory reaches is
    // a read like the first, and does no harm but a line in the change log.
    if (lsn > this.#lsnKnown || op === "r") return 0;
    return this.#recalled.get(record.offset) ?? "unknown";
  }

  #saltOf(table: string): number {
    if (table !== this.#saltedFor) [this.#saltedFor, this.#salt] = [table, tableSalt(table)];
    return this.#salt;
  }
  #saltedFor = "";
  #salt = 0;

  /** Remembers that the head record was applied as number `seq`. */
  remember(seq: number): void {
    const { op, lsn } = this.head;
    if (op === null || op === "m" || lsn === 0) return;
    this.lsnMax = Math.max(this.lsnMax, lsn);
    this.recent.add(lsn, op, this.hash, seq);
  }

  /** Moves past the head record. */
  take(): void {
    if (this.#recalled.size > 0) this.#recalled.delete(this.feed.next);
    this.feed.take();
  }

  /** Whether the sink has the row of the head record's old key; undefined: it was not asked. */
  get oldRow(): boolean | undefined {
    return this.#oldRowFor === this.#lookedAt ? this.#oldRow : undefined;
  }
  set oldRow(isThere: boolean) {
    this.#oldRowFor = this.#lookedAt;
    this.#oldRow = isThere;
  }
  #oldRow = false;
  #oldRowFor = -2; // no record's

  /** What the sink says of the record at `offset`. */
  recalled(offset: number, original: number): void {
    this.#recalled.set(offset, original);
  }

  /** The older half of the memory of recent changes was forgotten. */
  forget(): void {
    this.#lsnKnown = Math.max(this.#lsnKnown, this.#lsnAtTurn);
    this.#lsnAtTurn = this.lsnMax;
    // The sink was asked before what is now forgotten was applied: a record that comes twice in one
    // run was news both times.
    this.#recalled.clear();
  }
}

const salts = new Map<string, number>();

/** A number of each table's. */
function tableSalt(table: string): number {
  let salt = salts.get(table);
  if (salt === undefined) salts.set(table, salt = (salts.size + 1) * 7919);
  return salt;
}
