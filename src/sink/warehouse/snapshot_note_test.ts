/** The note that a snapshot was announced: what a start after it finds. */
import assert from "node:assert/strict";
import { leavePostgres } from "../../given_up.ts";
import { POSITION, TABLE } from "./put_fixture.ts";
import { Warehouse } from "./duckdb.ts";

const ORIGIN = { systemId: "7", database: "bank", slot: "sluice" };

Deno.test("a snapshot's note stays when an old slot was dropped for it, and else goes when there is no new one", async () => {
  const dataDir = await Deno.makeTempDir();
  /** As a start of its own does. */
  const within = async <T>(work: (warehouse: Warehouse) => Promise<T>): Promise<T> => {
    const warehouse = await Warehouse.open({ dataDir, memoryBytes: 256 * 1024 * 1024 });
    try {
      return await work(warehouse);
    } finally {
      await warehouse.close();
    }
  };
  const found = () =>
    within(async (warehouse) => {
      const state = await warehouse.state();
      return { isWhole: state.position !== null, origin: state.snapshot, state };
    });
  await within(async (warehouse) => {
    await warehouse.beginSnapshot([TABLE]);
    await warehouse.commit(POSITION, 1, null);
    await warehouse.announceSnapshot(ORIGIN);
    await warehouse.withdrawSnapshot(); // the server has refused a new one
  });
  assert.equal((await found()).isWhole, true);
  await within(async (warehouse) => {
    await warehouse.state();
    await warehouse.announceSnapshot(ORIGIN);
  });
  assert.deepEqual((await found()).origin, ORIGIN);
  await within(async (warehouse) => {
    await warehouse.state();
    await warehouse.announceSnapshot(ORIGIN); // it is to be dropped,
    await warehouse.releaseSnapshot(); // and was;
    await warehouse.announceSnapshot(ORIGIN); // a new one is to be made,
    await warehouse.withdrawSnapshot(); // and was not.
  });
  const { isWhole, origin, state } = await found();
  assert.deepEqual({ isWhole, origin }, { isWhole: false, origin: null });
  // Its tables are dropped by a snapshot of PostgreSQL's, and by nothing else that nobody asked for.
  assert.throws(() => leavePostgres(state, false), /waits for a snapshot from PostgreSQL/);
  leavePostgres({ ...state, tables: [] }, false);
  leavePostgres(state, true);
  await Deno.remove(dataDir, { recursive: true });
});
