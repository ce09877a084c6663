/**
 * Hands a batch's columns to DuckDB: one copy a column and chunk. Synchronous, since DuckDB's
 * appender is; when it returns, DuckDB has copied what the strings' heads point to.
 */
import { type DuckDBAppender, type DuckDBConnection, DuckDBDataChunk } from "@duckdb/node-api";
import duckdb from "@duckdb/node-bindings";
import type { Batch, Chunk, Segment } from "../../batch/batch.ts";

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
  });
  appender.appendDataChunk(target);
}
