/** Numbers against BigInt, for every width, scale and form. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Batch } from "../batch/batch.ts";
import { putDecimalBinary, putDecimalText, putFloatText } from "./number.ts";
import { BadValue } from "./value_error.ts";

const AT = 64;
const encoder = new TextEncoder();

function batch(): Batch {
  const batch = new Batch(new ArrayBuffer(4096));
  batch.bytes.fill(0xaa); // what a slab held before must not shine through
  return batch;
}

/** The little-endian number of `width` bytes at `AT`. */
function stored({ bytes }: Batch, width: number): bigint {
  let value = 0n;
  for (let i = width - 1; i >= 0; i--) value = value << 8n | BigInt(bytes[AT + i]);
  assert.deepEqual([bytes[AT - 1], bytes[AT + width]], [0xaa, 0xaa], "it wrote beside its place");
  return BigInt.asIntN(width * 8, value);
}

/** The text of `value` / 10^scale with all its decimals. */
function decimalText(value: bigint, scale: number): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  return `${value < 0n ? "-" : ""}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ""}`;
}

/** `numeric_send` of `value` / 10^scale, written anew from its description. */
function decimalBinary(value: bigint, scale: number): DataView {
  const magnitude = value < 0n ? -value : value;
  const groupsAfter = Math.ceil(scale / 4);
  let rest = magnitude * 10n ** BigInt(groupsAfter * 4 - scale);
  const groups: number[] = [];
  for (; rest > 0n; rest /= 10_000n) groups.unshift(Number(rest % 10_000n));
  let weight = groups.length - groupsAfter - 1;
  while (groups[0] === 0) {
    groups.shift();
    weight--;
  }
  while (groups.at(-1) === 0) groups.pop();
  if (groups.length === 0) weight = 0;
  const view = new DataView(new ArrayBuffer(8 + groups.length * 2));
  view.setInt16(0, groups.length);
  view.setInt16(2, weight);
  view.setUint16(4, value < 0n ? 0x4000 : 0);
  view.setInt16(6, scale);
  groups.forEach((group, i) => view.setInt16(8 + i * 2, group));
  return view;
}

/** A DECIMAL's digits and scale, with a value that fits. */
const decimals = fc.integer({ min: 1, max: 38 }).chain((digits) => {
  const most = 10n ** BigInt(digits) - 1n;
  return fc.record({
    digits: fc.constant(digits),
    scale: fc.integer({ min: 0, max: digits }),
    value: fc.oneof(
      fc.bigInt({ min: -most, max: most }),
      fc.constantFrom(most, -most, 0n, 1n, -1n),
      // Many zeros at the end, which the binary form leaves out.
      fc.integer({ min: 0, max: digits }).map((zeros) =>
        (most / 10n ** BigInt(zeros) / 3n) *
        10n ** BigInt(zeros)
      ),
    ),
  });
});

function widthOf(digits: number): number {
  return digits <= 4 ? 2 : digits <= 9 ? 4 : digits <= 18 ? 8 : 16;
}

Deno.test("number: a decimal's text is its scaled integer, at every width and scale", () => {
  fc.assert(
    fc.property(decimals, ({ digits, scale, value }) => {
      const [to, width] = [batch(), widthOf(digits)];
      const text = encoder.encode(decimalText(value, scale));
      putDecimalText(to, AT, width, scale, text, 0, text.length);
      assert.equal(stored(to, width), value);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("number: a decimal's binary form is its scaled integer, at every width and scale", () => {
  fc.assert(
    fc.property(decimals, ({ digits, scale, value }) => {
      const [to, width] = [batch(), widthOf(digits)];
      putDecimalBinary(to, AT, width, scale, decimalBinary(value, scale), 0);
      assert.equal(stored(to, width), value);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("number: integers of every width, as text", () => {
  for (const width of [2, 4, 8]) {
    const most = 2n ** BigInt(width * 8 - 1) - 1n;
    const values = fc.oneof(
      fc.bigInt({ min: -most - 1n, max: most }),
      fc.constantFrom(most, -most - 1n, 0n, -1n, 4294967296n & most, -4294967296n % (most + 1n)),
    );
    fc.assert(fc.property(values, (value) => {
      const to = batch();
      const text = encoder.encode(`x${value}y`); // it lies amid other bytes
      putDecimalText(to, AT, width, 0, text, 1, text.length - 1);
      assert.equal(stored(to, width), value);
    }));
  }
});

Deno.test("number: what is no number, or does not fit, is a bad value and never another number", () => {
  const bad = ["", "-", ".", "-.", "1e5", "1.2.3", "--1", "0x10", " 1", "1 ", "NaN", "Infinity"];
  for (const text of [...bad, "1.234", "99999999999999999999999999999999999999999"]) {
    const bytes = encoder.encode(text);
    for (const width of [2, 4, 8, 16]) {
      assert.throws(
        () => putDecimalText(batch(), AT, width, 2, bytes, 0, bytes.length),
        BadValue,
        `${JSON.stringify(text)} into ${width} bytes`,
      );
    }
  }
});

Deno.test("number: any bytes as a decimal's text are the number that they say, or a bad value", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."0123456789.-e ") }), (text) => {
      const bytes = encoder.encode(text);
      const to = batch();
      try {
        putDecimalText(to, AT, 16, 4, bytes, 0, bytes.length);
      } catch (error) {
        assert.ok(error instanceof BadValue, String(error));
        return;
      }
      const [, sign, whole, , fraction = ""] = /^(-?)(\d*)(\.(\d*))?$/.exec(text)!;
      const value = BigInt(whole + fraction.padEnd(4, "0"));
      assert.equal(stored(to, 16), sign === "" ? value : -value);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("number: floats come back from their shortest text", () => {
  fc.assert(fc.property(fc.double(), (value) => {
    const to = batch();
    const text = encoder.encode(Object.is(value, -0) ? "-0" : String(value));
    putFloatText(to, AT, 8, text, 0, text.length);
    assert.ok(Object.is(to.doubles[AT / 8], value));
  }));
});
