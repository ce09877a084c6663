/** When a change log's tail is brought into its table's base, on a real file. */
import assert from "node:assert/strict";
import type { TableLayout } from "../../batch/column.ts";
import { Pool } from "../../batch/pool.ts";
import { Warehouse } from "./duckdb.ts";
import { POSITION, put } from "./put_fixture.ts";
import { testTable } from "./reader_testing.ts";

/** A warehouse with an empty table, to which changes are written. */
class Written implements AsyncDisposable {
  readonly #pool = new Pool(16 * 1024 * 1024);
  #seq = 0;

  private constructor(
    private readonly dataDir: string,
    private readonly warehouse: Warehouse,
    private readonly layout: TableLayout,
  ) {}

  static async open(): Promise<Written> {
    const dataDir = await Deno.makeTempDir();
    const warehouse = await Warehouse.open({ dataDir, memoryBytes: 256 * 1024 * 1024 });
    await warehouse.beginSnapshot([]);
    const layout = await warehouse.evolve(testTable("public.t", { id: { kind: "int4" } }, ["id"]));
    await warehouse.commit(POSITION, 0, null);
    return new Written(dataDir, warehouse, layout);
  }

  /** Commits so many rows, each of a new key, and lets the warehouse do what is due after it. */
  async commit(rows: number, idle = false): Promise<void> {
    const { warehouse, layout } = this;
    const batch = this.#pool.take()!;
    for (let i = 0; i < rows; i++) {
      const seq = ++this.#seq;
      put(batch, layout, seq, seq, 20);
    }
    await warehouse.write(batch);
    this.#pool.give(batch);
    await warehouse.commit(POSITION, this.#seq, null);
    await warehouse.maintain(idle);
  }

  /** How many rows the base has; the table has all. */
  async baseRows(): Promise<number> {
    const connection = await this.warehouse.instance.connect();
    try {
      const [row] = (await connection.runAndReadAll(
        'SELECT (SELECT count(*)::INT FROM _sluice."""public"".""t"""), ' +
          "(SELECT count(*)::INT FROM public.t)",
      )).getRowsJson();
      assert.equal(row[1], this.#seq);
      return row[0] as number;
    } finally {
      connection.closeSync();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.warehouse.close();
    this.#pool[Symbol.dispose]();
    await Deno.remove(this.dataDir, { recursive: true });
  }
}

Deno.test("a tail is folded from 10,000 changes on", async () => {
  await using table = await Written.open();
  for (let i = 0; i < 5; i++) await table.commit(2000);
  assert.equal(await table.baseRows(), 0);
  await table.commit(2000);
  assert.equal(await table.baseRows(), 12_000);
});

Deno.test("after small commits a quarter of that is enough, after large ones it is not", async () => {
  await using table = await Written.open();
  for (let i = 0; i < 25; i++) await table.commit(100);
  assert.equal(await table.baseRows(), 0);
  await table.commit(1);
  assert.equal(await table.baseRows(), 2501);
  for (let i = 0; i < 4; i++) await table.commit(1000);
  assert.equal(await table.baseRows(), 2501);
  await table.commit(1);
  assert.equal(await table.baseRows(), 6502);
});

Deno.test("when nothing else is to be done, any tail is folded; and a large one inside its commit", async () => {
  await using table = await Written.open();
  await table.commit(1, true);
  assert.equal(await table.baseRows(), 1);
  await table.commit(30_001);
  assert.equal(await table.baseRows(), 30_002);
});
