/**
 * Fills a LIST column of DuckDB from the batch's, which holds each array as the text of a JSON
 * array of strings and nulls. Only for lists of VARCHAR, whose elements are those strings; the
 * other types' elements are what a cast of SQL makes of them (merge.ts).
 */
import assert from "node:assert/strict";
import duckdb from "@duckdb/node-bindings";
import type { Batch, Chunk } from "../../batch/batch.ts";
import type { ColumnType } from "../../catalog/catalog.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** Whether {@linkcode copyList} can fill a column of this type. */
export function isTextList(type: ColumnType): boolean {
  return type.kind === "array" && type.of.kind === "text";
}

/** Fills `vector`, whose validity is copied already, with a chunk's column of arrays. */
export function copyList(vector: duckdb.Vector, batch: Batch, chunk: Chunk, column: number): void {
  const { rows, data, validity } = chunk;
  const entries = new BigUint64Array(rows * 2); // where each list begins, and how long it is
  const elements: (string | null)[] = [];
  for (let row = 0; row < rows; row++) {
    const isValid = batch.bytes[validity[column] + (row >> 3)] >> (row & 7) & 1;
    const list = isValid ? parse(batch.stringAt(data[column] + row * 16)) : [];
    entries[row * 2] = BigInt(elements.length);
    entries[row * 2 + 1] = BigInt(list.length);
    for (const element of list) elements.push(element);
  }
  duckdb.copy_data_to_vector(vector, 0, entries.buffer, 0, entries.byteLength);
  duckdb.list_vector_reserve(vector, elements.length);
  duckdb.list_vector_set_size(vector, elements.length);
  fillChild(duckdb.list_vector_get_child(vector), elements);
}

function fillChild(child: duckdb.Vector, elements: readonly (string | null)[]): void {
  const mask = new Uint8Array(((elements.length + 63) >> 6) << 3);
  elements.forEach((element, i) => {
    if (element === null) return;
    mask[i >> 3] |= 1 << (i & 7);
    duckdb.vector_assign_string_element_len(child, i, encoder.encode(element));
  });
  duckdb.vector_ensure_validity_writable(child);
  duckdb.copy_data_to_vector_validity(child, 0, mask.buffer, 0, mask.byteLength);
}

function parse(bytes: Uint8Array): (string | null)[] {
  const list: unknown = JSON.parse(decoder.decode(bytes));
  const isList = Array.isArray(list) && list.every((e) => e === null || typeof e === "string");
  assert(isList, "an array in a batch is a JSON array of strings and nulls");
  return list;
}
