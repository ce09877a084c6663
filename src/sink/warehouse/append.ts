/**
 * Hands a batch's columns to DuckDB: one copy a column and chunk. Synchronous, since DuckDB's
 * appender is; when it returns, DuckDB has copied what the strings' heads point to.
 */
import {
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  type DuckDBType,
} from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import { type Batch, type Chunk, CHUNK_ROWS_MAX, type Segment } from "../../batch/batch.ts";
import { META } from "../../batch/column.ts";
import { copyList } from "./list.ts";

/** Stands for the op as a letter, where otherwise a column of the batch is named. */
export const OP_TEXT = -1;

/** A table to append to. */
export interface Target {
  readonly catalog?: string;
  readonly schema: string;
  readonly name: string;
  /** Where each of its columns comes from: an index into a layout's columns, or OP_TEXT. */
  readonly sources: readonly number[];
  /** Those of them that hold a list's text, where the table has the list (list.ts). */
  readonly lists?: readonly number[];
  /** The table stays until {@linkcode Appender.close}, and this object with it: its appender is kept
   * for the next rows. */
  readonly stays?: true;
}

/** Room for a chunk of a target's rows. */
interface Room {
  readonly rows: DuckDBDataChunk;
  /** The vector of each of its columns. */
  readonly vectors: readonly duckdb.Vector[];
}

/** The types of a target's columns, also as one text. */
interface Types {
  readonly list: readonly DuckDBType[];
  readonly text: string;
}

/** Room is kept for so many columns in all, and appenders of so many: one takes up to 32 kB, and
 * lists more. */
const COLUMNS_MAX = 256;

/**
 * See the top of this file. Holds the memory for one column of one chunk, for a chunk of each of some
 * lists of types, and some appenders: for every object of DuckDB's that is made, Deno 2.9.6 keeps
 * some bytes for good, and a tenth of a millisecond is gone.
 */
export class Appender {
  readonly #values = new Int32Array(CHUNK_ROWS_MAX * 4);
  readonly #types = new WeakMap<Target, Types>();
  /** By the text of the types. None is given up for another: those that had lived for a while would
   * be garbage for long. */
  readonly #rooms = new Map<string, Room>();
  /** Of tables that stay. None holds a row between two calls. */
  readonly #open = new Map<Target, DuckDBAppender>();
  #openColumns = 0;

  constructor(private readonly connection: DuckDBConnection) {}

  /** Appends all rows of `segment`, in order. */
  async append(target: Target, batch: Batch, segment: Segment): Promise<void> {
    const { sources, lists } = target;
    const appender = this.#open.get(target) ?? await this.#openFor(target);
    try {
      const { rows, vectors } = this.#roomFor(target, appender);
      for (const chunk of segment.chunks) {
        if (chunk.rows === 0) continue;
        rows.reset();
        rows.rowCount = chunk.rows;
        sources.forEach((source, i) => {
          const vector = vectors[i];
          if (source === OP_TEXT) return this.#copyOps(vector, batch, chunk);
          copyValidity(vector, batch, chunk, source);
          if (lists?.includes(source)) copyList(vector, batch, chunk, source);
          else copyValues(vector, batch, chunk, source, segment.layout.columns[source].width);
        });
        appender.appendDataChunk(rows);
      }
      if (this.#open.has(target)) appender.flushSync();
      else appender.closeSync();
      rows.reset(); // lists have memory of their own
    } catch (error) {
      this.#rooms.delete(this.#types.get(target)?.text ?? "");
      this.#forget(target);
      // What it holds would be written when it is collected as garbage, into whatever the
      // connection does then.
      appender.clear();
      throw error;
    }
  }

  /** Lets go of the appenders that are kept: with them, the file would not be closed. */
  close(): void {
    for (const [target, appender] of this.#open) {
      this.#forget(target);
      appender.closeSync();
    }
  }

  async #openFor(target: Target): Promise<DuckDBAppender> {
    const { catalog, schema, name, sources, stays } = target;
    const appender = await this.connection.createAppender(name, schema, catalog);
    if (stays && this.#openColumns + sources.length <= COLUMNS_MAX) {
      this.#open.set(target, appender);
      this.#openColumns += sources.length;
    }
    return appender;
  }

  #forget(target: Target): void {
    if (this.#open.delete(target)) this.#openColumns -= target.sources.length;
  }

  #roomFor(target: Target, appender: DuckDBAppender): Room {
    const types = this.#typesOf(target, appender);
    const known = this.#rooms.get(types.text);
    if (known !== undefined) return known;
    const rows = DuckDBDataChunk.create(types.list);
    const vectors = types.list.map((_, i) => duckdb.data_chunk_get_vector(rows.chunk, i));
    const room = { rows, vectors };
    const columns = [room, ...this.#rooms.values()].reduce((sum, r) => sum + r.vectors.length, 0);
    if (columns <= COLUMNS_MAX) this.#rooms.set(types.text, room);
    return room;
  }

  #typesOf(target: Target, appender: DuckDBAppender): Types {
    const known = this.#types.get(target);
    if (known !== undefined) return known;
    const list = target.sources.map((_, i) => appender.columnType(i));
    // DuckDB tells JSON from VARCHAR by its alias alone.
    const types = { list, text: list.map((type) => `${type}:${type.alias ?? ""}`).join() };
    this.#types.set(target, types);
    return types;
  }

  /** The ops as strings of one letter. */
  #copyOps(vector: duckdb.Vector, batch: Batch, chunk: Chunk): void {
    const ops = chunk.data[META.op];
    const heads = this.#values.fill(0, 0, chunk.rows * 4);
    for (let row = 0; row < chunk.rows; row++) {
      heads[row * 4] = 1; // bytes, of which the first is
      heads[row * 4 + 1] = batch.bytes[ops + row];
    }
    duckdb.copy_data_to_vector(vector, 0, heads.buffer, 0, chunk.rows * 16);
  }
}

function copyValidity(
  vector: duckdb.Vector,
  batch: Batch,
  { rows, validity }: Chunk,
  column: number,
): void {
  const slab = batch.bytes.buffer as ArrayBuffer;
  duckdb.vector_ensure_validity_writable(vector); // before the mask is copied
  duckdb.copy_data_to_vector_validity(vector, 0, slab, validity[column], ((rows + 63) >> 6) << 3);
}

function copyValues(
  vector: duckdb.Vector,
  batch: Batch,
  { rows, data }: Chunk,
  column: number,
  width: number,
): void {
  const slab = batch.bytes.buffer as ArrayBuffer;
  duckdb.copy_data_to_vector(vector, 0, slab, data[column], rows * width);
}
