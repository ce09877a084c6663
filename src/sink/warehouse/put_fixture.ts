/** For tests only: rows with an integer key and nothing else, and a position to commit them with. */
import assert from "node:assert/strict";
import type { Batch, Op } from "../../batch/batch.ts";
import { META_COUNT, type TableLayout } from "../../batch/column.ts";
import type { Table } from "../../catalog/catalog.ts";
import type { Position } from "../../source/position.ts";

export const POSITION: Position = {
  kind: "kafka",
  clusterId: "c",
  prefix: "p",
  topics: { "p.public.users": [{ next: 3, lsn: 30 }] },
  snapshot: { phase: "done", lsn: 10, again: null },
  lsn: 30,
};

/** The table that {@linkcode put} writes into. */
export const TABLE: Table = {
  oid: 0,
  schema: "public",
  name: "users",
  columns: [{
    name: "id",
    type: { kind: "int4" },
    sourceType: "integer",
    typeOid: 23,
    typeMod: -1,
    notNull: true,
    toastable: false,
  }],
  key: [0],
  identity: "unknown",
};

/** Writes one row into `batch`. */
export function put(
  batch: Batch,
  layout: TableLayout,
  id: number,
  seq: number,
  lsn: number,
  op: Op = "c",
): void {
  assert(batch.reserve(layout, 1, 0));
  const chunk = batch.beginRow(layout);
  batch.ints[(chunk.data[META_COUNT] >> 2) + chunk.rows] = id;
  batch.endRow(layout, op, seq, { lsn, tx: 7, atHigh: 0, atLow: 0 });
}
