/**
 * Of a small segment's rows: the last of each key, and whether the key was there before. Keys are
 * compared by their bytes in the batch, so that no value becomes a JavaScript object; all memory is
 * taken once.
 */
import { type Batch, CHUNK_ROWS_MAX, OP, type Segment } from "../../batch/batch.ts";
import { INLINE_BYTES_MAX, META, META_COUNT } from "../../batch/column.ts";

/** Twice as many slots as keys, so that a search ends soon. */
const SLOTS = CHUNK_ROWS_MAX * 2;
const EMPTY = -1;

/** A segment with more rows than this is too large for {@linkcode LastRows}. */
export const SMALL_ROWS_MAX = CHUNK_ROWS_MAX;

/** See the top of this file. A row is named by its chunk × 2,048 + its index there. */
export class LastRows {
  /** The rows to keep: the last of each key, unless that is a delete; `kept` of them. */
  readonly rows = new Uint32Array(SMALL_ROWS_MAX);
  kept = 0;
  /** Whether some key may be in the table already: its first change here is no create. */
  hasStored = false;
  /** The last row of each key, in the order of the keys' first rows. */
  readonly #last = new Uint32Array(SMALL_ROWS_MAX);
  /** Index into `#last`, by a key's hash and the slots after it. */
  readonly #slots = new Int16Array(SLOTS);

  /** Looks at a segment of at most {@linkcode SMALL_ROWS_MAX} rows. */
  find(batch: Batch, segment: Segment): void {
    const columns = segment.layout.table.key.map((i) => META_COUNT + i);
    this.#slots.fill(EMPTY);
    this.hasStored = false;
    let keys = 0;
    segment.chunks.forEach((chunk, c) => {
      for (let row = 0; row < chunk.rows; row++) {
        const op = batch.bytes[chunk.data[META.op] + row];
        if (op === OP.t) continue; // it has no key
        const name = c * CHUNK_ROWS_MAX + row;
        let slot = hash(batch, segment, name, columns) % SLOTS;
        for (; this.#slots[slot] !== EMPTY; slot = (slot + 1) % SLOTS) {
          if (isSame(batch, segment, this.#last[this.#slots[slot]], name, columns)) break;
        }
        if (this.#slots[slot] === EMPTY) {
          this.#slots[slot] = keys++;
          if (op === OP.u || op === OP.d) this.hasStored = true;
        }
        this.#last[this.#slots[slot]] = name;
      }
    });
    this.kept = 0;
    for (let i = 0; i < keys; i++) {
      const chunk = segment.chunks[Math.floor(this.#last[i] / CHUNK_ROWS_MAX)];
      const op = batch.bytes[chunk.data[META.op] + this.#last[i] % CHUNK_ROWS_MAX];
      if (op !== OP.d) this.rows[this.kept++] = this.#last[i];
    }
  }
}

/** Where a row's value of a column is, in bytes from the slab's start. */
export function valueAt(segment: Segment, row: number, column: number): number {
  const chunk = segment.chunks[Math.floor(row / CHUNK_ROWS_MAX)];
  return chunk.data[column] + (row % CHUNK_ROWS_MAX) * segment.layout.columns[column].width;
}

/** FNV-1a over the bytes of a row's key. */
function hash(batch: Batch, segment: Segment, row: number, columns: readonly number[]): number {
  const { bytes } = batch;
  let hash = 0x811c9dc5;
  for (const column of columns) {
    let at = valueAt(segment, row, column);
    let end = at + segment.layout.columns[column].width;
    if (segment.layout.columns[column].isString) {
      const length = batch.ints[at >> 2];
      if (length > INLINE_BYTES_MAX) {
        at = batch.stringOffset(at);
        end = at + length;
      }
    }
    for (; at < end; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
  }
  return hash >>> 0;
}

function isSame(
  batch: Batch,
  segment: Segment,
  a: number,
  b: number,
  columns: readonly number[],
): boolean {
  const { bytes, ints } = batch;
  for (const column of columns) {
    let atA = valueAt(segment, a, column);
    let atB = valueAt(segment, b, column);
    let length: number = segment.layout.columns[column].width;
    if (segment.layout.columns[column].isString) {
      if (ints[atA >> 2] !== ints[atB >> 2]) return false;
      if (ints[atA >> 2] > INLINE_BYTES_MAX) {
        length = ints[atA >> 2];
        atA = batch.stringOffset(atA);
        atB = batch.stringOffset(atB);
      }
    }
    for (let i = 0; i < length; i++) if (bytes[atA + i] !== bytes[atB + i]) return false;
  }
  return true;
}
