import assert from "node:assert/strict";
import { WarehouseReader } from "./reader.ts";
import { testTable, testWarehouse } from "./reader_testing.ts";

const NEVER = new AbortController().signal;

Deno.test("tables are listed with columns, key, counts and position", async () => {
  await using warehouse = await testWarehouse();
  const reader = new WarehouseReader(warehouse.instance);
  try {
    const empty = await reader.ask({ kind: "tables" }, NEVER);
    assert.deepEqual(JSON.parse(empty.json), { tables: [], lsn: "0/0" });
    const table = testTable('Odd "s".a.b', {
      "first Part": { kind: "text", exact: true },
      amount: { kind: "decimal", width: 18, scale: 2 },
      id: { kind: "uuid" },
    }, ["id", "first Part"]);
    await warehouse.publish(table);
    await warehouse.position(255);
    await warehouse.connection.run('CREATE SCHEMA _hidden; CREATE TABLE _hidden."a.b" (x INTEGER)');
    await warehouse.connection.run(`INSERT INTO "Odd ""s"""."a.b" VALUES ('x', 1, uuid())`);
    const { lsn, json } = await reader.ask({ kind: "tables" }, NEVER);
    assert.equal(lsn, "0/FF");
    assert.deepEqual(JSON.parse(json), {
      tables: [{
        table: 'Odd "s".a.b',
        schema: 'Odd "s"',
        name: "a.b",
        columns: [
          { name: "first Part", type: "VARCHAR", source_type: "text", nullable: false, key: 2 },
          {
            name: "amount",
            type: "DECIMAL(18,2)",
            source_type: "decimal",
            nullable: true,
            key: null,
          },
          { name: "id", type: "UUID", source_type: "uuid", nullable: false, key: 1 },
        ],
        key: ["id", "first Part"],
        rows: "1",
        changes: "0",
        dead_letters: "0",
      }],
      lsn: "0/FF",
    });
  } finally {
    await reader.close();
  }
});
