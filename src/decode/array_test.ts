/** Array literals against what they were made from. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { arrayToJson } from "./array.ts";
import { BadValue } from "./value_error.ts";
import { EXPANSION_MAX } from "./values.ts";

const encoder = new TextEncoder();
const TEXT = { kind: "text", exact: true } as const;

function parse(literal: string): unknown {
  const bytes = encoder.encode(`{${literal}}`); // it lies amid other bytes
  return JSON.parse(arrayToJson(TEXT, bytes, 1, bytes.length - 1));
}

/** As `array_out` writes it: quotes where they are needed, or everywhere. */
function literal(elements: (string | null)[], always: boolean): string {
  return `{${
    elements.map((element) => {
      if (element === null) return "NULL";
      const plain = !always && /^[^\s{},"\\]+$/.test(element) && !/^null$/i.test(element);
      return plain ? element : `"${element.replace(/["\\]/g, "\\$&")}"`;
    }).join(",")
  }}`;
}

const elements = fc.array(fc.option(fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom(...'a,{}"\\ \n\tNULnul', "é", "😀", "\u0001") }),
  fc.constantFrom("NULL", "null", "", "{}", '"', "\\"),
)));

Deno.test("array: every literal is read as what it was made from", () => {
  fc.assert(
    fc.property(elements, fc.boolean(), (given, always) => {
      assert.deepEqual(parse(literal(given, always)), given);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("array: the JSON is within the bytes that were reserved for it", () => {
  fc.assert(fc.property(elements, fc.boolean(), (given, always) => {
    const bytes = encoder.encode(literal(given, always));
    const json = encoder.encode(arrayToJson(TEXT, bytes, 0, bytes.length));
    assert.ok(json.length <= bytes.length * EXPANSION_MAX, `${json.length} of ${bytes.length}`);
  }));
});

Deno.test("array: dimensions and bounds of its own are bad values", () => {
  for (const bad of ["{{1,2},{3,4}}", "[0:1]={1,2}", "[2:2]={1}", "{{}}"]) {
    assert.throws(() => parse(bad), BadValue, bad);
  }
});

Deno.test("array: any bytes are read, or a bad value; never another error or a hang", () => {
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.string({ unit: fc.constantFrom(...'{},"\\aN[]=:') }).map((text) => encoder.encode(text)),
  );
  fc.assert(
    fc.property(any, (bytes) => {
      try {
        JSON.parse(arrayToJson(TEXT, bytes, 0, bytes.length));
      } catch (error) {
        assert.ok(error instanceof BadValue, `${error} for ${new TextDecoder().decode(bytes)}`);
      }
    }),
    { numRuns: 5000 },
  );
});
