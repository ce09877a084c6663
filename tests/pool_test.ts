/**
 * Every batch comes home: after each way out of a run, and while it waits to be tried again, all of
 * the pool's batches are free and none is enlarged. Real sources, a real warehouse, real failures.
 */
import assert from "node:assert/strict";
import { diskTest } from "./support/disk.ts";
import { assertEqual, faultOf, faultTests, seeded, until } from "./support/faults.ts";
import { TestDatabase, testServer } from "./support/postgres.ts";
import { Replica, type ReplicaOptions } from "./support/replica.ts";
import { WatchedPool } from "./support/watched_pool.ts";

const { test, server } = faultTests();

/** Three batches of 256 kB, so that a few thousand rows are many batches. */
const POOL_BYTES = 1024 * 1024;

/** A run whose pool is watched; `then` is what happens to it, and the run is over afterwards. */
async function watched(
  database: TestDatabase,
  options: ReplicaOptions,
  then: (replica: Replica, pool: WatchedPool) => Promise<void>,
): Promise<void> {
  const pool = new WatchedPool(POOL_BYTES);
  const { bytes } = pool;
  await using replica = await Replica.start(database, { ...options, pool });
  await then(replica, pool);
  await replica.stop();
  assert.ok(pool.isWhole, "a batch did not come home");
  assert.equal(pool.bytes, bytes, "a batch is still enlarged");
  assert.ok(pool.taken > 0, "no batch was ever taken");
}

/** Waits until the run waits to be tried again, when the pool must be whole as well. */
async function untilWaiting(replica: Replica, pool: WatchedPool, kind: string): Promise<void> {
  await until(`it waits: ${kind}`, () => {
    const { phase, waiting } = replica.pipeline.status();
    return phase === "waiting" && waiting?.kind === kind && pool.isWhole;
  });
}

