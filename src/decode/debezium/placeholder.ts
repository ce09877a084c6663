/**
 * Whether a value only stands for one that did not change: Debezium's `unavailable.value.placeholder`
 * in place of a value that PostgreSQL keeps apart (TOAST) and left out.
 */
import type { ColumnReader } from "./column_reader.ts";
import { ARRAY, ESCAPED, INTEGER, JsonReader, STRING } from "./json.ts";

/** Whether the value in `[start, stop)` of `source`, of a kind of json.ts, is a placeholder. */
export function isPlaceholder(
  { toast, placeholders }: ColumnReader,
  source: Uint8Array,
  start: number,
  stop: number,
  kind: number,
): boolean {
  if (toast < 0) return false;
  if (kind === STRING || kind === ESCAPED) return isOneOf(placeholders, source, start, stop);
  if (kind !== ARRAY || stop - start > PLACEHOLDER_ARRAY_MAX) return false;
  return isPlaceholderArray(placeholders, source, start, stop);
}

/** A placeholder's text as numbers, commas and all, is not longer. */
const PLACEHOLDER_ARRAY_MAX = 4096;

function isOneOf(
  texts: readonly Uint8Array[],
  source: Uint8Array,
  start: number,
  stop: number,
): boolean {
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i];
    if (text.length !== stop - start) continue;
    let same = 0;
    while (same < text.length && text[same] === source[start + same]) same++;
    if (same === text.length) return true;
  }
  return false;
}

const reader = new JsonReader();

/** Whether an array has the placeholder as its only element, or its bytes as numbers. */
function isPlaceholderArray(
  texts: readonly Uint8Array[],
  source: Uint8Array,
  start: number,
  stop: number,
): boolean {
  reader.open(source, start + 1, stop - 1);
  const plain = texts[0];
  let count = 0;
  while (reader.peek() !== -1) {
    const kind = reader.value();
    if (count === 0 && kind === STRING) {
      const { start, stop } = reader;
      return reader.peek() === -1 && isOneOf(texts, source, start, stop);
    }
    if (kind !== INTEGER || count === plain.length) return false;
    let number = 0;
    for (let at = reader.start; at < reader.stop; at++) number = number * 10 + source[at] - 0x30;
    if (number !== plain[count++]) return false;
    if (reader.peek() === 0x2c) reader.at++;
  }
  return count === plain.length;
}
