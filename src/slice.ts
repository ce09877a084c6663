/**
 * Bytes in memory that others lie in too: a record's value in all that was fetched. V8 takes several
 * times as long for a typed array of its own as for such an object, and a call out of JavaScript to
 * tell its buffer.
 */

/** See the top of this file. Offsets are into the whole memory. */
export class Slice {
  constructor(
    /** The whole memory, from its first byte on. */
    readonly bytes: Uint8Array,
    /** The same. */
    readonly view: DataView,
    readonly start: number,
    readonly stop: number,
  ) {}

  /** All bytes of a typed array, where they are. */
  static of({ buffer, byteOffset, length }: Uint8Array): Slice {
    return new Slice(
      new Uint8Array(buffer),
      new DataView(buffer),
      byteOffset,
      byteOffset + length,
    );
  }

  get length(): number {
    return this.stop - this.start;
  }

  /** Its bytes in memory of their own. */
  copy(): Uint8Array {
    return this.bytes.slice(this.start, this.stop);
  }
}
