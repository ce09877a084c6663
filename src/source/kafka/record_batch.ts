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
 * it took most of the time of reading a topic. This one notes where things lie, and one object says
 * each record when it is its turn.
 */
import type { Buffer } from "node:buffer";
import compression from "kafkajs/compression";
import type { KafkaRecord } from "../../decode/decoder.ts";
import { Slice } from "../../slice.ts";
import { HeldRecord, NO_HEADERS } from "./held_record.ts";

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

/** Numbers that are kept of a record: offset delta, where key and value start and how long they are
 * (−1: null), where the headers start (0: there are none). */
const PLACES = 6;

/** The fewest bytes of a record: each of its numbers has one at least. */
const RECORD_BYTES_MIN = 7;

/** Records that are not what the format says. */
export class BatchError extends Error {
  override readonly name = "BatchError";
  /** For kafkajs, which must not ask for them again and again. */
  readonly retriable = false;
}

/** What is said of a batch as a whole. */
interface BatchHead {
  readonly firstOffset: number;
  /** The offset after it. It lies past the last record when compaction has removed what came after
   * that. */
  readonly end: number;
  readonly producerId: string;
  readonly inTransaction: boolean;
  /** Its records are the broker's own, such as the end of a producer's transaction. */
  readonly isControl: boolean;
}

/** A batch's records where they lie, decompressed. */
export class RecordBatch {
  /** All of its bytes, and with them the memory that they are in. */
  readonly #all: Slice;

  constructor(
    readonly head: BatchHead,
    private readonly bytes: Uint8Array,
    private readonly places: Int32Array,
    /** ms since 1970, of each record. */
    private readonly times: Float64Array,
  ) {
    this.#all = Slice.of(bytes);
  }

  /** Of records. */
  get count(): number {
    return this.times.length;
  }

  /** Bytes that it takes, what is noted of each record included. */
  get size(): number {
    return this.bytes.length + this.places.byteLength + this.times.byteLength;
  }

  /** The memory that is kept for its sake. */
  get memory(): ArrayBufferLike {
    return this.#all.bytes.buffer;
  }

  offsetOf(record: number): number {
    return this.head.firstOffset + this.places[record * PLACES];
  }

  /** Puts the record `into` an object, and returns that. Its bytes are the batch's. */
  record(record: number, into: HeldRecord): HeldRecord {
    const { places } = this;
    const { start } = this.#all;
    const at = record * PLACES;
    into.offset = this.head.firstOffset + places[at];
    into.timestampMs = this.times[record];
    const key = start + places[at + 1];
    const value = start + places[at + 3];
    into.setParts(this.#all, key, places[at + 2], value, places[at + 4]);
    const headersAt = places[at + 5];
    into.headers = headersAt === 0 ? NO_HEADERS : new Reader(this.bytes, headersAt).headers();
    return into;
  }

  /** The same in memory of its own. */
  moved(): RecordBatch {
    // Not by `slice`, which a Buffer has a view by.
    return new RecordBatch(this.head, new Uint8Array(this.bytes), this.places, this.times);
  }
}

/** Whether the batch that begins a partition's `bytes` is of this format. */
export function isBatch(bytes: Uint8Array): boolean {
  return bytes.length > MAGIC_AT && bytes[MAGIC_AT] === MAGIC;
}

/**
 * All whole batches in `bytes`; the last one may be cut off. Throws a {@linkcode BatchError}, or
 * what the codec throws.
 */
export async function readBatches(bytes: Buffer): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = at + LENGTH_AT + 4 + view.getInt32(at + LENGTH_AT);
    if (end > bytes.length) break;
    if (end < at + HEADER_BYTES || bytes[at + MAGIC_AT] !== MAGIC) {
      throw new BatchError(`a batch of magic ${bytes[at + MAGIC_AT]} and ${end - at} bytes`);
    }
    const header = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES);
    const codec = compression.lookupCodecByAttributes(header.getInt16(ATTRIBUTES_AT));
    const records = bytes.subarray(at + HEADER_BYTES, end);
    batches.push(readRecords(header, codec === null ? records : await codec.decompress(records)));
    at = end;
  }
  return batches;
}

function readRecords(header: DataView, bytes: Uint8Array): RecordBatch {
  const attributes = header.getInt16(ATTRIBUTES_AT);
  const firstOffset = Number(header.getBigInt64(0));
  const firstTimestamp = Number(header.getBigInt64(27));
  const maxTimestamp = Number(header.getBigInt64(35));
  const isStamped = (attributes & LOG_APPEND_TIME) !== 0;
  const head: BatchHead = {
    firstOffset,
    end: firstOffset + header.getInt32(23) + 1,
    producerId: String(header.getBigInt64(43)),
    inTransaction: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
  };
  const count = Math.max(0, header.getInt32(57));
  if (count * RECORD_BYTES_MIN > bytes.length) throw new BatchError(`${count} records in a batch`);
  const places = new Int32Array(count * PLACES);
  const times = new Float64Array(count);
  const reader = new Reader(bytes, 0);
  for (let record = 0; record < count; record++) {
    const length = reader.varint();
    const end = reader.at + length;
    if (length < 0 || end > bytes.length) throw new BatchError("a record reaches past its batch");
    reader.at++; // attributes, of which there are none yet
    const timestampDelta = reader.varint();
    times[record] = isStamped ? maxTimestamp : firstTimestamp + timestampDelta;
    const at = record * PLACES;
    places[at] = reader.varint();
    places[at + 2] = reader.part();
    places[at + 1] = reader.at - Math.max(0, places[at + 2]);
    places[at + 4] = reader.part();
    places[at + 3] = reader.at - Math.max(0, places[at + 4]);
    if (bytes[reader.at] === 0) reader.at++;
    else {
      places[at + 5] = reader.at;
      reader.headers();
    }
    if (reader.at !== end) throw new BatchError("a record is not as long as it says");
  }
  return new RecordBatch(head, bytes, places, times);
}

class Reader {
  constructor(private readonly bytes: Uint8Array, public at: number) {}

  /** Up to 64 bits, exact within ±2^53. */
  varint(): number {
    const { bytes } = this;
    const first = bytes[this.at++];
    if (first < 0x80) return first >>> 1 ^ -(first & 1);
    const second = bytes[this.at++];
    if (second < 0x80) {
      const value = first & 0x7f | second << 7;
      return value >>> 1 ^ -(value & 1);
    }
    let value = (first & 0x7f) + (second & 0x7f) * 0x80;
    let byte = second;
    for (let scale = 0x4000; byte >= 0x80 || byte === undefined; scale *= 0x80) {
      byte = bytes[this.at++];
      if (byte === undefined || scale > 2 ** 56) throw new BatchError("a number does not end");
      value += (byte & 0x7f) * scale;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** Passes a key or a value. Returns its length; −1: null. */
  part(): number {
    const length = this.varint();
    if (length < 0) return -1;
    this.at += length;
    if (!(this.at <= this.bytes.length)) throw new BatchError("a value reaches past its batch");
    return length;
  }

  /** The last value of each name, without those that are null. */
  headers(): KafkaRecord["headers"] {
    const count = this.varint();
    const headers: Record<string, Uint8Array | null> = {};
    for (let i = 0; i < count; i++) {
      const length = Math.max(0, this.part());
      const name = new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
      const size = this.part();
      headers[name] = size < 0 ? null : this.bytes.subarray(this.at - size, this.at);
    }
    for (const name in headers) if (headers[name] === null) delete headers[name];
    return headers as KafkaRecord["headers"];
  }
}
