/** UUIDs from text, two characters at a time, in generated code. */
import { HEX } from "./json.ts";

/** The byte of two hexadecimal digits by their codes as a little-endian number; −1 for others. */
export const PAIRS = new Int16Array(0x1_0000).fill(-1);
for (let first = 0; first < 256; first++) {
  for (let second = 0; second < 256 && HEX[first] >= 0; second++) {
    if (HEX[second] >= 0) PAIRS[second << 8 | first] = HEX[first] << 4 | HEX[second];
  }
}

const LENGTH = 36;
const DASH = 0x2d;
const DASHES = [8, 13, 18, 23];
const DIGITS = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/**
 * The statements that write the UUID at `p` in `view`, `length` bytes, to index `to` of `ints` as
 * DuckDB keeps it: the 16 bytes as a little-endian number with its top bit flipped, so that signed
 * comparison sorts like the text. They return false where it is none. All are names or expressions.
 */
export function uuidCode(view: string, length: string, to: string): string {
  const isNone = DASHES.map((at) => `${view}.getUint8(p+${at})!==${DASH}`).join("||");
  const bytes = DIGITS.map((at, i) => `u${i}=PAIRS[${view}.getUint16(p+${at},true)]`).join(",");
  const all = DIGITS.map((_, i) => `u${i}`).join("|");
  const word = (i: number) => `u${i}<<24|u${i + 1}<<16|u${i + 2}<<8|u${i + 3}`;
  return `if(${length}!==${LENGTH}||${isNone})return false;const ${bytes};` +
    `if((${all})<0)return false;const to=${to};` +
    `ints[to]=${word(12)};ints[to+1]=${word(8)};ints[to+2]=${word(4)};` +
    `ints[to+3]=(${word(0)})^0x80000000;`;
}
