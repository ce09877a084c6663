import assert from "node:assert/strict";
import type { Op } from "../../batch/batch.ts";
import type { DeadLetter } from "../../batch/dead_letter.ts";
import { Pool } from "../../batch/pool.ts";
import { Warehouse } from "./duckdb.ts";
import { POSITION, put, TABLE } from "./put_fixture.ts";
import { readOnce } from "./read_once.ts";
import { WarehouseReader } from "./reader.ts";

const LETTER: DeadLetter = {
  topic: "p.public.users",
  partition: 2,
  offset: 2 ** 40,
  timestampMs: 1_700_000_000_123,
  table: "public.users",
  headers: { "__debezium.newkey": '{"id":1}' },
  key: new TextEncoder().encode('{"id":"ü\'"}'),
  value: new Uint8Array([0x7b, 0xff, 0x00]),
  kind: "bad-record",
  reason: "it's not JSON",
};

async function open(dataDir: string): Promise<Warehouse> {
  return await Warehouse.open({ dataDir, memoryBytes: 256 * 1024 * 1024 });
}

Deno.test("letters commit with the position, rows and new tables, or not at all", async () => {
  const dataDir = await Deno.makeTempDir();
  const pool = new Pool(4 * 1024 * 1024);
  const warehouse = await open(dataDir);
  await warehouse.beginSnapshot([]);
  await warehouse.commit(POSITION, 0, null);
  const apply = async (end: () => Promise<void>) => {
    const layout = await warehouse.evolve(TABLE);
    assert.equal(await warehouse.evolve(TABLE), layout, "a second time it is there");
    const batch = pool.take()!;
    put(batch, layout, 1, 1, 20);
    put(batch, layout, 2, 2, 30);
    batch.addLetter(LETTER);
    await warehouse.write(batch);
    pool.give(batch);
    await end();
  };
  await apply(() => warehouse.abort());
  assert.deepEqual((await warehouse.state()).tables, []);
  assert.equal((await warehouse.state()).letters, 0);
  await apply(() => warehouse.commit(POSITION, 2, null));
  const state = await warehouse.state();
  assert.deepEqual(state.tables, [TABLE]);
  assert.deepEqual(state.position, POSITION);
  assert.equal(state.letters, 1);

  const reader = new WarehouseReader(warehouse.instance);
  const ask = async (question: Parameters<WarehouseReader["ask"]>[0]) =>
    JSON.parse((await reader.ask(question, new AbortController().signal)).json);
  const { dead_letters: [listed], total } = await ask({ kind: "letters", limit: 10 });
  assert.equal(total, "1");
  assert.equal(listed.offset, String(2 ** 40));
  assert.equal(listed.record_time, "2023-11-14T22:13:20.123000Z");
  const whole = await ask({ kind: "letter", id: 1 });
  assert.equal(whole.key, '{"id":"ü\'"}');
  assert.equal(whole.value, undefined, "bytes that are no UTF-8 are no text");
  assert.deepEqual(Uint8Array.fromBase64(whole.value_base64), LETTER.value);
  assert.deepEqual(whole.headers, LETTER.headers);
  assert.equal((await ask({ kind: "tables" })).tables[0].dead_letters, "1");
  await assert.rejects(ask({ kind: "letter", id: 2 }), /There is none with the id 2/);
  await reader.close();
  await warehouse.close();

  const once = await readOnce(
    { dataDir, memoryBytes: 256 * 1024 * 1024 },
    { kind: "letters", limit: 1 },
  );
  assert.equal((once as { total: string }).total, "1");
  pool[Symbol.dispose]();
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("a change that was written is recognised by key, LSN and op, committed or not", async () => {
  const dataDir = await Deno.makeTempDir();
  const pool = new Pool(4 * 1024 * 1024);
  const warehouse = await open(dataDir);
  await warehouse.beginSnapshot([TABLE]);
  const [layout] = warehouse.layouts();
  const write = async (rows: readonly [id: number, seq: number, lsn: number][]) => {
    const batch = pool.take()!;
    for (const [id, seq, lsn] of rows) put(batch, layout, id, seq, lsn);
    await warehouse.write(batch);
    pool.give(batch);
  };
  await write([[1, 1, 20], [2, 2, 20]]);
  await warehouse.commit(POSITION, 2, null);
  await write([[3, 3, 30]]);
  const truncates = pool.take()!;
  for (const [i, lsn] of [10, 20, 25, 30, 31].entries()) {
    put(truncates, layout, 0, i + 1, lsn, "t");
  }
  const later = await warehouse.recognise(truncates);
  for (const either of later.splice(0, 2)) assert([1, 2].includes(either), "both have LSN 20");
  assert.deepEqual(later, [3, 3, 0], "what was written at its LSN or after it");
  pool.give(truncates);
  const asked = pool.take()!;
  put(asked, layout, 2, 1, 20);
  put(asked, layout, 2, 2, 30);
  put(asked, layout, 3, 3, 30);
  put(asked, layout, 4, 4, 20);
  assert.deepEqual(await warehouse.recognise(asked), [2, 0, 3, 0]);
  pool.give(asked);
  assert.deepEqual(await warehouse.appliedOf([7, 8], 4), new Set([7]));
  assert.deepEqual(await warehouse.appliedOf([7, 8], 1), new Set(), "only what came before");
  await warehouse.commit(POSITION, 3, null);
  await warehouse.close();
  pool[Symbol.dispose]();
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("from topics, a row that is read or created again is there once, however large the tail", async () => {
  const dataDir = await Deno.makeTempDir();
  const pool = new Pool(64 * 1024 * 1024);
  let warehouse = await open(dataDir);
  await warehouse.beginSnapshot([]);
  await warehouse.commit(POSITION, 0, null);
  const layout = await warehouse.evolve(TABLE);
  const count = 35_000; // more than a tail may have: it is folded amid the transaction
  let seq = 0;
  const write = async (into: Warehouse, op: Op, rows: number) => {
    const batch = pool.take()!;
    for (let id = 0; id < rows; id++) put(batch, into.layouts()[0], id, ++seq, 20, op);
    await into.write(batch);
    pool.give(batch);
    await into.commit(POSITION, seq, null);
    await into.maintain(true);
  };
  const counts = async (of: Warehouse) => {
    const reader = await of.instance.connect();
    const rows = await reader.runAndReadAll(
      "SELECT count(*), count(DISTINCT id) FROM public.users",
    );
    reader.closeSync();
    return rows.getRowsJson()[0].map(Number);
  };
  assert.equal(layout, warehouse.layouts()[0]);
  await write(warehouse, "r", count);
  assert.deepEqual(await counts(warehouse), [count, count]);
  await write(warehouse, "r", count); // the connector's snapshot again
  assert.deepEqual(await counts(warehouse), [count, count]);
  await write(warehouse, "c", 10); // made again; its delete was lost
  assert.deepEqual(await counts(warehouse), [count, count]);
  await warehouse.close();
  warehouse = await open(dataDir);
  await warehouse.state();
  await write(warehouse, "r", 10);
  assert.deepEqual(await counts(warehouse), [count, count]);
  await warehouse.close();
  pool[Symbol.dispose]();
  await Deno.remove(dataDir, { recursive: true });
});
