import assert from "node:assert/strict";
import { CompressionCodecs, CompressionTypes } from "kafkajs";
import { compress as lz4Compress } from "lz4js";
import { compress as snappyCompress } from "snappyjs";
import { zstdCompressSync } from "node:zlib";
import { addCodecs, CodecError, unlz4, unsnappy } from "./codecs.ts";

const TEXT = Buffer.from("a row, and a row, and another row; ".repeat(5000));

/** As snappy-java writes it, with blocks of `size` bytes. */
function framed(bytes: Buffer, size: number): Buffer {
  const int = (value: number) => {
    const four = Buffer.alloc(4);
    four.writeInt32BE(value);
    return four;
  };
  const parts = [Buffer.from([0x82, ...Buffer.from("SNAPPY"), 0]), int(1), int(1)];
  for (let at = 0; at < bytes.length; at += size) {
    const block = snappyCompress(bytes.subarray(at, at + size));
    parts.push(int(block.length), block);
  }
  return Buffer.concat(parts);
}

Deno.test("codecs: snappy raw, and framed in one block and several", () => {
  assert.deepEqual(unsnappy(snappyCompress(TEXT)), TEXT);
  assert.deepEqual(unsnappy(framed(TEXT, TEXT.length)), TEXT);
  assert.deepEqual(unsnappy(framed(TEXT, 32 * 1024)), TEXT);
  assert.deepEqual(unsnappy(framed(Buffer.alloc(0), 1)), Buffer.alloc(0));
});

Deno.test("codecs: an LZ4 frame", () => {
  assert.deepEqual(unlz4(Buffer.from(lz4Compress(TEXT))), TEXT);
});

Deno.test("codecs: damaged bytes are an error that kafkajs does not try again", async () => {
  addCodecs();
  const { Snappy, LZ4, ZSTD } = CompressionTypes;
  const damaged: [typeof Snappy | typeof LZ4 | typeof ZSTD, Buffer][] = [
    [Snappy, framed(TEXT, 32 * 1024).subarray(0, 500)],
    [Snappy, Buffer.from([0xff, 0xff, 0xff])],
    [LZ4, Buffer.from("no frame at all")],
    [ZSTD, zstdCompressSync(TEXT).subarray(0, 20)],
    [ZSTD, Buffer.from("no frame at all")],
  ];
  for (const [type, bytes] of damaged) {
    const { decompress } = CompressionCodecs[type]();
    await assert.rejects(decompress(bytes), (error: CodecError) => {
      assert.equal(error.name, "CodecError");
      assert.equal(error.retriable, false);
      return true;
    });
  }
});
