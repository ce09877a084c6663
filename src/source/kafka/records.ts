/** What was decoded of a fetch, as our records. */
import type { KafkaRecord } from "../../decode/decoder.ts";

/** A record as record_batch.ts decodes it, or kafkajs, which writes 64-bit numbers as text. */
export interface Message {
  readonly offset: number | string;
  readonly timestamp: number | string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** A name that occurs several times has an array. */
  readonly headers?: Readonly<Record<string, Uint8Array | null | (Uint8Array | null)[]>>;
  readonly isControlRecord?: boolean;
  /** Missing in the message formats before Kafka 0.11. */
  readonly batchContext?: {
    readonly firstOffset: number | string;
    readonly lastOffsetDelta: number;
    readonly producerId: string;
    readonly inTransaction: boolean;
  };
}

/** One partition's part of a fetch's answer, decoded. */
export interface Fetched {
  readonly partition: number;
  readonly highWatermark: string;
  /** Up to where transactions are decided; −1 where the broker doesn't tell. */
  readonly lastStableOffset?: string;
  readonly abortedTransactions?: readonly { producerId: string; firstOffset: string }[];
  readonly messages: readonly Message[];
}

/** Records whose memory is let go of together. */
export interface Chunk {
  readonly records: readonly KafkaRecord[];
  /** Memory that they hold. */
  readonly bytes: number;
  /** The offset after all that the fetch has read, control records and gaps included. */
  readonly end: number;
}

/** What V8's heap needs for a record beside its bytes: the object, and views of key and value.
 * Measured: 339 bytes, and 158 more for a header. */
const RECORD_BYTES = 340;
const HEADER_BYTES = 160;

/** A chunk that uses less than this part of the memory that it would hold is copied out of it. */
const USED_MIN = 1 / 4;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const NO_HEADERS: KafkaRecord["headers"] = Object.freeze({});

/**
 * The records of `fetched` from offset `from` on, without what an aborted transaction wrote and
 * without control records. Undefined when the fetch has not moved past `from`.
 */
export function toChunk(topic: string, fetched: Fetched, from: number): Chunk | undefined {
  const { messages, partition } = fetched;
  if (messages.length === 0) return undefined;
  const isAborted = abortedFilter(fetched);
  const records: Mutable<KafkaRecord>[] = [];
  let bytes = 0;
  let timestamp: Message["timestamp"] = "";
  let timestampMs = 0;
  for (const message of messages) {
    const offset = Number(message.offset);
    const skipped = isAborted !== undefined && isAborted(message, offset);
    if (offset < from || skipped || message.isControlRecord) continue;
    const { key, value } = message;
    const headers = headersOf(message);
    bytes += RECORD_BYTES + lengthOf(key) + lengthOf(value);
    if (headers !== NO_HEADERS) {
      for (const name in headers) bytes += headers[name].length + HEADER_BYTES;
    }
    if (message.timestamp !== timestamp) {
      timestamp = message.timestamp; // the same for many
      timestampMs = Number(timestamp);
    }
    records.push({ topic, partition, offset, timestampMs, key, value, headers });
  }
  const end = endOf(messages[messages.length - 1]);
  if (end <= from) return undefined;
  unpin(records, bytes);
  return { records, bytes, end };
}

function lengthOf(part: Uint8Array | null): number {
  return part === null ? 0 : part.length;
}

/** The offset after a message's batch. It lies past the last message when compaction has removed
 * what came after it. */
function endOf({ offset, batchContext }: Message): number {
  if (batchContext === undefined) return Number(offset) + 1;
  return Number(batchContext.firstOffset) + batchContext.lastOffsetDelta + 1;
}

function headersOf({ headers }: Message): KafkaRecord["headers"] {
  let result: Record<string, Uint8Array> | undefined;
  for (const name in headers) {
    const given = headers[name];
    const value = Array.isArray(given) ? given[given.length - 1] : given;
    if (value !== null) (result ??= {})[name] = value;
  }
  return result ?? NO_HEADERS;
}

/**
 * Tells whether a message belongs to an aborted transaction; must be asked of every message, in
 * order. Undefined when there are none. As Kafka's own consumer does it: a transaction that the
 * broker lists is open from its first offset to its producer's next ABORT marker (a control record,
 * whose key is a version and a type, int16 each; type 0 is ABORT).
 */
function abortedFilter({ abortedTransactions }: Fetched) {
  if (abortedTransactions === undefined || abortedTransactions.length === 0) return undefined;
  const waiting = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, first: Number(firstOffset) }))
    .sort((a, b) => a.first - b.first);
  const open = new Set<string>();
  return ({ key, isControlRecord, batchContext }: Message, offset: number): boolean => {
    while (waiting.length > 0 && waiting[0].first <= offset) open.add(waiting.shift()!.producerId);
    if (batchContext === undefined) return false;
    if (!isControlRecord) return batchContext.inTransaction && open.has(batchContext.producerId);
    if (key !== null && key.length >= 4 && key[2] === 0 && key[3] === 0) {
      open.delete(batchContext.producerId);
    }
    return false;
  };
}

/**
 * Copies bytes that would keep much more memory alive than they are. All partitions of an answer lie
 * in one buffer: a lone record of a quiet table would hold megabytes of a busy one's. `bytes`: of
 * all records.
 */
function unpin(records: readonly Mutable<KafkaRecord>[], bytes: number): void {
  // The records of a compressed batch have a buffer of their own; the first and the last one's tell.
  const ends = [records.at(0), records.at(-1)];
  const largest = Math.max(...ends.map((r) => (r?.value ?? r?.key)?.buffer.byteLength ?? 0));
  if (bytes >= largest * USED_MIN) return;
  let size = 0;
  for (const { key, value, headers } of records) {
    size += lengthOf(key) + lengthOf(value);
    for (const name in headers) size += headers[name].length;
  }
  const room = new Uint8Array(size);
  let at = 0;
  const moved = (part: Uint8Array) => {
    room.set(part, at);
    return room.subarray(at, at += part.length);
  };
  for (const record of records) {
    if (record.key !== null) record.key = moved(record.key);
    if (record.value !== null) record.value = moved(record.value);
    if (record.headers === NO_HEADERS) continue;
    record.headers = Object.fromEntries(
      Object.entries(record.headers).map(([name, part]) => [name, moved(part)]),
    );
  }
}
