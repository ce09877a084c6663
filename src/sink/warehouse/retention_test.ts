/** Retention against a model of its own: the state at any time from the horizon on stays. */
import assert from "node:assert/strict";
import type { Table } from "../../catalog/catalog.ts";
import { createTables, logTable } from "./tables.ts";
import { Retention } from "./retention.ts";
import { testTable, testWarehouse } from "./reader_testing.ts";

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 1);

/** A change: its number, op, key and time. */
interface Change {
  seq: number;
  op: string;
  id: number;
  ms: number;
}

/** Small and fast, with a state of 32 bits (mulberry32). */
function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function changes(next: () => number, count: number): Change[] {
  const live = new Set<number>();
  const list: Change[] = [];
  for (let seq = 1; seq <= count; seq++) {
    const ms = START_MS + seq * DAY_MS / 10;
    const id = Math.floor(next() * 20);
    if (next() < 0.01) {
      live.clear();
      list.push({ seq, op: "t", id: -1, ms });
    } else if (!live.has(id)) {
      live.add(id);
      list.push({ seq, op: "c", id, ms });
    } else if (next() < 0.3) {
      live.delete(id);
      list.push({ seq, op: "d", id, ms });
    } else list.push({ seq, op: "u", id, ms });
  }
  return list;
}

/** The number of the change that each living key got last, before a time. */
function stateAt(log: Change[], ms: number): Map<number, number> {
  const state = new Map<number, number>();
  for (const change of log) {
    if (change.ms >= ms) break;
    if (change.op === "t") state.clear();
    else if (change.op === "d") state.delete(change.id);
    else state.set(change.id, change.seq);
  }
  return state;
}

Deno.test("retention keeps the state at any time from the horizon on, and nothing else", async () => {
  const seed = Number(Deno.env.get("SLUICE_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`SLUICE_TEST_SEED=${seed}`);
  const next = random(seed);
  await using warehouse = await testWarehouse();
  const { connection } = warehouse;
  const tables = ["public.t", "public.u"].map((name) => {
    return testTable(name, { id: { kind: "int4" } }, ["id"]);
  });
  for (const sql of tables.flatMap(createTables)) await connection.run(sql);
  const all = changes(next, 600);
  for (const { seq, op, id, ms } of all) {
    await connection.run(
      `INSERT INTO ${logTable(tables[0])} VALUES (${id < 0 ? "NULL" : id}, '${op}', ${seq}, 1, 1,
        TIMESTAMPTZ '${new Date(ms).toISOString()}')`,
    );
  }
  await connection.run(`INSERT INTO ${logTable(tables[1])} FROM ${logTable(tables[0])}`);
  const read = async (table: Table): Promise<Change[]> => {
    const rows = (await connection.runAndReadAll(
      `SELECT _seq::INT, _op, coalesce(id, -1), epoch_ms(_at)::DOUBLE FROM ${logTable(table)}
        ORDER BY _seq`,
    )).getRowsJson() as [number, string, number, number][];
    return rows.map(([seq, op, id, ms]) => ({ seq, op, id, ms }));
  };
  const started = () =>
    new Retention(
      10 * DAY_MS,
      async (sql) => (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][],
      async (sql) => (await connection.run(sql)).rowsChanged,
      1 + Math.floor(next() * 60),
    );
  let retention = started();
  // Later horizons find what earlier ones have kept; what is not folded yet is left for later.
  const passes = [[20, 150], [35, 152], [36, 420], [36, 580], [60, 580], [60, 580]];
  for (const [i, [days, untilSeq]] of passes.entries()) {
    if (next() < 0.4) retention = started(); // it remembers what was done
    const nowMs = START_MS + days * DAY_MS;
    const horizonMs = nowMs - 10 * DAY_MS;
    const mayRepeat = next() < 0.5;
    const logs = () => tables.map((table) => ({ table, untilSeq, mayRepeat }));
    let pieces = 0;
    while (await retention.piece(nowMs, logs)) pieces++;
    const isRepeated = i > 0 && String(passes[i - 1]) === String(passes[i]);
    if (isRepeated) assert.equal(pieces, 0, "nothing was left to look at");
    const left = await read(tables[0]);
    assert.deepEqual(await read(tables[1]), left, "each log is cut in the same way");
    const folded = all.filter(({ seq }) => seq <= untilSeq);
    const living = new Set(stateAt(folded, horizonMs).values());
    assert.deepEqual(
      left.map(({ seq }) => seq),
      all.filter(({ seq, ms }) => ms >= horizonMs || seq > untilSeq || living.has(seq))
        .map(({ seq }) => seq),
      `at day ${days}`,
    );
    for (let ms = horizonMs; ms <= nowMs; ms += DAY_MS / 2) {
      assert.deepEqual(stateAt(left, ms), stateAt(all, ms), `the state at ${new Date(ms)}`);
    }
  }
});

Deno.test("a delete goes together with what it ended, whatever time that has", async () => {
  await using warehouse = await testWarehouse();
  const { connection } = warehouse;
  const table = testTable("public.t", { id: { kind: "int4" } }, ["id"]);
  for (const sql of createTables(table)) await connection.run(sql);
  // A row of Debezium's snapshot was read after the change that came later had been committed.
  const at = (day: number) => `TIMESTAMPTZ '${new Date(START_MS + day * DAY_MS).toISOString()}'`;
  await connection.run(
    `INSERT INTO ${logTable(table)} VALUES (1, 'r', 1, 1, 1, ${at(5)}), (2, 'r', 2, 1, 1, ${
      at(5)
    }), (1, 'd', 3, 1, 1, ${at(1)}), (2, 'u', 4, 1, 1, ${at(2)})`,
  );
  const retention = new Retention(
    10 * DAY_MS,
    async (sql) => (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][],
    async (sql) => (await connection.run(sql)).rowsChanged,
  );
  const logs = () => [{ table, untilSeq: 4, mayRepeat: true }];
  while (await retention.piece(START_MS + 13 * DAY_MS, logs));
  const left = await connection.runAndReadAll(
    `SELECT _seq::INT FROM ${logTable(table)} ORDER BY _seq`,
  );
  assert.deepEqual(left.getRowsJson(), [[4]]);
});
