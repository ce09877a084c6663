import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { Batch } from "../../batch/batch.ts";
import { META_COUNT, TableLayout } from "../../batch/column.ts";
import type { Column, Table } from "../../catalog/catalog.ts";
import { Appender } from "./append.ts";

type List = (string | null)[] | null;

const LIST = META_COUNT;
const TAGS: Column = {
  name: "tags",
  type: { kind: "array", of: { kind: "text", exact: true } },
  notNull: false,
  sourceType: "text[]",
  typeOid: 1009,
  typeMod: -1,
  toastable: true,
};
const TABLE: Table = {
  oid: 1,
  schema: "main",
  name: "lists",
  columns: [TAGS],
  key: [0],
  identity: "default",
};

/** What DuckDB has after the lists went through a batch and the appender. */
async function roundTrip(lists: readonly List[]): Promise<unknown[]> {
  const layout = new TableLayout(TABLE);
  const batch = new Batch(new ArrayBuffer(4 * 1024 * 1024));
  batch.become("filling");
  const encoder = new TextEncoder();
  lists.forEach((list, i) => {
    const text = encoder.encode(JSON.stringify(list));
    assert(batch.reserve(layout, 1, text.length), "the batch is large enough");
    const chunk = batch.beginRow(layout);
    if (list === null) batch.putNull(chunk, LIST, chunk.rows, true);
    else batch.putString(chunk, LIST, chunk.rows, text, 0, text.length);
    batch.endRow(layout, "c", i + 1, { lsn: 1, tx: 1, atHigh: 0, atLow: 0 });
  });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run("CREATE TABLE lists (tags VARCHAR[], n BIGINT)");
    const target = { schema: "main", name: "lists", sources: [LIST, 1], lists: [LIST] };
    for (const segment of batch.segments.values()) {
      await new Appender(connection).append(target, batch, segment);
    }
    const reader = await connection.runAndReadAll("SELECT tags FROM lists ORDER BY n");
    return reader.getRowsJson().map(([tags]) => tags);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

Deno.test("lists of text are appended as they are", async () => {
  const element = fc.option(fc.string({ unit: "binary", maxLength: 40 }), { freq: 4 });
  const list = fc.option(fc.array(element, { maxLength: 6 }), { freq: 4 });
  await fc.assert(
    fc.asyncProperty(fc.array(list, { minLength: 1, maxLength: 50 }), async (lists) => {
      assert.deepEqual(await roundTrip(lists), lists);
    }),
    { numRuns: 30 },
  );
});

Deno.test("a chunk of lists leaves nothing behind for the next, however many elements", async () => {
  const lists: List[] = Array.from({ length: 5000 }, (_, i) => {
    if (i % 7 === 0) return null;
    const length = i < 2500 ? i % 6 : i % 3;
    return Array.from({ length }, (_, k) => (i + k) % 5 === 0 ? null : `${i}, "element" ${k}`);
  });
  assert.deepEqual(await roundTrip(lists), lists);
});
