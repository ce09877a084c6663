/** Where the values of one object lie, found in one pass and kept in arrays that are used again. */
import { FALSE, IN_STRING, INTEGER, JsonReader, NULL, PLAIN, STRING, TRUE } from "./json.ts";
import { Shape } from "./shape.ts";

/** The fields of an object. Offsets are into the bytes that it was read from. */
export class Fields {
  shape: Shape = EMPTY;
  /** Whether there was an object at all. */
  isPresent = false;
  /** Of each field in order: where its value starts and stops, and its kind (json.ts). */
  #slots = new Int32Array(3 * 32);
  /** Where the object itself lies. */
  start = 0;
  stop = 0;

  /** There is none. */
  clear(): void {
    this.isPresent = false;
    this.shape = EMPTY;
  }

  /** Reads the object at `reader`. Throws `Malformed`, also on a key that is there twice. */
  read(reader: JsonReader, root: Shape): void {
    reader.expect(0x7b);
    const begun = reader.at - 1;
    let shape = root;
    if (reader.peek() === 0x7d) reader.at++;
    else {
      for (;;) {
        reader.peek();
        const named = reader.string();
        shape = shape.then(reader.bytes, reader.start, reader.stop, named);
        reader.expect(0x3a);
        const kind = reader.value();
        this.put(shape.count - 1, reader.start, reader.stop, kind);
        if (reader.peek() === 0x2c) reader.at++;
        else break;
      }
      reader.expect(0x7d);
    }
    this.start = begun;
    this.stop = reader.at;
    this.shape = shape;
    this.isPresent = true;
  }

  /**
   * Reads an object of this shape without white space between its parts; false: it is none. One long
   * function, since half of all decoding is spent in it, and calls would be half of that.
   */
  readLike(reader: JsonReader, shape: Shape): boolean {
    const { literals, count } = shape;
    const { starts, words, firstWords } = literals;
    const { bytes, view, end } = reader;
    if (this.#slots.length < count * 3) this.put(count, 0, 0, 0);
    const slots = this.#slots;
    let at = reader.at;
    const begun = at;
    for (let i = 0; i < count; i++) {
      // The comma, the name and the colon.
      const from = starts[i];
      const length = starts[i + 1] - from;
      if (at + length >= end) return false;
      if (length >= 8) {
        const last = at + length - 8;
        let word = firstWords[i];
        for (let k = at; k < last; k += 8) {
          if (view.getFloat64(k, true) !== words[word++]) return false;
        }
        if (view.getFloat64(last, true) !== words[word]) return false;
      } else {
        for (let k = 0; k < length; k++) {
          if (bytes[at + k] !== literals.bytes[from + k]) return false;
        }
      }
      at += length;
      // The value: most are strings without anything special in them.
      const slot = i * 3;
      const first = bytes[at];
      if (first === 0x22) {
        const start = at + 1;
        let stop = start;
        const last = end - 8;
        while (stop <= last) { // see JsonReader.#plain
          const a = view.getInt32(stop, true);
          const b = view.getInt32(stop + 4, true);
          const inA = (a | (a ^ 0x0202_0202) - 0x2121_2121 | (a ^ 0x5c5c_5c5c) - 0x0101_0101) &
            0x8080_8080;
          const inB = (b | (b ^ 0x0202_0202) - 0x2121_2121 | (b ^ 0x5c5c_5c5c) - 0x0101_0101) &
            0x8080_8080;
          if ((inA | inB) === 0) {
            stop += 8;
            continue;
          }
          // The lowest bit that is set is no borrow's, and tells the byte.
          const byte = inA !== 0
            ? 31 - Math.clz32(inA & -inA) >> 3
            : 4 + (31 - Math.clz32(inB & -inB) >> 3);
          stop += byte;
          break;
        }
        if (stop > last) { while (stop < end && IN_STRING[bytes[stop]] === PLAIN) stop++; }
        if (stop < end && bytes[stop] === 0x22) {
          slots[slot] = start;
          slots[slot + 1] = stop;
          slots[slot + 2] = STRING;
          at = stop + 1;
          continue;
        }
      } else if (first - 0x31 >>> 0 < 9) {
        let stop = at + 1;
        while (stop < end && bytes[stop] - 0x30 >>> 0 < 10) stop++;
        if (stop < end && (bytes[stop] === 0x2c || bytes[stop] === 0x7d)) {
          slots[slot] = at;
          slots[slot + 1] = stop;
          slots[slot + 2] = INTEGER;
          at = stop;
          continue;
        }
      } else if (at + 5 <= end) {
        const word = view.getInt32(at, true);
        const kind = word === NULL_WORD ? NULL : word === TRUE_WORD ? TRUE : 0;
        if (kind !== 0) {
          slots[slot] = at;
          slots[slot + 1] = at + 4;
          slots[slot + 2] = kind;
          at += 4;
          continue;
        }
        if (word === FALS_WORD && bytes[at + 4] === 0x65) {
          slots[slot] = at;
          slots[slot + 1] = at + 5;
          slots[slot + 2] = FALSE;
          at += 5;
          continue;
        }
      }
      reader.at = at;
      const kind = reader.value();
      slots[slot] = reader.start;
      slots[slot + 1] = reader.stop;
      slots[slot + 2] = kind;
      at = reader.at;
    }
    if (count === 0 || at >= end || bytes[at] !== 0x7d) return false;
    reader.at = at + 1;
    this.start = begun;
    this.stop = at + 1;
    this.shape = shape;
    this.isPresent = true;
    return true;
  }

  /** All slots: three numbers each, as the accessors below give them. */
  get slots(): Int32Array {
    return this.#slots;
  }

  /** Notes one field. */
  put(index: number, start: number, stop: number, kind: number): void {
    const at = index * 3;
    if (at >= this.#slots.length) {
      const wider = new Int32Array(Math.max(this.#slots.length * 2, at + 3));
      wider.set(this.#slots);
      this.#slots = wider;
    }
    this.#slots[at] = start;
    this.#slots[at + 1] = stop;
    this.#slots[at + 2] = kind;
  }

  startOf(index: number): number {
    return this.#slots[index * 3];
  }

  stopOf(index: number): number {
    return this.#slots[index * 3 + 1];
  }

  kindOf(index: number): number {
    return this.#slots[index * 3 + 2];
  }
}

const EMPTY = Shape.root();

/** `null`, `true` and `fals` as little-endian numbers. */
export const NULL_WORD = 0x6c6c_756e;
export const TRUE_WORD = 0x6575_7274;
export const FALS_WORD = 0x736c_6166;
