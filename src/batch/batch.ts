/**
 * A batch: changes of several tables, column by column, in one slab of memory that is allocated
 * once. A batch has one owner at a time and goes round in a circle:
 *
 *     free → filling → sealed → applying → free
 *
 * Columns grow from the front of the slab, in chunks of at most 2,048 rows (DuckDB's vector size);
 * the bytes of long strings grow from its end. The batch is full when the two would meet.
 */
import assert from "node:assert/strict";
import { type DeadLetter, letterBytes } from "./dead_letter.ts";
import { INLINE_BYTES_MAX, META, META_COUNT, type TableLayout } from "./column.ts";
import { type Chunk, count, GIVEN, KEPT, OP, type Op, type RowHead, Segment } from "./segment.ts";
import { align, Slab } from "./slab.ts";

export { type Chunk, GIVEN, KEPT, OP, type Op, type RowHead, Segment };

/** DuckDB's vector size: no chunk has more rows. */
export const CHUNK_ROWS_MAX = 2048;
const CHUNK_ROWS_MIN = 32;

/** The states of a batch, in their order. */
export type BatchState = "free" | "filling" | "sealed" | "applying";

const NEXT: Record<BatchState, BatchState> = {
  free: "filling",
  filling: "sealed",
  sealed: "applying",
  applying: "free",
};

/** See the top of this file. */
export class Batch extends Slab {
  get segments(): ReadonlyMap<TableLayout, Segment> {
    return this.#segments;
  }
  #segments = new Map<TableLayout, Segment>();
  /** Rows of all tables. */
  rows = 0;
  readonly #letters: DeadLetter[] = [];
  #letterBytes = 0;
  /** Commit times (ms since 1970) of the source transactions that end in this batch. */
  readonly commitTimesMs: number[] = [];
  /** Commit time (ms since 1970) of the first source transaction with anything in this batch. */
  oldestCommitMs: number | null = null;
  /** Source transactions that end in this batch, those beyond the list above included. */
  transactions = 0;
  #state: BatchState = "free";
  /** The segment that was used last. */
  #last: Segment | undefined;

  /** `own`: the memory that it has for good. */
  constructor(private readonly own: ArrayBuffer) {
    super(own);
  }

  get state(): BatchState {
    return this.#state;
  }

