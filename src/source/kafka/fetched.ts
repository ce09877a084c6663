/** What a fetch has brought, before and after it is put in our form. */
import type { HeldRecord } from "./held_record.ts";
import type { RecordBatch } from "./record_batch.ts";

/** A record as kafkajs decodes it. */
export interface Message {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** A name that occurs several times has an array. */
  readonly headers?: Readonly<Record<string, Uint8Array | null | (Uint8Array | null)[]>>;
  readonly isControlRecord?: boolean;
  /** Missing in the message formats before Kafka 0.11. */
  readonly batchContext?: {
    readonly firstOffset: string;
    readonly lastOffsetDelta: number;
    readonly producerId: string;
    readonly inTransaction: boolean;
  };
}

/** One partition's part of a fetch's answer. */
export interface Fetched {
  readonly partition: number;
  readonly highWatermark: string;
  /** Up to where transactions are decided; −1 where the broker doesn't tell. */
  readonly lastStableOffset?: string;
  readonly abortedTransactions?: readonly { producerId: string; firstOffset: string }[];
  /** What record_batch.ts has decoded; undefined where kafkajs has. */
  readonly batches?: readonly RecordBatch[];
  readonly messages: readonly Message[];
}

/** Records whose memory is let go of together, in the order of their offsets. */
export interface Chunk {
  readonly count: number;
  /** Memory that they hold. */
  readonly bytes: number;
  /** The offset after all that the fetch has read, control records and gaps included. */
  readonly end: number;
  offsetOf(record: number): number;
  /** Puts a record `into` an object, or a new one, and returns that. */
  record(record: number, into?: HeldRecord): HeldRecord;
  /** Gives the records' memory back: nobody may look at any of them after it. */
  letGo(): void;
}

/** A chunk that uses less than this part of the memory that it would hold is copied out of it. */
export const USED_MIN = 1 / 4;
