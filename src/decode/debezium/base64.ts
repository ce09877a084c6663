/** Byte strings in each of the forms that `binary.handling.mode` gives them. */
import { BadValue } from "../value_error.ts";
import { HEX } from "./json.ts";

/** RFC 4648, sections 4 and 5, with padding; and hexadecimal. */
export type BytesForm = "base64" | "base64-url-safe" | "hex";

const STANDARD = new Int8Array(256).fill(-1);
const URL_SAFE = new Int8Array(256).fill(-1);
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
[...LETTERS].forEach((letter, i) => {
  STANDARD[letter.charCodeAt(0)] = URL_SAFE[letter.charCodeAt(0)] = i;
});
STANDARD[0x2b] = URL_SAFE[0x2d] = 62; // + and -
STANDARD[0x2f] = URL_SAFE[0x5f] = 63; // / and _
const PAD = 0x3d; // =

/** How many bytes the text `source[start, stop)` stands for, at most. */
export function decodedLength(start: number, stop: number, form: BytesForm): number {
  return form === "hex" ? (stop - start) >> 1 : ((stop - start) >> 2) * 3;
}

/** Writes the bytes to `into` at `to`, and gives how many. Throws `BadValue`. */
export function decodeBase64(
  source: Uint8Array,
  start: number,
  stop: number,
  form: BytesForm,
  into: Uint8Array,
  to: number,
): number {
  if (form === "hex") return decodeHex(source, start, stop, into, to);
  if ((stop - start) % 4 !== 0) throw bad(form);
  const begun = to;
  const digits = form === "base64" ? STANDARD : URL_SAFE;
  let end = stop;
  if (end > start && source[end - 1] === PAD) end -= source[end - 2] === PAD ? 2 : 1;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const four = digits[source[at]] << 18 | digits[source[at + 1]] << 12 |
      digits[source[at + 2]] << 6 | digits[source[at + 3]];
    if (four < 0) throw bad(form);
    into[to++] = four >> 16;
    into[to++] = four >> 8;
    into[to++] = four;
  }
  if (at === end) return to - begun;
  const first = digits[source[at]] << 18 | digits[source[at + 1]] << 12;
  const third = end - at === 3 ? digits[source[at + 2]] << 6 : 0;
  const four = first | third;
  // The bits behind the last byte are zero.
  if (four < 0 || (end - at === 3 ? four & 0xff : four & 0xffff) !== 0) throw bad(form);
  into[to++] = four >> 16;
  if (end - at === 3) into[to++] = four >> 8;
  return to - begun;
}

function decodeHex(
  source: Uint8Array,
  start: number,
  stop: number,
  into: Uint8Array,
  to: number,
): number {
  if ((stop - start) % 2 !== 0) throw bad("hex");
  const begun = to;
  for (let at = start; at < stop; at += 2) {
    const byte = HEX[source[at]] << 4 | HEX[source[at + 1]];
    if (byte < 0) throw bad("hex");
    into[to++] = byte;
  }
  return to - begun;
}

function bad(form: BytesForm): BadValue {
  return new BadValue(
    `bytes that are not written in ${form}: is it what binary.handling.mode of the connector says?`,
  );
}

/** The form's text of `bytes`. */
export function encodeBytes(bytes: Uint8Array, form: BytesForm): string {
  switch (form) {
    case "base64":
      return bytes.toBase64();
    case "base64-url-safe":
      return bytes.toBase64({ alphabet: "base64url" });
    case "hex":
      return bytes.toHex();
  }
}
