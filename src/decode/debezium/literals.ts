/**
 * Pieces of text that are compared with what is in a record, eight bytes at a time: as doubles, since
 * JavaScript compares them without an object. That is exact, because no eight bytes of UTF-8 text
 * are a NaN, and none of JSON a zero.
 */
import type { JsonReader } from "./json.ts";

/** See the top of this file. */
export class Literals {
  readonly bytes: Uint8Array;
  /** Where each begins in `bytes`, and where the last ends. */
  readonly starts: Int32Array;
  /** Of each, its doubles: every eight bytes, and its last eight again. */
  readonly words: Float64Array;
  /** Where each's doubles begin. */
  readonly firstWords: Int32Array;

  constructor(pieces: readonly Uint8Array[]) {
    this.starts = new Int32Array(pieces.length + 1);
    this.firstWords = new Int32Array(pieces.length + 1);
    pieces.forEach(({ length }, i) => {
      this.starts[i + 1] = this.starts[i] + length;
      this.firstWords[i + 1] = this.firstWords[i] + Math.ceil(length / 8);
    });
    this.bytes = new Uint8Array(this.starts[pieces.length]);
    this.words = new Float64Array(this.firstWords[pieces.length]);
    pieces.forEach((piece, i) => {
      this.bytes.set(piece, this.starts[i]);
      if (piece.length < 8) return;
      const view = new DataView(piece.buffer, piece.byteOffset);
      const count = Math.ceil(piece.length / 8);
      for (let k = 0; k < count; k++) {
        const at = Math.min(k * 8, piece.length - 8);
        this.words[this.firstWords[i] + k] = view.getFloat64(at, true);
      }
    });
  }

  /** Passes over piece `index` if it is what comes next. */
  pass(index: number, reader: JsonReader): boolean {
    const start = this.starts[index];
    const length = this.starts[index + 1] - start;
    const { at } = reader;
    if (at + length > reader.end) return false;
    if (length >= 8) {
      const { view } = reader;
      const words = this.words;
      const last = at + length - 8;
      let word = this.firstWords[index];
      for (let i = at; i < last; i += 8) {
        if (view.getFloat64(i, true) !== words[word++]) return false;
      }
      if (view.getFloat64(last, true) !== words[word]) return false;
    } else {
      const { bytes } = reader;
      const mine = this.bytes;
      for (let i = 0; i < length; i++) if (bytes[at + i] !== mine[start + i]) return false;
    }
    reader.at = at + length;
    return true;
  }
}
