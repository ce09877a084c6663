import assert from "node:assert/strict";
import type { Table } from "../catalog/catalog.ts";
import { Batch, type BatchState } from "./batch.ts";
import { META_COUNT, TableLayout } from "./column.ts";
import { Pool, POOL_BATCHES } from "./pool.ts";

const TABLE: Table = {
  oid: 1,
  schema: "public",
  name: "t",
  columns: ["id", "v"].map((name) => ({
    name,
    type: { kind: "text", exact: true },
    sourceType: "text",
    typeOid: 25,
    typeMod: -1,
    notNull: false,
    toastable: true,
  })),
  key: [0],
  identity: "default",
};
const HEAD = { lsn: 1, tx: 1, atHigh: 0, atLow: 0 };

Deno.test("batch: only the circle of its states is allowed", () => {
  const circle: BatchState[] = ["free", "filling", "sealed", "applying"];
  for (const [at, from] of circle.entries()) {
    for (const to of circle) {
      const batch = new Batch(new ArrayBuffer(65536));
      for (let i = 1; i <= at; i++) batch.become(circle[i]);
      assert.equal(batch.state, from);
      if (to === circle[(at + 1) % 4]) batch.become(to);
      else assert.throws(() => batch.become(to), { code: "ERR_ASSERTION" }, `${from} to ${to}`);
    }
  }
});

Deno.test("batch: what is not being filled takes no rows", () => {
  const layout = new TableLayout(TABLE);
  const batch = new Batch(new ArrayBuffer(65536));
  assert.throws(() => batch.reserve(layout, 1, 0), { code: "ERR_ASSERTION" });
  assert.throws(() => batch.discard(), { code: "ERR_ASSERTION" });
  batch.become("filling");
  assert.ok(batch.reserve(layout, 1, 0));
  batch.become("sealed");
  assert.throws(() => batch.reserve(layout, 1, 0), { code: "ERR_ASSERTION" });
});

Deno.test("batch: a row that writes more than it reserved is an assertion, not an overrun", () => {
  const layout = new TableLayout(TABLE);
  const batch = new Batch(new ArrayBuffer(65536));
  batch.become("filling");
  assert.ok(batch.reserve(layout, 1, 100));
  assert.throws(() => batch.takeBytes(65536), { code: "ERR_ASSERTION" });
});

Deno.test("batch: columns and strings never meet, and a batch comes back empty", () => {
  const layout = new TableLayout(TABLE);
  const batch = new Batch(new ArrayBuffer(65536));
  const value = new Uint8Array(50).fill(97);
  for (let round = 0; round < 2; round++) {
    batch.become("filling");
    assert.equal(batch.rows, 0);
    let rows = 0;
    while (batch.reserve(layout, 1, 100)) {
      const chunk = batch.beginRow(layout);
      batch.putString(chunk, 6, chunk.rows, value, 0, 50);
      batch.putString(chunk, 7, chunk.rows, value, 0, 50);
      batch.endRow(layout, "c", rows++, HEAD);
    }
    assert.ok(rows > 200 && batch.usedBytes <= 65536 && batch.fill > 0.9, `${rows} rows`);
    for (const chunk of batch.segments.get(layout)!.chunks) {
      for (let row = 0; row < chunk.rows; row++) {
        assert.deepEqual(batch.stringAt(chunk.data[7] + row * 16), value);
      }
    }
    batch.discard();
    assert.equal(batch.usedBytes, 0);
  }
});

Deno.test("batch: only an empty one is enlarged, and it is of the old size again when free", () => {
  const layout = new TableLayout(TABLE);
  const batch = new Batch(new ArrayBuffer(65536));
  batch.become("filling");
  assert.equal(batch.reserve(layout, 1, 200_000), false);
  batch.enlarge(layout, 1, 200_000);
  assert.ok(batch.reserve(layout, 1, 200_000));
  const chunk = batch.beginRow(layout);
  batch.putString(chunk, 6, 0, new Uint8Array(200_000), 0, 200_000);
  batch.putNull(chunk, 7, 0, true);
  batch.endRow(layout, "c", 1, HEAD);
  assert.throws(() => batch.enlarge(layout, 1, 1), { code: "ERR_ASSERTION" });
  batch.discard();
  assert.equal(batch.slabBytes, 65536);
});

Deno.test("pool: disposal asserts that every batch came home", () => {
  const pool = new Pool(4 * 65536);
  const batches = Array.from({ length: POOL_BATCHES }, () => pool.take()!);
  assert.equal(pool.take(), undefined, "a fixed number");
  assert.equal(new Set(batches).size, POOL_BATCHES);
  for (const batch of batches.slice(1)) pool.give(batch);
  assert.throws(() => pool[Symbol.dispose](), /not given back/);
  pool.give(batches[0]);
  pool[Symbol.dispose]();
});

Deno.test("pool: a batch is given back once, and to its own pool", () => {
  using pool = new Pool(4 * 65536);
  using other = new Pool(4 * 65536);
  const batch = pool.take()!;
  assert.throws(() => other.give(batch), { code: "ERR_ASSERTION" });
  pool.give(batch);
  assert.throws(() => pool.give(batch), { code: "ERR_ASSERTION" });
});

Deno.test("batch: a string of any length is copied whole, wherever it lies", () => {
  const layout = new TableLayout(TABLE);
  const batch = new Batch(new ArrayBuffer(1 << 20));
  batch.become("filling");
  const text = new TextEncoder().encode(`"${"Zoë und Ümit 😀 trinken Tee. ".repeat(20)}"`);
  const source = Uint8Array.of(9, 9, 9, 9, ...text, 9);
  const view = new DataView(source.buffer);
  assert.ok(batch.reserve(layout, 1, 200_000));
  const { data } = batch.beginRow(layout);
  const column = META_COUNT;
  for (let length = 0; length <= 400; length++) {
    const start = 5 + length % 7;
    batch.putStringOf(data[column], view, start, length);
    assert.deepEqual(batch.stringAt(data[column]), source.slice(start, start + length));
    if (length > 12) continue;
    const head = batch.bytes.slice(data[column] + 4 + length, data[column] + 16);
    assert.ok(
      head.every((byte) => byte === 0),
      "DuckDB compares what is behind a short string too",
    );
  }
});
