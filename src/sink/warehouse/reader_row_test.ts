import assert from "node:assert/strict";
import type { ColumnType } from "../../catalog/catalog.ts";
import type { Refusal } from "../../messages.ts";
import { WarehouseReader } from "./reader.ts";
import { testTable, type TestWarehouse, testWarehouse } from "./reader_testing.ts";
import { RefusalError } from "./refusal.ts";

const NEVER = new AbortController().signal;

async function withReader(
  work: (reader: WarehouseReader, warehouse: TestWarehouse) => Promise<void>,
): Promise<void> {
  await using warehouse = await testWarehouse();
  const reader = new WarehouseReader(warehouse.instance);
  try {
    await work(reader, warehouse);
  } finally {
    await reader.close();
  }
}

async function refusal(reader: WarehouseReader, table: string, key: string[]): Promise<Refusal> {
  try {
    await reader.ask({ kind: "row", table, key }, NEVER);
  } catch (error) {
    assert.ok(error instanceof RefusalError, String(error));
    return error.refusal;
  }
  assert.fail(`found ${key}`);
}

Deno.test("a row is found by its composite key, whatever its names", async () => {
  await withReader(async (reader, warehouse) => {
    const table = testTable('Sch."T".x', {
      "a 'b\" c": { kind: "text", exact: true },
      N: { kind: "int4" },
      doc: { kind: "json" },
      ["__proto__"]: { kind: "array", of: { kind: "decimal", width: 10, scale: 2 } },
    }, ["N", "a 'b\" c"]);
    await warehouse.publish(table);
    await warehouse.position(16);
    await warehouse.connection.run(
      `INSERT INTO "Sch"."""T"".x" VALUES ('x,''y', 7, '{"n": 12345678901234567890}', [1.5]), ('', 7, NULL, NULL)`,
    );
    const { json, lsn } = await reader.ask(
      { kind: "row", table: 'Sch."T".x', key: ["7", "x,'y"] },
      NEVER,
    );
    assert.equal(lsn, "0/10");
    assert.equal(
      json,
      `{"table":"Sch.\\"T\\".x","key":{"N":7,"a 'b\\" c":"x,'y"},"row":{"a 'b\\" c":"x,'y","N":7,` +
        `"doc":{"n": 12345678901234567890},"__proto__":["1.50"]},"lsn":"0/10"}`,
    );
    const empty = await reader.ask({ kind: "row", table: 'Sch."T".x', key: ["7", ""] }, NEVER);
    assert.equal(JSON.parse(empty.json).row.doc, null);
    const wrong = await refusal(reader, 'Sch."T".x', ["7"]);
    assert.equal(wrong.status, 400);
    assert.match(wrong.detail, /received 1 part; allowed: 2/);
    const none = await refusal(reader, 'Sch."T".x', ["8", "x"]);
    assert.equal(none.status, 404);
    assert.match(none.detail, /N = "8"/);
  });
});

Deno.test("an unknown table is 404 and names those that are there", async () => {
  await withReader(async (reader, warehouse) => {
    const early = await refusal(reader, "public.t", ["1"]);
    assert.equal(early.status, 404);
    assert.match(early.detail, /the snapshot is not done/);
    for (let i = 10; i < 35; i++) {
      await warehouse.publish(testTable(`public.t${i}`, { id: { kind: "int8" } }, ["id"]));
    }
    const { status, detail } = await refusal(reader, "public.t", ["1"]);
    assert.equal(status, 404);
    assert.match(detail, /public\.t10, .*public\.t29 and 5 more/);
    assert.equal((await refusal(reader, "_sluice.position", ["1"])).status, 404);
  });
});

