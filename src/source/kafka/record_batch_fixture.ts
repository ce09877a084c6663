/** Record batches as a broker sends them: see record_batch.ts. */
import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";

/** A record to be written, with what its batch adds. */
export interface GivenRecord {
  readonly timestampDelta?: number;
  readonly offsetDelta: number;
  readonly key: string | Uint8Array | null;
  readonly value: string | Uint8Array | null;
  readonly headers?: readonly (readonly [string, string | null])[];
}

/** What else a batch says. */
export interface GivenBatch {
  /** Bits of its attributes; 1: compressed with gzip. */
  readonly bits?: number;
  readonly producerId?: number;
  /** ms since 1970. */
  readonly firstTimestamp?: number;
  readonly maxTimestamp?: number;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push(rest % 0x80 | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function part(given: string | Uint8Array | null): Uint8Array[] {
  if (given === null) return [varint(-1)];
  const bytes = typeof given === "string" ? Buffer.from(given) : given;
  return [varint(bytes.length), bytes];
}

/** A batch of these records. */
export function batchBytes(
  firstOffset: number,
  given: readonly GivenRecord[],
  { bits = 0, producerId = -1, firstTimestamp = 0, maxTimestamp = firstTimestamp }: GivenBatch = {},
): Buffer {
  const parts: Uint8Array[] = [];
  for (const { timestampDelta = 0, offsetDelta, key, value, headers = [] } of given) {
    const body = [
      Uint8Array.of(0),
      varint(timestampDelta),
      varint(offsetDelta),
      ...part(key),
      ...part(value),
      varint(headers.length),
      ...headers.flatMap(([name, value]) => [...part(name), ...part(value)]),
    ];
    parts.push(varint(body.reduce((sum, { length }) => sum + length, 0)), ...body);
  }
  let records: Uint8Array = Buffer.concat(parts);
  if ((bits & 7) === 1) records = gzipSync(records);
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(BigInt(firstOffset), 0);
  header.writeInt32BE(header.length - 12 + records.length, 8);
  header.writeInt8(2, 16);
  header.writeInt16BE(bits, 21);
  header.writeInt32BE(given.at(-1)?.offsetDelta ?? 0, 23);
  header.writeBigInt64BE(BigInt(firstTimestamp), 27);
  header.writeBigInt64BE(BigInt(maxTimestamp), 35);
  header.writeBigInt64BE(BigInt(producerId), 43);
  header.writeInt32BE(given.length, 57);
  return Buffer.concat([header, records]);
}
