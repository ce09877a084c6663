/**
 * Open transactions that the connector began to send more than once: looked at when nothing else
 * gets further. See `OpenTransaction` for what has to be known of them.
 */
import { tableName } from "../../catalog/catalog.ts";
import type { ChangeHead, DebeziumCodec } from "../../decode/decoder.ts";
import type { Lane } from "./lane.ts";
import type { SentRow } from "./open_transaction.ts";
import type { Transactions } from "./transactions.ts";

/** See the top of this file. */
export class Attempts {
  /** Where the topics ended after an END that closed a later attempt, by topic and partition. */
  #ends: ReadonlyMap<string, readonly number[]> | null = null;
  readonly #head: ChangeHead;

  constructor(
    private readonly transactions: Transactions,
    private readonly codec: DebeziumCodec,
    private readonly isOurs: (table: string) => boolean,
  ) {
    this.#head = codec.head();
  }

  /** It must be known where the topics end now. */
  get wantsEnds(): boolean {
    return this.transactions.mayLackOld && this.#ends === null;
  }

  endsAt(ends: ReadonlyMap<string, readonly number[]>): void {
    this.#ends = ends;
  }

  /** Whether something has become whole by looking at what `lanes` hold and may not give yet. */
  settle(lanes: readonly Lane[]): boolean {
    if (this.transactions.mayLackOld && this.#haveOld(lanes)) return true;
    for (const each of this.transactions.all) {
      if (!each.isLacking(this.isOurs)) continue;
      each.lookAhead(lanes, (lane) => this.#ahead(lane as Lane, each.tx));
    }
    return this.transactions.areWhole(this.isOurs);
  }

  /** Whether no partition can bring rows of an earlier attempt: it was read as far as it went, or
   * something that comes later waits at its head. */
  #haveOld(lanes: readonly Lane[]): boolean {
    const ends = this.#ends;
    if (ends === null) return false;
    const isRead = lanes.every((lane) =>
      this.#isRead(lane, ends.get(lane.feed.topic)?.[lane.feed.partition] ?? 0)
    );
    if (!isRead) return false;
    this.#ends = null;
    this.transactions.haveOld();
    return true;
  }

  /** Whether a lane was read up to `end`, or has something at its head that comes later. */
  #isRead(lane: Lane, end: number): boolean {
    const { feed, head } = lane;
    if (!lane.look()) return feed.next >= end;
    const isLater = lane.fault !== undefined || !head.isInTransaction ||
      this.transactions.get(head.tx) === undefined;
    // Else it is the first half of a change of key, and waits for what comes right behind it.
    return isLater || (feed.peek(1) ?? feed.head!).offset + 1 >= end;
  }

  /** The rows of a transaction that were fetched of a lane and not taken. */
  *#ahead({ feed }: Lane, tx: number): Generator<SentRow> {
    for (let ahead = 0;; ahead++) {
      const record = feed.peek(ahead);
      if (record === undefined) return;
      if (record.value === null || this.codec.scan(record, this.#head) !== undefined) continue;
      const { schema, table, isInTransaction, transactionOrder } = this.#head;
      if (!isInTransaction || this.#head.tx !== tx) continue;
      const name = tableName({ schema, name: table });
      yield { table: name, order: transactionOrder, atMs: record.timestampMs };
    }
  }
}
