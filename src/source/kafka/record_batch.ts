/**
 * Record batches of the message format 2, which brokers have sent since Kafka 0.11:
 *
 *     batch  := first_offset int64, length int32, leader_epoch int32, magic int8 = 2, crc uint32,
 *               attributes int16, last_offset_delta int32, first_timestamp int64,
 *               max_timestamp int64, producer_id int64, producer_epoch int16, first_sequence int32,
 *               count int32, records (compressed as attributes & 7 says)
 *     record := length varint, attributes int8, timestamp_delta varlong, offset_delta varint,
 *               key, value: length varint (−1: null), bytes
 *               header count varint, headers: key as above, value as above
 *
 * Source: "Record Batch" in Kafka's documentation, Implementation, Message Format. Numbers are big
 * endian, varints zigzag. As kafkajs does, the CRC is not looked at: TCP has its own.
 *
 * kafkajs's own decoder makes some ten objects of a record, and 64-bit numbers of a class of its own;
 * it took most of the time of reading a topic. This one makes what is kept.
 */
import type { Buffer } from "node:buffer";
import compression from "kafkajs/compression";
import type { Message } from "./records.ts";

const MAGIC = 2;
/** Of a batch before its records, and where in it things lie. */
const HEADER_BYTES = 61;
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const ATTRIBUTES_AT = 21;

/** Bits of a batch's attributes. */
const LOG_APPEND_TIME = 0x8;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** Records that are not what the format says. */
export class BatchError extends Error {
  override readonly name = "BatchError";
  /** For kafkajs, which must not ask for them again and again. */
  readonly retriable = false;
}

/** Whether the batch that begins a partition's `bytes` is of this format. */
export function isBatch(bytes: Uint8Array): boolean {
  return bytes.length > MAGIC_AT && bytes[MAGIC_AT] === MAGIC;
}

/**
 * The records of all whole batches in `bytes`; the last one may be cut off. Throws a
 * {@linkcode BatchError}, or what the codec throws.
 */
export async function readBatches(bytes: Buffer): Promise<Message[]> {
  const messages: Message[] = [];
  const view = viewOf(bytes);
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = at + LENGTH_AT + 4 + view.getInt32(at + LENGTH_AT);
    if (end > bytes.length) break;
    if (end < at + HEADER_BYTES || bytes[at + MAGIC_AT] !== MAGIC) {
      throw new BatchError(`a batch of magic ${bytes[at + MAGIC_AT]} and ${end - at} bytes`);
    }
    const header = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES);
    const codec = compression.lookupCodecByAttributes(header.getInt16(ATTRIBUTES_AT));
    const records = bytes.subarray(at + HEADER_BYTES, end);
    readRecords(header, codec === null ? records : await codec.decompress(records), messages);
    at = end;
  }
  return messages;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readRecords(header: DataView, bytes: Uint8Array, into: Message[]): void {
  const attributes = header.getInt16(ATTRIBUTES_AT);
  const firstOffset = Number(header.getBigInt64(0));
  const firstTimestamp = Number(header.getBigInt64(27));
  const maxTimestamp = Number(header.getBigInt64(35));
  const isControlRecord = (attributes & CONTROL) !== 0;
  const isStamped = (attributes & LOG_APPEND_TIME) !== 0;
  const batchContext = {
    firstOffset,
    lastOffsetDelta: header.getInt32(23),
    producerId: String(header.getBigInt64(43)),
    inTransaction: (attributes & TRANSACTIONAL) !== 0,
  };
  const reader = new Reader(bytes);
  for (let count = header.getInt32(57); count > 0; count--) {
    const length = reader.varint();
    const end = reader.at + length;
    if (length < 0 || end > bytes.length) throw new BatchError("a record reaches past its batch");
    reader.at++; // attributes, of which there are none yet
    const timestampDelta = reader.varint();
    const offset = firstOffset + reader.varint();
    const key = reader.part();
    const value = reader.part();
    into.push({
      offset,
      timestamp: isStamped ? maxTimestamp : firstTimestamp + timestampDelta,
      key,
      value,
      headers: reader.headers(),
      isControlRecord,
      batchContext,
    });
    if (reader.at !== end) throw new BatchError("a record is not as long as it says");
  }
}

class Reader {
  at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** Up to 64 bits, exact within ±2^53. */
  varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++];
    let value = byte & 0x7f;
    if (byte < 0x80) return value >>> 1 ^ -(value & 1);
    for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = bytes[this.at++];
      if (byte === undefined || scale > 2 ** 56) throw new BatchError("a number does not end");
      value += (byte & 0x7f) * scale;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A key or a value. */
  part(): Uint8Array | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    if (!(this.at <= this.bytes.length)) throw new BatchError("a value reaches past its batch");
    const { buffer, byteOffset } = this.bytes;
    return new Uint8Array(buffer, byteOffset + start, length);
  }

  headers(): Message["headers"] {
    const count = this.varint();
    if (count === 0) return undefined;
    const headers: Record<string, Uint8Array | null> = {};
    for (let i = 0; i < count; i++) {
      const name = new TextDecoder().decode(this.part() ?? undefined);
      headers[name] = this.part(); // the last of several
    }
    return headers;
  }
}
