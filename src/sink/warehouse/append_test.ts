import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import { collectGarbage } from "../../allocator.ts";
import { Batch } from "../../batch/batch.ts";
import { TableLayout } from "../../batch/column.ts";
import { testTable } from "./reader_testing.ts";
import { Appender } from "./append.ts";

/** The column of `_seq` (see batch/column.ts). */
const SEQ = 1;

Deno.test("what could not be appended is not written later, when garbage is collected", async () => {
  const layout = new TableLayout(testTable("main.t", { id: { kind: "int4" } }, ["id"]));
  const batch = new Batch(new ArrayBuffer(1024 * 1024));
  batch.become("filling");
  assert(batch.reserve(layout, 1, 0));
  batch.putNullRow(layout);
  batch.endRow(layout, "c", 7, { lsn: 1, tx: 1, atHigh: 0, atLow: 0 });
  const [segment] = batch.segments.values();
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const count = async () =>
    (await connection.runAndReadAll("SELECT count(*)::INT FROM t")).getRowsJson()[0][0];
  await connection.run("CREATE TABLE t (seq BIGINT)");
  const target = { schema: "main", name: "t", sources: [SEQ] };
  await connection.run("BEGIN");
  const [chunk] = segment.chunks;
  const broken = {
    ...chunk,
    get data(): number[] {
      throw new Error("amid the rows");
    },
  };
  const half = { ...segment, layout, chunks: [chunk, broken] } as typeof segment;
  await assert.rejects(new Appender(connection).append(target, batch, half), /amid the rows/);
  await connection.run("ROLLBACK");
  for (let i = 0; i < 5; i++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20)); // finalizers have their turn
  }
  assert.equal(await count(), 0);
  await new Appender(connection).append(target, batch, segment);
  assert.equal(await count(), 1);
  connection.closeSync();
  instance.closeSync();
});
