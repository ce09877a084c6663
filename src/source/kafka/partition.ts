/** One partition's records between the fetch and whoever takes them. */
import assert from "node:assert/strict";
import type { KafkaRecord } from "../../decode/decoder.ts";
import type { PartitionFeed } from "./feed.ts";
import type { Chunk, Fetched } from "./fetched.ts";
import { HeldRecord } from "./held_record.ts";
import { toChunk } from "./records.ts";

/** See feed.ts. Memory is counted, and let go of, by the chunk that one fetch has brought. */
export class Partition implements PartitionFeed {
  readonly #chunks: Chunk[] = [];
  /** In the first chunk, the head. Every chunk in the list has a record that is not taken. */
  #at = 0;
  /** Objects that say the head and the one after it, if they do. */
  #head: HeldRecord;
  #second: HeldRecord;
  #saysHead = false;
  #saysSecond = false;
  #fetchNext: number;
  #bufferedBytes = 0;
  #end = -1;
  isOurs = false;
  /** Somebody has asked for a record that has not been fetched. */
  isWanted = false;
  /** It was let go of, and nothing of it was fetched since. */
  wasLetGo = false;
  /** Bytes of fetches that were taken to their end: those of long ago count less (room.ts). */
  takenBytes = 0;

  /** `onBuffered` is told by how many bytes what is buffered has grown or shrunk, and 0 when more is
   * wanted. */
  constructor(
    readonly topic: string,
    readonly partition: number,
    start: number,
    private readonly onBuffered: (bytes: number) => void,
  ) {
    this.#fetchNext = start;
    this.#head = new HeldRecord(topic, partition);
    this.#second = new HeldRecord(topic, partition);
  }

  get head(): KafkaRecord | undefined {
    if (this.#saysHead) return this.#head;
    if (this.#chunks.length === 0) return this.#want();
    this.#saysHead = true;
    return this.#chunks[0].record(this.#at, this.#head);
  }

  peek(ahead: number): KafkaRecord | undefined {
    if (ahead === 0) return this.head;
    if (ahead === 1 && this.#saysSecond) return this.#second;
    let at = this.#at + ahead;
    for (const chunk of this.#chunks) {
      if (at < chunk.count) {
        if (ahead > 1) return chunk.record(at);
        this.#saysSecond = true;
        return chunk.record(at, this.#second);
      }
      at -= chunk.count;
    }
    return this.#want();
  }

  take(): void {
    const chunk = this.#chunks[0];
    if (chunk === undefined) assert.fail("nothing to take"); // not by `assert`: for every record
    const taken = this.#head;
    this.#head = this.#second;
    this.#second = taken;
    this.#saysHead = this.#saysSecond;
    this.#saysSecond = false;
    if (++this.#at < chunk.count) return;
    this.#chunks.shift();
    this.#at = 0;
    taken.clear();
    if (!this.#saysHead) this.#head.clear();
    chunk.letGo();
    this.takenBytes += chunk.bytes;
    this.#buffered(-chunk.bytes);
  }

  get next(): number {
    return this.#chunks[0]?.offsetOf(this.#at) ?? this.#fetchNext;
  }

  /** Where the next fetch begins: past all that was fetched. */
  get fetchNext(): number {
    return this.#fetchNext;
  }

  get end(): number {
    return this.#end;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  letGo(): void {
    if (this.#chunks.length === 0) return;
    this.#fetchNext = this.next;
    for (const chunk of this.#chunks) chunk.letGo();
    this.#chunks.length = 0;
    this.#at = 0;
    // Others, by which a look at a record that was let go of and comes again is known to be the first.
    this.#head = new HeldRecord(this.topic, this.partition);
    this.#second = new HeldRecord(this.topic, this.partition);
    this.#saysHead = this.#saysSecond = false;
    this.wasLetGo = true;
    this.#buffered(-this.#bufferedBytes);
  }

  /** The broker has told where the partition ends. Returns whether that is news. */
  learnEnd(end: number): boolean {
    if (end === this.#end) return false;
    this.#end = end;
    return true;
  }

  /**
   * Takes in what was fetched from offset `from` on. If that is not where we are (it was let go of
   * meanwhile, or the partition is another member's), nothing is. Returns the bytes taken in, or
   * −1 if nothing has changed.
   */
  accept(fetched: Fetched, from: number): number {
    if (!this.isOurs || from !== this.#fetchNext) return -1;
    const stable = Number(fetched.lastStableOffset ?? -1);
    const isNews = this.learnEnd(stable >= 0 ? stable : Number(fetched.highWatermark));
    const chunk = toChunk(this.topic, fetched, from);
    if (chunk === undefined) return isNews ? 0 : -1;
    this.#fetchNext = chunk.end;
    if (chunk.count === 0) return 0; // others of the answer may have records in its memory
    this.#chunks.push(chunk);
    this.#buffered(chunk.bytes);
    this.isWanted = false;
    this.wasLetGo = false;
    return chunk.bytes;
  }

  #want(): undefined {
    if (this.isWanted) return;
    this.isWanted = true;
    this.onBuffered(0);
  }

  #buffered(bytes: number): void {
    this.#bufferedBytes += bytes;
    this.onBuffered(bytes);
  }
}
