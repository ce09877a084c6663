/**
 * Hands a batch's columns to DuckDB: one copy a column and chunk, then one call for each string
 * that is longer than 12 bytes. Synchronous, since DuckDB's appender is.
 */
import { type DuckDBAppender, type DuckDBConnection, DuckDBDataChunk } from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import type { Batch, Chunk, Segment } from "../../batch/batch.ts";
import { INLINE_BYTES_MAX, STRING_HEAD_BYTES } from "../../batch/column.ts";

/** Appends all rows of `segment` to the temporary table `name`, in order. */
export async function appendSegment(
  connection: DuckDBConnection,
  name: string,
  batch: Batch,
  segment: Segment,
): Promise<void> {
  const appender = await connection.createAppender(name, "main", "temp");
  const types = segment.layout.columns.map((_, i) => appender.columnType(i));
  const target = DuckDBDataChunk.create(types);
  for (const chunk of segment.chunks) {
    if (chunk.rows > 0) appendChunk(appender, target, batch, segment, chunk);
  }
  appender.closeSync();
}

function appendChunk(
  appender: DuckDBAppender,
  target: DuckDBDataChunk,
  batch: Batch,
  segment: Segment,
  chunk: Chunk,
): void {
  target.reset();
  target.rowCount = chunk.rows;
  const slab = batch.bytes.buffer as ArrayBuffer;
  const bitBytes = ((chunk.rows + 63) >> 6) << 3;
  segment.layout.columns.forEach((column, i) => {
    const vector = duckdb.data_chunk_get_vector(target.chunk, i);
    duckdb.vector_ensure_validity_writable(vector); // before the mask is copied
    duckdb.copy_data_to_vector_validity(vector, 0, slab, chunk.validity[i], bitBytes);
    duckdb.copy_data_to_vector(vector, 0, slab, chunk.data[i], chunk.rows * column.width);
    if (column.isString) assignLongStrings(vector, batch, chunk, i);
  });
  appender.appendDataChunk(target);
}

function assignLongStrings(vector: duckdb.Vector, batch: Batch, chunk: Chunk, column: number) {
  const { bytes, ints } = batch;
  const heads = chunk.data[column] >> 2;
  for (let row = 0; row < chunk.rows; row++) {
    const head = heads + row * (STRING_HEAD_BYTES >> 2);
    const length = ints[head];
    if (length <= INLINE_BYTES_MAX) continue;
    const from = ints[head + 2];
    const value = bytes.subarray(from, from + length);
    duckdb.vector_assign_string_element_len(vector, row, value);
  }
}
