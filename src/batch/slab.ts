/**
 * The memory of a batch: columns grow from its front, the bytes of long strings from its end. Strings
 * lie as DuckDB has them (duckdb_string_t): a length, then either up to 12 bytes, or the first four
 * and the address of all of them.
 */
import assert from "node:assert/strict";
import { INLINE_BYTES_MAX } from "./column.ts";

/** See the top of this file. */
export class Slab {
  /** The memory, seen as bytes and as wider numbers. */
  bytes!: Uint8Array;
  ints!: Int32Array;
  floats!: Float32Array;
  doubles!: Float64Array;
  #view!: DataView;
  /** Where the free memory begins and ends. */
  protected front = 0;
  protected back = 0;
  /** Its address, in two halves. */
  #addressLow = 0;
  #addressHigh = 0;

  constructor(memory: ArrayBuffer) {
    this.look(memory);
  }

  /**
   * Copies a string of valid UTF-8, `length` bytes at `start` of `view`, whose head is at byte offset
   * `head`. Before it there must be three other bytes.
   */
  putStringOf(head: number, view: DataView, start: number, length: number): void {
    const { ints } = this;
    const at = head >> 2;
    ints[at] = length;
    if (length > INLINE_BYTES_MAX) {
      const to = this.takeBytes(length);
      if (length >= 256) {
        this.bytes.set(new Uint8Array(view.buffer, start, length), to);
      } else { // as doubles: no eight bytes of UTF-8 are a NaN, which might not be copied as it is
        const mine = this.#view;
        const last = length - 8;
        for (let i = 0; i < last; i += 8) {
          mine.setFloat64(to + i, view.getFloat64(start + i, true), true);
        }
        mine.setFloat64(to + last, view.getFloat64(start + last, true), true);
      }
      ints[at + 1] = view.getInt32(start, true);
      this.#putAddress(at, to);
      return;
    }
    // Whole words, and what is left of the last one in the upper bytes of the word that ends there.
    const left = length & 3;
    const rest = left === 0 ? 0 : view.getInt32(start + length - 4, true) >>> 32 - 8 * left;
    const whole = length >> 2;
    ints[at + 1] = whole > 0 ? view.getInt32(start, true) : rest;
    ints[at + 2] = whole > 1 ? view.getInt32(start + 4, true) : whole === 1 ? rest : 0;
    ints[at + 3] = whole > 2 ? view.getInt32(start + 8, true) : whole === 2 ? rest : 0;
  }

  /**
   * Takes `length` bytes for a string that the caller writes itself, and returns their offset. They
   * must have been part of what {@linkcode reserve} granted.
   */
  takeBytes(length: number): number {
    this.back -= length;
    // Not by `assert`: this runs for every long string.
    if (this.back < this.front) assert.fail("a row wrote more than it had reserved");
    return this.back;
  }

  /** The bytes of the string whose head is at byte offset `head`, for a message. */
  stringAt(head: number): Uint8Array {
    const offset = this.stringOffset(head);
    return this.bytes.subarray(offset, offset + this.stringLength(head));
  }

  /** How many bytes the string has whose head is at byte offset `head`. */
  stringLength(head: number): number {
    return this.ints[head >> 2];
  }

  /** Offset in the slab of a string's bytes, whose head is at byte offset `head`. */
  stringOffset(head: number): number {
    if (this.stringLength(head) <= INLINE_BYTES_MAX) return head + 4;
    const low = (this.ints[(head >> 2) + 2] >>> 0) - this.#addressLow;
    return low < 0 ? low + 0x1_0000_0000 : low;
  }

  /** Completes a string's head (at index `at` of `ints`) for the bytes at `offset`. */
  protected putPointer(at: number, offset: number): void {
    const { bytes, ints } = this;
    ints[at + 1] = bytes[offset] | bytes[offset + 1] << 8 | bytes[offset + 2] << 16 |
      bytes[offset + 3] << 24;
    this.#putAddress(at, offset);
  }

  #putAddress(at: number, offset: number): void {
    const low = this.#addressLow + offset;
    this.ints[at + 2] = low;
    this.ints[at + 3] = low >= 0x1_0000_0000 ? this.#addressHigh + 1 : this.#addressHigh;
  }

  /** The whole number of 8 bytes at a byte offset, such as a row's sequence number. */
  numberAt(offset: number): number {
    const at = offset >> 2;
    return this.ints[at + 1] * 0x1_0000_0000 + (this.ints[at] >>> 0);
  }

  /** Writes a whole number of 8 bytes, up to 2^53, to a row of a column that begins at `column`. */
  protected putNumber(column: number, row: number, value: number): void {
    const { ints } = this;
    const at = (column >> 2) + row * 2;
    if (value === (value | 0) && value >= 0) {
      ints[at] = value;
      ints[at + 1] = 0;
      return;
    }
    const high = Math.floor(value / 0x1_0000_0000);
    ints[at] = value - high * 0x1_0000_0000;
    ints[at + 1] = high;
  }

  /** Sees this memory from now on, and nothing is in it. */
  protected look(slab: ArrayBuffer): void {
    this.bytes = new Uint8Array(slab);
    this.ints = new Int32Array(slab);
    this.floats = new Float32Array(slab);
    this.doubles = new Float64Array(slab);
    this.#view = new DataView(slab);
    const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.bytes));
    this.#addressLow = Number(BigInt(address) & 0xffff_ffffn);
    this.#addressHigh = Number(BigInt(address) >> 32n);
    this.front = 0;
    this.back = slab.byteLength;
  }
}

/** Up to a multiple of 16, at which columns begin. */
export function align(bytes: number): number {
  return (bytes + 15) & ~15;
}
