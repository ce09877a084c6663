/** What was decoded of a fetch, as our records. */
import { hold, letGo } from "./answer_memory.ts";
import { Aborted } from "./aborted.ts";
import { type Chunk, type Fetched, USED_MIN } from "./fetched.ts";
import { HeldRecord } from "./held_record.ts";
import { messageChunk } from "./messages.ts";
import type { RecordBatch } from "./record_batch.ts";

/**
 * The records of `fetched` from offset `from` on, without what an aborted transaction wrote and
 * without control records. Undefined when the fetch has not moved past `from`.
 */
export function toChunk(topic: string, fetched: Fetched, from: number): Chunk | undefined {
  const { batches, partition } = fetched;
  if (batches === undefined) return messageChunk(topic, fetched, from);
  const end = batches.at(-1)?.head.end ?? from;
  if (end <= from) return undefined;
  const kept = unpinned(committed(batches, fetched.abortedTransactions));
  return new BatchChunk(topic, partition, kept, end, from);
}

/** Of record batches. */
class BatchChunk implements Chunk {
  readonly count: number;
  readonly bytes: number;
  /** How many records those before `from` and all batches up to each hold. */
  readonly #stops: number[];
  /** Where the batch used last begins and stops. */
  #batch = 0;
  #start = 0;

  constructor(
    private readonly topic: string,
    private readonly partition: number,
    private readonly batches: readonly RecordBatch[],
    readonly end: number,
    from: number,
  ) {
    for (const batch of batches) hold(batch.memory);
    let [all, bytes] = [0, 0];
    this.#stops = batches.map((batch) => {
      bytes += batch.size;
      return all += batch.count;
    });
    this.bytes = bytes;
    let skipped = 0;
    while (skipped < all && this.#offsetAt(skipped) < from) skipped++;
    this.#skipped = skipped;
    this.count = all - skipped;
  }
  readonly #skipped: number;

  offsetOf(record: number): number {
    return this.#offsetAt(record + this.#skipped);
  }

  record(record: number, into = new HeldRecord(this.topic, this.partition)): HeldRecord {
    const at = record + this.#skipped;
    this.#find(at);
    return this.batches[this.#batch].record(at - this.#start, into);
  }

  letGo(): void {
    for (const batch of this.batches) letGo(batch.memory);
  }

  #offsetAt(at: number): number {
    this.#find(at);
    return this.batches[this.#batch].offsetOf(at - this.#start);
  }

  /** Finds the batch of a record: mostly that of the one before. */
  #find(at: number): void {
    if (at < this.#start) this.#batch = this.#start = 0;
    while (at >= this.#stops[this.#batch]) this.#start = this.#stops[this.#batch++];
  }
}

/** `batches` without control records and what aborted transactions wrote. */
function committed(batches: readonly RecordBatch[], listed: Fetched["abortedTransactions"]) {
  const aborted = new Aborted(listed ?? []);
  const record = new HeldRecord("", 0);
  return batches.filter((batch) => {
    const { producerId, inTransaction, isControl } = batch.head;
    if (!isControl) return !inTransaction || !aborted.has(batch.head.firstOffset, producerId);
    for (let i = 0; i < batch.count; i++) {
      const { offset, key } = batch.record(i, record);
      aborted.control(offset, producerId, key?.copy() ?? null);
    }
    return false;
  });
}

/**
 * Copies batches that would keep much more memory alive than they are. All partitions of an answer
 * lie in one buffer: a lone record of a quiet table would hold megabytes of a busy one's.
 */
function unpinned(batches: readonly RecordBatch[]): readonly RecordBatch[] {
  const used = batches.reduce((sum, batch) => sum + batch.size, 0);
  // Those that are decompressed have a buffer of their own.
  const held = Math.max(0, ...batches.map((batch) => batch.memory.byteLength));
  return used >= held * USED_MIN ? batches : batches.map((batch) => batch.moved());
}
