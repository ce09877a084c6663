/**
 * A fetch as kafkajs decodes it, which it does for brokers before 2.3 and for the message formats
 * before Kafka 0.11, as our records. 64-bit numbers are text.
 */
import type { KafkaRecord } from "../../decode/decoder.ts";
import { Slice } from "../../slice.ts";
import { Aborted } from "./aborted.ts";
import { type Chunk, type Fetched, type Message, USED_MIN } from "./fetched.ts";
import { HeldRecord, NO_HEADERS } from "./held_record.ts";

/** What V8's heap needs for a record beside its bytes: the object, and views of key and value.
 * Measured: 339 bytes, and 158 more for a header. */
const RECORD_BYTES = 340;
const HEADER_BYTES = 160;

/** A record whose key and value lie where kafkajs has put them. */
type MessageRecord = Omit<KafkaRecord, "key" | "value" | "headers"> & {
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: KafkaRecord["headers"];
};

/** As `toChunk` of records.ts. */
export function messageChunk(topic: string, fetched: Fetched, from: number): Chunk | undefined {
  const { messages, partition } = fetched;
  if (messages.length === 0) return undefined;
  const aborted = new Aborted(fetched.abortedTransactions ?? []);
  const records: MessageRecord[] = [];
  let bytes = 0;
  let timestamp = "";
  let timestampMs = 0;
  for (const message of messages) {
    const offset = Number(message.offset);
    const isSkipped = isAborted(message, offset, aborted);
    if (offset < from || isSkipped || message.isControlRecord) continue;
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
  const slices = new Slices();
  return {
    count: records.length,
    bytes,
    end,
    offsetOf: (record) => records[record].offset,
    record: (at, into = new HeldRecord(topic, partition)) => {
      const { offset, timestampMs, key, value, headers } = records[at];
      const parts = { key: slices.of(key), value: slices.of(value) };
      return Object.assign(into, { offset, timestampMs, headers }, parts);
    },
    letGo: () => {}, // kafkajs may have put them anywhere
  };
}

function isAborted(message: Message, offset: number, aborted: Aborted): boolean {
  const { key, isControlRecord, batchContext } = message;
  if (batchContext === undefined) return false;
  const { producerId, inTransaction } = batchContext;
  if (!isControlRecord) return inTransaction && aborted.has(offset, producerId);
  aborted.control(offset, producerId, key);
  return false;
}

/** Slices of what mostly lies in the same memory. */
class Slices {
  #last: Slice | undefined;

  of(part: Uint8Array | null): Slice | null {
    if (part === null) return null;
    const last = this.#last;
    if (last?.bytes.buffer !== part.buffer) return this.#last = Slice.of(part);
    const { byteOffset: start } = part;
    return new Slice(last.bytes, last.view, start, start + part.length);
  }
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
 * Copies bytes that would keep much more memory alive than they are. All partitions of an answer lie
 * in one buffer: a lone record of a quiet table would hold megabytes of a busy one's. `bytes`: of
 * all records.
 */
function unpin(records: readonly MessageRecord[], bytes: number): void {
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
