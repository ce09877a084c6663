/**
 * The few places where we look below node-api's `getItem`: it makes a list or map whole, as objects,
 * before one can ask how long it is. Everything here reads fields that exist at run time and are
 * only declared private; a test of each type holds this to the version in deno.json.
 */
import assert from "node:assert/strict";
import {
  DuckDBArrayVector,
  DuckDBListVector,
  DuckDBMapVector,
  DuckDBStructVector,
  DuckDBUnionVector,
  type DuckDBVector,
} from "@duckdb/node-api";

interface Validity {
  itemValid(index: number): boolean;
}

/** A vector of strings or blobs: 16 bytes a value, of which the first four are its length. */
export interface Bytes {
  readonly dataView: DataView;
  readonly validity: Validity;
}

/** How many bytes DuckDB keeps for the string or blob at `index`; 0 for NULL. */
export function storedBytes(vector: Bytes, index: number): number {
  return vector.validity.itemValid(index) ? vector.dataView.getUint32(index * 16, true) : 0;
}

/** Where a list's elements are: `length` of them in `child` from `offset` on. */
export interface List {
  readonly child: DuckDBVector;
  readonly offset: number;
  readonly length: number;
}

/** The list at `index`; null for NULL. */
export function listOf(vector: DuckDBVector, index: number): List | null {
  assert(vector instanceof DuckDBListVector);
  const { validity } = vector as unknown as { validity: Validity };
  if (!validity.itemValid(index)) return null;
  return {
    child: vector.childVector,
    offset: vector.getEntryOffset(index),
    length: vector.getEntryLength(index),
  };
}

/** The vector that holds the elements of all arrays of `vector`; null when this one is NULL. */
export function arrayChild(vector: DuckDBVector, index: number): DuckDBVector | null {
  assert(vector instanceof DuckDBArrayVector);
  const inner = vector as unknown as { validity: Validity; childData: DuckDBVector };
  return inner.validity.itemValid(index) ? inner.childData : null;
}

/** The struct's fields; null when this one is NULL. */
export function structFields(vector: DuckDBVector, index: number): DuckDBStructVector | null {
  assert(vector instanceof DuckDBStructVector);
  return vector.isItemValid(index) ? vector : null;
}

/** The entries of the map at `index`; null for NULL. */
export function mapEntries(
  vector: DuckDBVector,
  index: number,
): { keys: DuckDBVector; values: DuckDBVector; offset: number; length: number } | null {
  assert(vector instanceof DuckDBMapVector);
  const list = listOf((vector as unknown as { listVector: DuckDBVector }).listVector, index);
  if (list === null) return null;
  assert(list.child instanceof DuckDBStructVector);
  return {
    keys: list.child.entryVectorAt(0),
    values: list.child.entryVectorAt(1),
    offset: list.offset,
    length: list.length,
  };
}

/** A union's fields: the tag, then one for each member. */
export function unionFields(vector: DuckDBVector): DuckDBStructVector {
  assert(vector instanceof DuckDBUnionVector);
  return (vector as unknown as { structVector: DuckDBStructVector }).structVector;
}