  /** Moves to the next state. A wrong order is a programmer's error. */
  become(state: BatchState): void {
    assert.equal(NEXT[this.#state], state, `a batch that is ${this.#state} can't become ${state}`);
    this.#state = state;
    if (state === "free") this.#clear();
  }

  /** Gives back a batch whose contents are not wanted, from `filling` or any later state. */
  discard(): void {
    assert.notEqual(this.#state, "free", "a free batch can't be discarded");
    this.#state = "free";
    this.#clear();
  }

  /** Records that could not be decoded; they are kept in the same transaction as the rows. */
  get letters(): readonly DeadLetter[] {
    return this.#letters;
  }

  addLetter(letter: DeadLetter): void {
    this.#letters.push(letter);
    this.#letterBytes += letterBytes(letter);
  }

  /** Whether there is anything in it to apply. */
  get isEmpty(): boolean {
    return this.rows === 0 && this.#letters.length === 0;
  }

  /** Bytes of the slab in use. */
  get usedBytes(): number {
    return this.front + this.stringBytes;
  }

  /** Bytes of its strings that are too long for their heads. */
  get stringBytes(): number {
    return this.bytes.length - this.back;
  }

  /** Bytes of memory behind this batch now, an enlarged slab included. */
  get slabBytes(): number {
    return this.bytes.length;
  }

  /** How full its own slab is, 0 to 1, and more when it was enlarged; letters count, though they are
   * not in it. */
  get fill(): number {
    return (this.usedBytes + this.#letterBytes) / this.own.byteLength;
  }

  /**
   * Makes room for `rows` rows (1 or 2) of `layout` whose long strings take at most `stringBytes`
   * bytes in all. False: there is none, and nothing has changed.
   */
  reserve(layout: TableLayout, rows: number, stringBytes: number): boolean {
    if (this.#state !== "filling") assert.fail(`a batch that is ${this.#state} can't be filled`);
    let segment = this.#segmentOf(layout);
    const last = segment === undefined ? undefined : segment.chunks[segment.chunks.length - 1];
    const front = this.front;
    if (last === undefined || last.rows + rows > last.capacity) {
      const capacity = last === undefined
        ? CHUNK_ROWS_MIN
        : Math.min(CHUNK_ROWS_MAX, last.capacity * 8);
      const chunk = this.#layOut(layout, capacity, stringBytes);
      if (chunk === undefined) return false;
      if (segment === undefined) {
        segment = new Segment(layout);
        this.#segments.set(layout, segment);
      }
      segment.chunks.push(chunk);
      return true;
    }
    return front + stringBytes <= this.back;
  }

  /**
   * Replaces the slab of an empty batch by a larger one for a single row that no slab holds, until
   * the batch is free again. The pool counts it.
   */
  enlarge(layout: TableLayout, rows: number, stringBytes: number): void {
    assert.equal(this.rows, 0, "only an empty batch is enlarged");
    const columns = this.#columnBytes(layout, CHUNK_ROWS_MIN);
    this.#segments = new Map();
    this.#last = undefined;
    this.look(new ArrayBuffer(align(columns + stringBytes + rows * layout.rowBytes)));
  }

  /**
   * Starts a row of a table that {@linkcode reserve} made room for, and returns its chunk; its
   * index there is `chunk.rows`. Until {@linkcode endRow} it does not exist.
   */
  beginRow(layout: TableLayout): Chunk {
    const segment = this.#segmentOf(layout)!;
    return segment.chunks[segment.chunks.length - 1];
  }

  /** Ends the row begun last: from now on it is part of the batch. */
  endRow(layout: TableLayout, op: Op, seq: number, head: RowHead): void {
    const segment = this.#segmentOf(layout)!;
    const chunk = segment.chunks[segment.chunks.length - 1];
    const row = chunk.rows;
    const { data } = chunk;
    this.bytes[data[META.op] + row] = op.charCodeAt(0);
    this.putNumber(data[META.seq], row, seq);
    this.putNumber(data[META.lsn], row, head.lsn);
    this.putNumber(data[META.tx], row, head.tx);
    const at = (data[META.at] >> 2) + row * 2;
    this.ints[at] = head.atLow;
    this.ints[at + 1] = head.atHigh;
    chunk.rows = row + 1;
    segment.rows++;
    count(segment.counts, op);
    this.rows++;
  }

  /** Marks a value as NULL. A string's head is zeroed, since DuckDB may look at it. */
  putNull(chunk: Chunk, column: number, row: number, isString: boolean): void {
    const bit = chunk.validity[column] + (row >> 3);
    this.bytes[bit] &= ~(1 << (row & 7));
    if (isString) {
      const at = (chunk.data[column] + row * 16) >> 2;
      this.ints.fill(0, at, at + 4);
    }
  }

  /** Copies `source[start, end)` as a string value. */
  putString(
    chunk: Chunk,
    column: number,
    row: number,
    source: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { bytes, ints } = this;
    const length = end - start;
    const head = chunk.data[column] + row * 16;
    const at = head >> 2;
    ints[at] = length;
    if (length <= INLINE_BYTES_MAX) {
      ints[at + 1] = 0;
      ints[at + 2] = 0;
      ints[at + 3] = 0;
      for (let i = 0; i < length; i++) bytes[head + 4 + i] = source[start + i];
      return;
    }
    const to = this.takeBytes(length);
    if (length >= 64) bytes.set(source.subarray(start, end), to);
    else for (let i = 0; i < length; i++) bytes[to + i] = source[start + i];
    this.putPointer(at, to);
  }

  /** Points a string's head at `length` bytes at `offset` (from {@linkcode takeBytes}). */
  putTaken(chunk: Chunk, column: number, row: number, offset: number, length: number): void {
    if (length <= INLINE_BYTES_MAX) {
      this.putString(chunk, column, row, this.bytes, offset, offset + length);
      return;
    }
    const at = (chunk.data[column] + row * 16) >> 2;
    this.ints[at] = length;
    this.putPointer(at, offset);
  }

  /** Bookmark of the string area, for {@linkcode abandonRow}. */
  get mark(): number {
    return this.back;
  }

  /**
   * Takes back what an abandoned row has written: its NULLs, its flags, and its strings down to
   * `mark` (from {@linkcode mark} before the row).
   */
  abandonRow(layout: TableLayout, mark: number): void {
    this.back = mark;
    const chunk = this.beginRow(layout);
    for (let column = 0; column < chunk.validity.length; column++) {
      this.bytes[chunk.validity[column] + (chunk.rows >> 3)] |= 1 << (chunk.rows & 7);
    }
    this.putNull(chunk, META.unchanged, chunk.rows, true);
  }

  /** Marks the source's columns of the row begun last as NULL, all of them. */
  putNullRow(layout: TableLayout): void {
    const chunk = this.beginRow(layout);
    for (let column = META_COUNT; column < layout.columns.length; column++) {
      this.putNull(chunk, column, chunk.rows, layout.columns[column].isString);
    }
  }

  /**
   * Notes which toastable columns of the row begun last keep their stored value: one ASCII
   * character each, `KEPT` or `GIVEN`, in the order of `layout.toastable`.
   */
  putUnchanged(layout: TableLayout, flags: Uint8Array): void {
    const segment = this.#segmentOf(layout)!;
    const chunk = this.beginRow(layout);
    const bit = chunk.validity[META.unchanged] + (chunk.rows >> 3);
    this.bytes[bit] |= 1 << (chunk.rows & 7);
    this.putString(chunk, META.unchanged, chunk.rows, flags, 0, flags.length);
    for (let i = 0; i < flags.length; i++) {
      if (flags[i] === KEPT) segment.unchanged[i] = true;
    }
  }

  /** Notes that what follows belongs to a source transaction that committed at this time. */
  beginTransaction(commitTimeMs: number): void {
    this.oldestCommitMs ??= commitTimeMs;
  }

  /** Notes that a source transaction ends here. */
  endTransaction(commitTimeMs: number): void {
    if (this.transactions++ < 1000) this.commitTimesMs.push(commitTimeMs);
  }

  /** A table's segment: mostly that of the row before. */
  #segmentOf(layout: TableLayout): Segment | undefined {
    if (this.#last?.layout === layout) return this.#last;
    const segment = this.#segments.get(layout);
    if (segment !== undefined) this.#last = segment;
    return segment;
  }

  #layOut(layout: TableLayout, capacity: number, stringBytes: number): Chunk | undefined {
    for (; capacity >= CHUNK_ROWS_MIN; capacity >>= 1) {
      if (this.front + this.#columnBytes(layout, capacity) + stringBytes <= this.back) break;
    }
    if (capacity < CHUNK_ROWS_MIN) return undefined;
    const data: number[] = [];
    const validity: number[] = [];
    const bits = align(capacity >> 3);
    for (const column of layout.columns) {
      data.push(this.front);
      this.front += align(capacity * column.width);
      validity.push(this.front);
      this.bytes.fill(0xff, this.front, this.front + bits);
      this.front += bits;
    }
    const unchanged = data[META.unchanged]; // NULL in most rows: so that is what rows start with
    this.bytes.fill(0, unchanged, validity[META.unchanged] + bits);
    return { capacity, rows: 0, data, validity };
  }

  #columnBytes(layout: TableLayout, capacity: number): number {
    let sum = 0;
    for (const column of layout.columns) sum += align(capacity * column.width);
    return sum + layout.columns.length * align(capacity >> 3);
  }

  #clear(): void {
    // A new map and not an emptied one: V8 leaves all that a map held in its table when it is emptied,
    // and a table that has become one of its old objects keeps that, and the next table, as old ones.
    this.#segments = new Map();
    this.#last = undefined;
    this.commitTimesMs.length = 0;
    this.oldestCommitMs = null;
    this.transactions = 0;
    this.rows = 0;
    this.#letters.length = 0;
    this.#letterBytes = 0;
    // An enlarged slab is freed now, and not when garbage is collected.
    if (this.bytes.buffer !== this.own) (this.bytes.buffer as ArrayBuffer).transfer(0);
    this.look(this.own);
  }
}
