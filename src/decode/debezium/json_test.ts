/** The reader against `JSON.parse` behind a fatal UTF-8 decoder, on any bytes. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { DEPTH_MAX, ESCAPED, JsonReader, Malformed, STRING } from "./json.ts";
import { stringOf } from "./json_string.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether `bytes` are one JSON value, and if so, the value when it is a string. */
function read(bytes: Uint8Array): { ok: boolean; text?: string } {
  const padded = new Uint8Array(bytes.length + 2).fill(0x31); // it lies amid other bytes
  padded.set(bytes, 1);
  const reader = new JsonReader();
  reader.open(padded, 1, padded.length - 1);
  try {
    const kind = reader.value();
    const { start, stop } = reader;
    reader.expectEnd();
    if (kind !== STRING && kind !== ESCAPED) return { ok: true };
    return { ok: true, text: stringOf(padded, start, stop, kind) };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false };
    throw error;
  }
}

function reference(bytes: Uint8Array): { ok: boolean; text?: string } {
  try {
    const value = JSON.parse(decoder.decode(bytes));
    return typeof value === "string" ? { ok: true, text: value } : { ok: true };
  } catch {
    return { ok: false };
  }
}

const agree = (bytes: Uint8Array) =>
  assert.deepEqual(read(bytes), reference(bytes), JSON.stringify(new TextDecoder().decode(bytes)));

Deno.test("json: what JSON.parse takes is taken, and nothing else: small texts of JSON's bytes", () => {
  const unit = fc.constantFrom(
    ...'{}[]:,"\\/bfnrtu0123456789aAeE+-. \n\ttruefalsenull',
    "é",
    "\u0001",
  );
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 12 }), (text) => agree(encoder.encode(text))),
    { numRuns: 20_000 },
  );
});

Deno.test("json: damage to whole documents is found wherever JSON.parse finds it", () => {
  const document = fc.json().map((text) => encoder.encode(text));
  const damage = fc.record({
    at: fc.nat(),
    how: fc.constantFrom("flip", "cut", "insert", "none"),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...encoder.encode('{}[]:,"\\e.-0'))),
  });
  fc.assert(
    fc.property(document, damage, (bytes, { at, how, byte }) => {
      const i = at % bytes.length;
      if (how === "flip") bytes = bytes.with(i, byte);
      if (how === "cut") bytes = bytes.subarray(0, i);
      if (how === "insert") {
        bytes = Uint8Array.of(...bytes.subarray(0, i), byte, ...bytes.subarray(i));
      }
      agree(bytes);
    }),
    { numRuns: 20_000 },
  );
});

Deno.test("json: UTF-8 is as strict as the decoder, byte by byte", () => {
  const edges = [
    0x22,
    0x7f,
    0x80,
    0x8f,
    0x90,
    0x9f,
    0xa0,
    0xbf,
    0xc0,
    0xc1,
    0xc2,
    0xdf,
    0xe0,
    0xed,
  ];
  const byte = fc.constantFrom(...edges, 0xef, 0xf0, 0xf4, 0xf5, 0xff);
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 6 }), (inside) => {
      agree(Uint8Array.of(0x22, ...inside, 0x22));
    }),
    { numRuns: 50_000 },
  );
});

Deno.test("json: the numbers, words and strings that are easily taken for good", () => {
  const texts = [
    "01",
    "-01",
    "-",
    "1.",
    ".5",
    "1e",
    "1e+",
    "-0",
    "0e0",
    "1E-5",
    "+1",
    "NaN",
    "nul",
  ];
  texts.push(
    "tru",
    "truex",
    '"',
    '"\\',
    '"\\"',
    '"\\u12g4"',
    '"\\u123',
    '"\\ud800"',
    "\ufeff1",
    "1 2",
  );
  texts.push(
    "[1,]",
    "[,1]",
    "{,}",
    '{"a"}',
    '{"a":1,}',
    '{"a":}',
    "[1}",
    "{]",
    "[[[]]]",
    '{"a":{}}',
  );
  texts.push("", " ", "[", "{", '{"a"', '{"a":', '{"a":1', "[]]", "\u00a01", "1\u000b");
  for (const text of texts) agree(encoder.encode(text));
});

Deno.test("json: depth has a limit, and no limit overflows the stack", () => {
  const nested = (depth: number) => encoder.encode("[".repeat(depth) + "]".repeat(depth));
  assert.deepEqual(read(nested(DEPTH_MAX)), { ok: true });
  assert.deepEqual(read(nested(DEPTH_MAX + 1)), { ok: false });
  assert.deepEqual(read(encoder.encode("[".repeat(1_000_000))), { ok: false });
  assert.deepEqual(read(encoder.encode('{"a":'.repeat(1_000_000))), { ok: false });
});

Deno.test("json: a text of digits stays the text that it is", () => {
  const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength: 20 });
  fc.assert(
    fc.property(digits, (text) => agree(encoder.encode(`"${text}"`))),
    { numRuns: 5000 },
  );
});
