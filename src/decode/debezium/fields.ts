/** Where the values of one object lie, found in one pass and kept in arrays that are used again. */
import { JsonReader } from "./json.ts";
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

  /** Reads an object of this shape without white space between its parts; false: it is none. */
  readLike(reader: JsonReader, shape: Shape): boolean {
    const { literals, count } = shape;
    this.start = reader.at;
    for (let i = 0; i < count; i++) {
      if (!literals.pass(i, reader)) return false;
      const kind = reader.value();
      this.put(i, reader.start, reader.stop, kind);
    }
    if (count === 0 || reader.at >= reader.end || reader.bytes[reader.at] !== 0x7d) return false;
    this.stop = ++reader.at;
    this.shape = shape;
    this.isPresent = true;
    return true;
  }

  /** Notes one field. */
  put(index: number, start: number, stop: number, kind: number): void {
    const at = index * 3;
    if (at >= this.#slots.length) {
      const wider = new Int32Array(this.#slots.length * 2);
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
