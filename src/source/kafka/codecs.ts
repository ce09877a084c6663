/**
 * Decompression of record batches. kafkajs brings gzip; the others are added to its registry, which
 * is one for the whole process. Sluice only reads, so nothing is compressed.
 *
 * Formats: KIP-110 (zstd: plain frames), KIP-57 (lz4: the frame format, version 1.5.1), and for
 * snappy Kafka's `SnappyFactory`: the Java client's framing, or a raw block as librdkafka may send.
 */
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { CompressionCodecs, CompressionTypes } from "kafkajs";
import { decompress as lz4Decompress } from "lz4js";
import { uncompress as snappyDecompress } from "snappyjs";

const unzstd = promisify(zstdDecompress);

/** snappy-java's stream: this, two versions of int32, then blocks with their length as int32. */
const SNAPPY_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const SNAPPY_HEADER_BYTES = SNAPPY_MAGIC.length + 8;

/** Makes kafkajs read all that Kafka's producers write. More calls change nothing. */
export function addCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = codec((bytes) => unsnappy(bytes));
  CompressionCodecs[CompressionTypes.LZ4] = codec((bytes) => unlz4(bytes));
  CompressionCodecs[CompressionTypes.ZSTD] = codec((bytes) => decodeZstd(bytes));
}

/** Snappy, framed or raw. Throws on damaged bytes. */
export function unsnappy(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, SNAPPY_MAGIC.length).equals(SNAPPY_MAGIC)) return snappyDecompress(bytes);
  const blocks: Buffer[] = [];
  for (let at = SNAPPY_HEADER_BYTES; at < bytes.length;) {
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < 0 || at + length > bytes.length) throw new Error("a snappy block is cut off");
    blocks.push(snappyDecompress(bytes.subarray(at, at + length)));
    at += length;
  }
  return blocks.length === 1 ? blocks[0] : Buffer.concat(blocks);
}

/** An LZ4 frame. Throws on damaged bytes where the format shows it. */
export function unlz4(bytes: Buffer): Buffer {
  const { buffer, byteOffset, byteLength } = lz4Decompress(bytes);
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Zstandard frames. Deno's decoder takes the end of its input for the end of a frame. */
async function decodeZstd(bytes: Buffer): Promise<Buffer> {
  const result = await unzstd(bytes);
  if (result.length === 0) throw new Error("a zstd frame is cut off");
  return result;
}

function codec(decompress: (bytes: Buffer) => Buffer | Promise<Buffer>) {
  return () => ({
    compress(): Promise<Buffer> {
      return Promise.reject(new Error("Sluice writes no compressed records"));
    },
    async decompress(bytes: Buffer): Promise<Buffer> {
      try {
        return await decompress(bytes);
      } catch (error) {
        throw new CodecError(error);
      }
    },
  });
}

/** A batch that can't be decompressed. kafkajs must not ask for it again and again. */
export class CodecError extends Error {
  override readonly name = "CodecError";
  /** For kafkajs. */
  readonly retriable = false;

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
