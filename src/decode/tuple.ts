/**
 * Finding one's way in pgoutput's tuples, whose grammar stands in pgoutput.ts. What goes beyond the
 * message throws a `RangeError`.
 */
import type { Input } from "./decoder.ts";

/** A field's tag: NULL, or a value that was not changed and is left out. */
export const NULL = 110; // n
export const UNCHANGED = 117; // u

/** Where the tag of a tuple's field is. */
export function fieldAt(input: Input, tuple: number, index: number): number {
  let at = tuple + 2;
  for (let i = 0; i < index; i++) at = skipField(input, at);
  return at;
}

function skipField(input: Input, at: number): number {
  const tag = input.bytes[at];
  if (tag === NULL || tag === UNCHANGED) return at + 1;
  const length = input.view.getInt32(at + 1);
  if (length < 0) throw new RangeError(`a value of ${length} bytes`);
  return at + 5 + length;
}

/** Where the byte after a tuple is. */
export function skipTuple(input: Input, tuple: number): number {
  return fieldAt(input, tuple, input.view.getInt16(tuple));
}

/** Whether the old and the new tuple differ in a column of the key. */
export function keyChanged(
  input: Input,
  old: number,
  fresh: number,
  inKey: readonly boolean[],
): boolean {
  const { bytes } = input;
  let a = old + 2;
  let b = fresh + 2;
  if (input.view.getInt16(old) !== input.view.getInt16(fresh)) {
    throw new RangeError("an old and a new tuple of different widths");
  }
  for (let i = 0; i < inKey.length; i++) {
    const aEnd = skipField(input, a);
    const bEnd = skipField(input, b);
    if (inKey[i] && bytes[b] !== UNCHANGED) {
      if (aEnd - a !== bEnd - b) return true;
      for (let k = 0; k < aEnd - a; k++) if (bytes[a + k] !== bytes[b + k]) return true;
    }
    [a, b] = [aEnd, bEnd];
  }
  return false;
}

export function hasUnchanged(input: Input, tuple: number): boolean {
  let at = tuple + 2;
  for (let i = input.view.getInt16(tuple); i > 0; i--) {
    if (input.bytes[at] === UNCHANGED) return true;
    at = skipField(input, at);
  }
  return false;
}
