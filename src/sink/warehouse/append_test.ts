import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import { collectGarbage } from "../../allocator.ts";
import { Batch } from "../../batch/batch.ts";
import { META, META_COUNT, TableLayout } from "../../batch/column.ts";
import type { ColumnType } from "../../catalog/catalog.ts";
import { testTable } from "./reader_testing.ts";
import { Appender } from "./append.ts";

/** The column of `_seq` (see batch/column.ts). */
const SEQ = META.seq;

const TEXT: ColumnType = { kind: "text", exact: false };

/** A batch of one table with a column `v`, of these values. */
function batchOf(type: ColumnType, values: readonly (string | null)[]): Batch {
  const layout = new TableLayout(testTable("main.t", { v: type }, ["v"]));
  const batch = new Batch(new ArrayBuffer(1024 * 1024));
  batch.become("filling");
  values.forEach((value, i) => {
    const bytes = new TextEncoder().encode(value ?? "");
    assert(batch.reserve(layout, 1, bytes.length));
    const chunk = batch.beginRow(layout);
    if (value === null) batch.putNull(chunk, META_COUNT, chunk.rows, true);
    else batch.putString(chunk, META_COUNT, chunk.rows, bytes, 0, bytes.length);
    batch.endRow(layout, "c", i + 1, { lsn: 1, tx: 1, atHigh: 0, atLow: 0 });
  });
  return batch;
}

Deno.test("tables that share room get their own values, of their own types", async () => {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run("CREATE TABLE texts (seq BIGINT, v VARCHAR)");
  await connection.run("CREATE TABLE more (seq BIGINT, v VARCHAR)");
  await connection.run("CREATE TABLE documents (seq BIGINT, v JSON)");
  const appender = new Appender(connection);
  const expected: Record<string, (string | null)[]> = { texts: [], more: [], documents: [] };
  const targets = Object.keys(expected).map((name) => ({
    schema: "main",
    name,
    sources: [SEQ, META_COUNT],
  }));
  const long = "a string that is too long for its head ";
  // Fewer rows after more, values where NULLs were, short ones where long ones were.
  for (const [round, rows] of [2500, 3, 700, 1].entries()) {
    for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
      const values = Array.from(
        { length: rows },
        (_, i) =>
          (i + round) % 3 === 0 ? null : JSON.stringify(`${target.name} ${i % 2 ? long : ""}${i}`),
      );
      const batch = batchOf(target.name === "documents" ? { kind: "json" } : TEXT, values);
      const [segment] = batch.segments.values();
      await appender.append(target, batch, segment);
      expected[target.name].push(...values);
    }
  }
  for (const [name, values] of Object.entries(expected)) {
    const reader = await connection.runAndReadAll(`SELECT v::VARCHAR FROM ${name} ORDER BY rowid`);
    assert.deepEqual(reader.getRowsJson().map(([v]) => v), values, name);
  }
  connection.closeSync();
  instance.closeSync();
});

Deno.test("an appender that is kept outlives rollbacks, errors and its table, and is no lock", async () => {
  const dataDir = await Deno.makeTempDir();
  const file = `${dataDir}/w.duckdb`;
  let instance = await DuckDBInstance.create(file);
  let connection = await instance.connect();
  const appender = new Appender(connection);
  const target = { schema: "main", name: "t", sources: [SEQ, META_COUNT], stays: true } as const;
  const append = async (value: string) => {
    const batch = batchOf(TEXT, [value]);
    const [segment] = batch.segments.values();
    await appender.append(target, batch, segment);
  };
  const values = async () =>
    (await connection.runAndReadAll("SELECT v FROM t ORDER BY v")).getRowsJson().flat();
  const make = "CREATE TABLE t (seq BIGINT, v VARCHAR CHECK (v <> 'refused'))";
  await connection.run(make);
  await append("a");
  await connection.run("BEGIN");
  await append("rolled back");
  await connection.run("ROLLBACK");
  await append("b");
  await assert.rejects(append("refused"), /CHECK/);
  await append("c");
  assert.deepEqual(await values(), ["a", "b", "c"], "of an error nothing is left");
  await connection.run("DROP TABLE t");
  await assert.rejects(append("d"), /does not exist/);
  await connection.run(make);
  await append("e");
  await connection.run("BEGIN; DROP TABLE t");
  await connection.run(make);
  await append("f");
  await connection.run("ROLLBACK"); // the table that it was made for is another now
  await append("g");
  assert.deepEqual(await values(), ["e", "g"]);
  appender.close();
  connection.closeSync();
  instance.closeSync();
  instance = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
  connection = await instance.connect();
  assert.deepEqual(await values(), ["e", "g"], "nobody has kept the file open");
  connection.closeSync();
  instance.closeSync();
  await Deno.remove(dataDir, { recursive: true });
});

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
