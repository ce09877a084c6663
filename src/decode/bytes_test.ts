import assert from "node:assert/strict";
import fc from "fast-check";
import { Batch } from "../batch/batch.ts";
import { putUuidBinary, putUuidText } from "./bytes.ts";
import { BadValue } from "./value_error.ts";

const AT = 64;
const encoder = new TextEncoder();

function stored({ bytes }: Batch): bigint {
  let value = 0n;
  for (let i = 15; i >= 0; i--) value = value << 8n | BigInt(bytes[AT + i]);
  return value;
}

Deno.test("bytes: a UUID is the number of its digits with the top bit flipped, in both forms", () => {
  fc.assert(fc.property(fc.uuid({ version: [1, 4, 7] }), fc.boolean(), (uuid, upper) => {
    const number = BigInt(`0x${uuid.replaceAll("-", "")}`);
    const expected = number ^ (1n << 127n);
    const [text, binary] = [1, 2].map(() => new Batch(new ArrayBuffer(4096)));
    const source = encoder.encode(`f${upper ? uuid.toUpperCase() : uuid}f`);
    putUuidText(text, AT, source, 1, source.length - 1);
    assert.equal(stored(text), expected);
    const raw = Uint8Array.from(
      { length: 16 },
      (_, i) => Number(number >> BigInt(120 - i * 8) & 255n),
    );
    putUuidBinary(binary, AT, raw, 0);
    assert.equal(stored(binary), expected);
  }));
});

Deno.test("bytes: what is no UUID is a bad value, also when more digits follow behind it", () => {
  const good = "01234567-89ab-cdef-0123-456789abcdef";
  for (const bad of ["", "0", good.slice(1), good.replace("a", "g"), "-".repeat(36)]) {
    const source = encoder.encode(bad + "f".repeat(50));
    assert.throws(
      () => putUuidText(new Batch(new ArrayBuffer(4096)), AT, source, 0, bad.length),
      BadValue,
      bad,
    );
  }
});