/** Ends the server's processes that send to us, and with them our connections. */
async function cut(database: TestDatabase): Promise<void> {
  await database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = '${database.name}' AND pid <> pg_backend_pid()`);
}

const rows = (from: number, to: number) =>
  `INSERT INTO t SELECT n, repeat(md5(n::text), 3) FROM generate_series(${from}, ${to}) n`;
const TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text)";

// Errors

test("pool: a bad value in the snapshot", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, bad numeric(10,2))");
  await database.query("INSERT INTO t SELECT n, 1 FROM generate_series(1, 20000) n");
  await database.query("INSERT INTO t VALUES (20001, 'NaN')");
  await watched(database, options, async (replica) => void await faultOf(replica, "bad-value"));
});

test("pool: a bad value in the stream, amid a large transaction", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, bad numeric(10,2))");
  await seeded(database, options);
  await database.query(`BEGIN; INSERT INTO t SELECT n, 1 FROM generate_series(1, 20000) n;
    INSERT INTO t VALUES (20001, 'NaN'); COMMIT`);
  await watched(database, options, async (replica) => {
    await faultOf(replica, "bad-value");
    assert.deepEqual(await replica.query("SELECT count(*)::INT FROM public.t"), [[0]]);
  });
});

test("pool: a row that no slab holds, before a bad value", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, v text, bad numeric(10,2))");
  await seeded(database, options);
  await database.query(`BEGIN; INSERT INTO t SELECT 1, string_agg(md5(n::text), ''), 1
    FROM generate_series(1, 30000) n; INSERT INTO t VALUES (2, '', 'NaN'); COMMIT`);
  await watched(database, options, async (replica) => void await faultOf(replica, "bad-value"));
});

test("pool: a connection that is cut amid the snapshot", async (database, options) => {
  await database.query(TABLE);
  await database.query(rows(1, 400_000));
  await watched(database, options, async (replica, pool) => {
    await replica.until(() => pool.has("applying"));
    await cut(database);
    await untilWaiting(replica, pool, "connection");
    await assertEqual(replica);
  });
});

Deno.test("faults: pool: a server that dies while a transaction is applied in pieces", async () => {
  await using own = await testServer();
  await using database = await TestDatabase.create(own, "dies");
  await database.query(TABLE);
  await database.query("INSERT INTO t VALUES (0, '')");
  await watched(database, { dataDir: `${own.folder}/data` }, async (replica, pool) => {
    await replica.caughtUp();
    await database.query(rows(1, 100_000));
    await replica.until(() => pool.has("applying") && pool.taken > 8);
    await own.stop("immediate");
    await untilWaiting(replica, pool, "connection");
    await own.start();
    await database.reconnect();
    await assertEqual(replica);
  });
});

test("pool: a source that ends with an error that stops", async (database, options) => {
  await database.query(TABLE);
  await watched(database, options, async (replica) => {
    await replica.caughtUp();
    await database.query(rows(1, 1000));
    await database.query("ALTER TABLE t DROP COLUMN v");
    await database.query("ALTER TABLE t ADD COLUMN v int");
    await database.query("INSERT INTO t VALUES (2000, 1)");
    await faultOf(replica, "schema-changed");
  });
});

// Commits that fail

diskTest(
  "pool: a disk that is full at COMMIT",
  "pool_full",
  server,
  async (database, disk, dataDir) => {
    await database.query(TABLE);
    await watched(database, { dataDir }, async (replica, pool) => {
      await replica.caughtUp();
      await disk.fill(0);
      await database.query(rows(1, 20_000));
      await untilWaiting(replica, pool, "disk-full");
      await disk.makeRoom();
      await assertEqual(replica);
      await disk.fill(0);
      await database.query(rows(20_001, 40_000));
      await untilWaiting(replica, pool, "disk-full");
      await replica.stop(); // while it waits
      assert.ok(pool.isWhole);
    });
  },
);

test("pool: DuckDB's connection is gone when a batch is written", async (database, options) => {
  await database.query(TABLE);
  const pool = new WatchedPool(POOL_BYTES);
  const replica = await Replica.start(database, { ...options, pool });
  await replica.caughtUp();
  replica.warehouse.instance.closeSync(); // readers' connections go first
  (replica.warehouse as unknown as { connection: { closeSync(): void } }).connection.closeSync();
  await database.query(rows(1, 20_000));
  const fault = await replica.ended;
  assert.ok(fault instanceof Error, "it went on");
  assert.ok(pool.isWhole, "a batch did not come home");
  await replica.stop().catch(() => {}); // what is closed can't be closed again
});

// Stops

for (
  const [when, state, transaction] of [
    ["while a batch is being filled, amid a transaction", "filling", true],
    ["while a batch is being applied, amid a transaction", "applying", true],
    ["while a batch is being applied, between transactions", "applying", false],
  ] as const
) {
  test(`pool: a stop ${when}`, async (database, options) => {
    await database.query(TABLE);
    await seeded(database, options);
    if (transaction) await database.query(rows(1, 50_000));
    else {
      for (let n = 0; n < 400; n++) await database.query(rows(n * 100, n * 100 + 99));
    }
    await watched(database, options, async (replica, pool) => {
      await replica.until(() => pool.has(state));
      assert.equal(await replica.stop(), undefined);
    });
    await using again = await Replica.start(database, options);
    await assertEqual(again);
  });
}

test("pool: a stop amid the snapshot", async (database, options) => {
  await database.query(TABLE);
  await database.query(rows(1, 100_000));
  await watched(database, options, async (replica, pool) => {
    await replica.until(() => pool.has("applying"));
    assert.equal(await replica.stop(), undefined);
  });
  await using again = await Replica.start(database, options);
  await assertEqual(again);
});

test("pool: a stop before anything has come", async (database, options) => {
  await database.query(TABLE);
  await seeded(database, options);
  const pool = new WatchedPool(POOL_BYTES);
  await using replica = await Replica.start(database, { ...options, pool });
  await replica.stop();
  assert.ok(pool.isWhole);
});
