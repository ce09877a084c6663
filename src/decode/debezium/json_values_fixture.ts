/** Values of JSON as Debezium writes them, as arbitraries, and some that are near them. */
import fc from "fast-check";

export const int64 = fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n);
export const spread = fc.oneof(fc.bigInt(-1000n, 1000n), fc.bigInt(-(2n ** 53n), 2n ** 53n), int64);
export const integer = (bits: number) =>
  fc.oneof(
    { arbitrary: spread.map((n) => String(BigInt.asIntN(bits, n))), weight: 30 },
    {
      arbitrary: fc.constantFrom(String(2n ** BigInt(bits - 1)), "1.5", "1e3", '"1"', "-0"),
      weight: 1,
    },
  );
export const quote = (value: string) => JSON.stringify(value);
export const pad = (n: number | bigint, width: number) => String(n).padStart(width, "0");

const character = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(...'a"\\/\b\n\té😀\u2028', "\u0001"), maxLength: 30 }),
);
/** Strings with escapes that JSON.stringify does not write. */
export const string = fc.oneof(
  { arbitrary: character.map(quote), weight: 10 },
  {
    arbitrary: character.map((text) =>
      `"${
        [...text].map((c) =>
          [...Array(c.length).keys()].map((i) =>
            `\\u${c.charCodeAt(i).toString(16).padStart(4, "0")}`
          ).join("")
        ).join("")
      }"`
    ),
    weight: 2,
  },
  {
    arbitrary: fc.constantFrom('"\\ud800"', '"\\udc00x"', '"\\u0000"', '"\\ud800\\u0041"'),
    weight: 1,
  },
);

/** Digits with a point: mostly within `precision`. */
export const decimalText = (precision: number, scale: number) =>
  fc.bigInt(-(10n ** BigInt(precision)) + 1n, 10n ** BigInt(precision) - 1n).map((n) => {
    const digits = pad(n < 0n ? -n : n, scale + 1);
    const sign = n < 0n ? "-" : "";
    return scale === 0
      ? sign + digits
      : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  });
export function twosComplement(n: bigint): string {
  let length = 1;
  while (BigInt.asIntN(length * 8, n) !== n) length++;
  const bytes = Uint8Array.from(
    { length },
    (_, i) => Number(BigInt.asUintN(8, n >> BigInt((length - 1 - i) * 8))),
  );
  return bytes.toBase64();
}
export const odd = (good: fc.Arbitrary<string>, ...bad: string[]) =>
  fc.oneof({ arbitrary: good, weight: 30 }, { arbitrary: fc.constantFrom(...bad), weight: 1 });
