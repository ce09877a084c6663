/** Strings of JSON's bytes that a {@linkcode JsonReader} has found. */
import { ESCAPED, SAFE_DIGITS } from "./json.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a string whose bytes lie in `[start, stop)` between its quotes. */
export function stringOf(bytes: Uint8Array, start: number, stop: number, kind: number): string {
  const text = shortAscii(bytes, start, stop) ?? decoder.decode(bytes.subarray(start, stop));
  return kind === ESCAPED ? JSON.parse(`"${text}"`) : text;
}

/** Up to this many characters one by one are faster than a call of the decoder. */
const SHORT = 24;

function shortAscii(bytes: Uint8Array, start: number, stop: number): string | undefined {
  if (stop - start > SHORT) return undefined;
  const number = wholeNumber(bytes, start, stop);
  if (number >= 0) return String(number); // one string, and not one for each character
  let text = "";
  for (let at = start; at < stop; at++) {
    if (bytes[at] > 0x7f) return undefined;
    text += String.fromCharCode(bytes[at]);
  }
  return text;
}

/** The number that is written just so; −1 for any other text. */
function wholeNumber(bytes: Uint8Array, start: number, stop: number): number {
  if (stop - start > SAFE_DIGITS || stop - start > 1 && bytes[start] === 0x30) return -1;
  let value = stop > start ? 0 : -1;
  for (let at = start; at < stop; at++) {
    const digit = bytes[at] - 0x30;
    if (digit >>> 0 > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
