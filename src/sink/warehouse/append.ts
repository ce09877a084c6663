/**
 * Hands a batch's columns to DuckDB: one copy a column and chunk. Synchronous, since DuckDB's
 * appender is; when it returns, DuckDB has copied what the strings' heads point to.
 */
import { type DuckDBAppender, type DuckDBConnection, DuckDBDataChunk } from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import { type Batch, type Chunk, CHUNK_ROWS_MAX, type Segment } from "../../batch/batch.ts";
import { META } from "../../batch/column.ts";
import { valueAt } from "./last_rows.ts";

/** Stands for the op as a letter, where otherwise a column of the batch is named. */
export const OP_TEXT = -1;

/** A table to append to. */
export interface Target {
  readonly catalog?: string;
  readonly schema: string;
  readonly name: string;
  /** Where each of its columns comes from: an index into a layout's columns, or OP_TEXT. */
  readonly sources: readonly number[];
}

/** See the top of this file. Holds the memory for one column of one chunk. */
export class Appender {
  readonly #values = new ArrayBuffer(CHUNK_ROWS_MAX * 16);
  readonly #bytes = new Uint8Array(this.#values);
  readonly #ints = new Int32Array(this.#values);
  readonly #validity = new Uint8Array(CHUNK_ROWS_MAX / 8);

  constructor(private readonly connection: DuckDBConnection) {}

  /** Appends all rows of `segment`, in order. */
  async all(target: Target, batch: Batch, segment: Segment): Promise<void> {
    const slab = batch.bytes.buffer as ArrayBuffer;
    await this.#append(target, (appender, rows) => {
      for (const chunk of segment.chunks) {
        if (chunk.rows === 0) continue;
        rows.reset();
        rows.rowCount = chunk.rows;
        target.sources.forEach((source, i) => {
          const vector = duckdb.data_chunk_get_vector(rows.chunk, i);
          if (source === OP_TEXT) return this.#copyOps(vector, batch, chunk);
          duckdb.vector_ensure_validity_writable(vector); // before the mask is copied
          const { data, validity } = chunk;
          const bytes = chunk.rows * segment.layout.columns[source].width;
          const bits = bitmapBytes(chunk.rows);
          duckdb.copy_data_to_vector_validity(vector, 0, slab, validity[source], bits);
          duckdb.copy_data_to_vector(vector, 0, slab, data[source], bytes);
        });
        appender.appendDataChunk(rows);
      }
    });
  }

  /**
   * Appends of `segment` only those rows that the first `count` of `names` name, at most a chunk
   * full; see last_rows.ts. The target takes no OP_TEXT.
   */
  async some(
    target: Target,
    batch: Batch,
    segment: Segment,
    names: Uint32Array,
    count: number,
  ): Promise<void> {
    if (count === 0) return;
    await this.#append(target, (appender, rows) => {
      rows.rowCount = count;
      target.sources.forEach((source, i) => {
        const vector = duckdb.data_chunk_get_vector(rows.chunk, i);
        const bytes = this.#gather(batch, segment, source, names, count);
        duckdb.vector_ensure_validity_writable(vector);
        const { buffer } = this.#validity;
        duckdb.copy_data_to_vector_validity(vector, 0, buffer, 0, bitmapBytes(count));
        duckdb.copy_data_to_vector(vector, 0, this.#values, 0, bytes);
      });
      appender.appendDataChunk(rows);
    });
  }

  async #append(
    { catalog, schema, name }: Target,
    fill: (appender: DuckDBAppender, rows: DuckDBDataChunk) => void,
  ): Promise<void> {
    const appender = await this.connection.createAppender(name, schema, catalog);
    const types = Array.from({ length: appender.columnCount }, (_, i) => appender.columnType(i));
    fill(appender, DuckDBDataChunk.create(types));
    appender.closeSync();
  }

  /** The ops as strings of one letter. */
  #copyOps(vector: duckdb.Vector, batch: Batch, chunk: Chunk): void {
    const ops = chunk.data[META.op];
    const ints = this.#ints.fill(0, 0, chunk.rows * 4);
    for (let row = 0; row < chunk.rows; row++) {
      ints[row * 4] = 1; // bytes, of which the first is
      ints[row * 4 + 1] = batch.bytes[ops + row];
    }
    duckdb.copy_data_to_vector(vector, 0, this.#values, 0, chunk.rows * 16);
  }

  /** Collects one column of the rows named; returns how many bytes its values take. */
  #gather(batch: Batch, segment: Segment, column: number, names: Uint32Array, count: number) {
    const { width } = segment.layout.columns[column];
    this.#validity.fill(0);
    for (let i = 0; i < count; i++) {
      const at = valueAt(segment, names[i], column);
      if (width >= 4) {
        const words = width >> 2;
        for (let k = 0; k < words; k++) this.#ints[i * words + k] = batch.ints[(at >> 2) + k];
      } else for (let k = 0; k < width; k++) this.#bytes[i * width + k] = batch.bytes[at + k];
      if (isValid(batch, segment, names[i], column)) this.#validity[i >> 3] |= 1 << (i & 7);
    }
    return count * width;
  }
}

function isValid(batch: Batch, segment: Segment, name: number, column: number): boolean {
  const chunk = segment.chunks[Math.floor(name / CHUNK_ROWS_MAX)];
  const row = name % CHUNK_ROWS_MAX;
  return (batch.bytes[chunk.validity[column] + (row >> 3)] >> (row & 7) & 1) === 1;
}

/** Bytes of a validity mask, which DuckDB holds in words of 64 bits. */
function bitmapBytes(rows: number): number {
  return ((rows + 63) >> 6) << 3;
}