/** For each type: the stored value in SQL, the texts that find it, those that are no such value. */
const KEYS: [type: ColumnType, sql: string, found: string[], wrong: string[]][] = [
  [{ kind: "int4" }, "2", ["2", "+2", "02"], ["1.5", "2.0", "2e0", "", " 2", "x", "99999999999"]],
  [{ kind: "int8" }, "9223372036854775807", ["9223372036854775807"], ["9223372036854775808"]],
  [
    { kind: "decimal", width: 6, scale: 2 },
    "1.24",
    ["1.24", "1.240", "+01.24"],
    ["1.239", "1.241", "12345.67", "NaN", "1e0", "."],
  ],
  [{ kind: "text", exact: true }, "' é'", [" é"], ["a\0"]],
  [
    { kind: "uuid" },
    "'018f2b1e-7c3a-7d41-9f00-0a1b2c3d4e5f'",
    ["018f2b1e-7c3a-7d41-9f00-0a1b2c3d4e5f", "018F2B1E7C3A7D419F000A1B2C3D4E5F"],
    ["018f2b1e", "not-a-uuid"],
  ],
  [{ kind: "bytea" }, "'\\x00\\xFF'", ["AP8="], ["AP8", "%"]],
  [{ kind: "bool" }, "true", ["true", "t"], ["maybe", ""]],
  [
    { kind: "date" },
    "'2026-11-23'",
    ["2026-11-23"],
    ["2026-11-23 10:00:00", "2026-02-30", "23.11.2026"],
  ],
  [{ kind: "date" }, "'0044-03-15 (BC)'", ["-000043-03-15"], ["0044-03-15 (BC)"]],
  [{ kind: "date" }, "'infinity'", ["infinity"], ["Infinite"]],
  [{ kind: "time" }, "'13:22:55.5638'", ["13:22:55.563800", "13:22:55.5638"], ["25:00:00", "1"]],
  [
    { kind: "timestamptz" },
    "'2026-11-23 13:22:55.563801Z'",
    ["2026-11-23T13:22:55.563801Z", "2026-11-23 14:22:55.563801+01"],
    ["2026-11-23T13:22:55.563801", "2026-11-23T13:22:55.5638011Z", "now"],
  ],
  [
    { kind: "timestamptz" },
    "'12026-11-23 13:22:55Z'",
    ["+012026-11-23T13:22:55.000000Z"],
    ["+12026-11-23T13:22:55.000000Z"],
  ],
  [
    { kind: "timestamp" },
    "'0044-03-15 (BC) 10:00:00'",
    ["-000043-03-15T10:00:00.000000"],
    ["2026-11-23T13:22:55Z"],
  ],
  [{ kind: "float8" }, "0.1", ["0.1"], ["zero"]],
  [{ kind: "float8" }, "'NaN'", ["NaN"], []],
  [{ kind: "float4" }, "0.1", ["0.1"], []],
  [{ kind: "array", of: { kind: "int4" } }, "[1, 2]", ["[1,2]", "[1, 2]"], ["1,2"]],
];

Deno.test("a key value finds its row exactly, or is refused with its column and type", async () => {
  await withReader(async (reader, warehouse) => {
    for (const [i, [type, sql, found, wrong]] of KEYS.entries()) {
      const name = `public.t${i}`;
      await warehouse.publish(testTable(name, { id: type, v: { kind: "int4" } }, ["id"]));
      await warehouse.connection.run(`INSERT INTO ${name} VALUES (${sql}, ${i})`);
      for (const text of found) {
        const { json } = await reader.ask({ kind: "row", table: name, key: [text] }, NEVER);
        const { row, key } = JSON.parse(json);
        assert.equal(row.v, i, text);
        if (type.kind !== "array") {
          const again = { kind: "row" as const, table: name, key: [String(key.id)] };
          assert.equal((await reader.ask(again, NEVER)).json, json, "the JSON form finds it too");
        }
      }
      for (const text of wrong) {
        const { status, detail } = await refusal(reader, name, [text]);
        assert.equal(status, 400, `${type.kind} ${text}`);
        assert.match(detail, /key column id of public\.t\d+ is [A-Z]/);
        assert.ok(detail.includes(JSON.stringify(text)), detail);
      }
    }
  });
});
