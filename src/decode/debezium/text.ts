/** JSON strings into a batch: without their escapes, and only what PostgreSQL can send. */
import type { Batch, Chunk } from "../../batch/batch.ts";
import { BadValue } from "../value_error.ts";
import { ESCAPE, ESCAPED, hex4, JsonReader, Malformed } from "./json.ts";

/** Writes the string whose inside is `source[start, stop)`. Throws `BadValue`. */
export function putText(
  batch: Batch,
  chunk: Chunk,
  column: number,
  row: number,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): void {
  if (kind !== ESCAPED) return batch.putString(chunk, column, row, source, start, stop);
  const length = unescape(source, start, stop, null, 0);
  const to = batch.takeBytes(length);
  unescape(source, start, stop, batch.bytes, to);
  batch.putTaken(chunk, column, row, to, length);
}

/**
 * Writes a string's bytes without its escapes to `into` at `to`, or only counts them (null), and
 * gives their number: never more than they were. Throws `BadValue` on what is no text.
 */
export function unescape(
  source: Uint8Array,
  start: number,
  stop: number,
  into: Uint8Array | null,
  to: number,
): number {
  const begun = to;
  for (let at = start; at < stop;) {
    const byte = source[at];
    if (byte !== 0x5c) {
      if (into !== null) into[to] = byte;
      to++;
      at++;
      continue;
    }
    const letter = source[at + 1];
    if (letter !== 0x75) {
      if (into !== null) into[to] = ESCAPE[letter];
      to++;
      at += 2;
      continue;
    }
    let code = hex4(source, at + 2);
    at += 6;
    if (code >= 0xd800 && code < 0xe000) {
      const low = source[at] === 0x5c && source[at + 1] === 0x75 && at + 6 <= stop
        ? hex4(source, at + 2)
        : 0;
      if (code >= 0xdc00 || low < 0xdc00 || low >= 0xe000) {
        throw new BadValue("half a surrogate pair, which is no character");
      }
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      at += 6;
    }
    if (code === 0) throw new BadValue("the character U+0000, which PostgreSQL's text can't hold");
    to = putCharacter(code, into, to);
  }
  return to - begun;
}

/** Writes a character in UTF-8, and gives where the next one goes. */
function putCharacter(code: number, into: Uint8Array | null, to: number): number {
  const length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  if (into === null) return to + length;
  if (length === 1) into[to] = code;
  else {
    for (let i = length - 1; i > 0; i--, code >>= 6) into[to + i] = 0x80 | code & 0x3f;
    into[to] = (0xf00 >> length & 0xf0) | code;
  }
  return to + length;
}

/** A copy of a string's bytes without its escapes. */
export function unescaped(source: Uint8Array, start: number, stop: number): Uint8Array {
  const bytes = new Uint8Array(stop - start);
  return bytes.subarray(0, unescape(source, start, stop, bytes, 0));
}

const reader = new JsonReader();

/** Throws a `BadValue` when a text is not JSON. */
export function assertJson(bytes: Uint8Array, start: number, stop: number): void {
  reader.open(bytes, start, stop);
  try {
    reader.value();
    reader.expectEnd();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new BadValue(`a text that is not JSON: ${error.message}`);
  }
}
