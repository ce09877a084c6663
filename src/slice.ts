/**
 * Bytes in memory that others lie in too: a record's value in all that was fetched. V8 takes several
 * times as long for a typed array of its own as for such an object, and a call out of JavaScript to
 * tell its buffer.
 */

/** See the top of this file. Offsets are into the whole memory. */
export class Slice {
  constructor(
    /** The whole memory, from its first byte on. */
    public bytes: Uint8Array,
    /** The same. */
    public view: DataView,
    public start: number,
    public stop: number,
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

  /** Makes it another, of the memory that `memory` is in. For its owner: who it was lent to reads. */
  move({ bytes, view }: Slice, start: number, stop: number): this {
    this.bytes = bytes;
    this.view = view;
    this.start = start;
    this.stop = stop;
    return this;
  }

  get length(): number {
    return this.stop - this.start;
  }

  /** Its bytes in memory of their own. */
  copy(): Uint8Array {
    return this.bytes.slice(this.start, this.stop);
  }
}
