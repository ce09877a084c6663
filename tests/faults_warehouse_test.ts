/**
 * What goes wrong on our side: the warehouse file, its disk, memory, and being stopped.
 */
import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import { Fault } from "../src/errors.ts";
import { diskTest } from "./support/disk.ts";
import { assertEqual, faultTests, seeded, until } from "./support/faults.ts";
import { TestDatabase } from "./support/postgres.ts";
import { runMain, SluiceProcess, warehouseFile } from "./support/process.ts";
import { Replica, type ReplicaOptions } from "./support/replica.ts";

const { test, server } = faultTests();

// The warehouse

/** What opening the warehouse throws. */
async function openFault(database: TestDatabase, options: ReplicaOptions): Promise<Fault> {
  try {
    await using _replica = await Replica.start(database, options);
  } catch (error) {
    assert.ok(error instanceof Fault, `no fault, but ${(error as Error).stack}`);
    return error;
  }
  throw new Error("it was opened");
}

test(
  "a warehouse that another process has open is a fault that names it",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY)");
    await using replica = await Replica.start(database, options);
    await replica.caughtUp();
    const { code, output } = await runMain(["serve"], {
      SLUICE_DATABASE_URL: database.url,
      SLUICE_DATA_DIR: options.dataDir,
      SLUICE_HTTP_ADDR: "127.0.0.1:0",
      SLUICE_LOG_FILE: "none",
    });
    assert.equal(code, 9, output);
    assert.match(output, /open in another process/);
    assert.doesNotMatch(output, /\n\s+at /, "a stack trace");
    await database.query("INSERT INTO t VALUES (1)");
    await assertEqual(replica);
  },
);

test("a warehouse of another layout is refused and left as it is", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY)");
  await seeded(database, options);
  const instance = await DuckDBInstance.create(warehouseFile(options.dataDir));
  const connection = await instance.connect();
  await connection.run("UPDATE _sluice.layout SET version = 999");
  connection.closeSync();
  instance.closeSync();
  const fault = await openFault(database, options);
  assert.equal(fault.kind, "warehouse");
  assert.match(fault.message, /layout 999/);
});

for (
  const [name, bytes] of [
    ["garbage", crypto.getRandomValues(new Uint8Array(50_000))],
    ["text", new TextEncoder().encode("not a database\n".repeat(100))],
    ["a single byte", new Uint8Array(1)],
  ] as const
) {
  test(`a warehouse file of ${name} is a fault that names the file`, async (database, options) => {
    await Deno.mkdir(options.dataDir);
    await Deno.writeFile(warehouseFile(options.dataDir), bytes);
    const fault = await openFault(database, options);
    assert.equal(fault.kind, "warehouse", fault.message);
    assert.match(fault.message, /warehouse\.duckdb/);
    const now = await Deno.readFile(warehouseFile(options.dataDir));
    assert.deepEqual(now, bytes, "it was left as it is");
  });
}

test("a warehouse file that was cut short is a fault, not a crash", async (database, options) => {
  await database.query("CREATE TABLE t AS SELECT generate_series(1, 50000) AS id");
  await database.query("ALTER TABLE t ADD PRIMARY KEY (id)");
  await seeded(database, options);
  const file = warehouseFile(options.dataDir);
  const { size } = await Deno.stat(file);
  await Deno.truncate(file, Math.floor(size / 2));
  const { code, output } = await runMain(["serve"], {
    SLUICE_DATABASE_URL: database.url,
    SLUICE_DATA_DIR: options.dataDir,
    SLUICE_SLOT: database.name,
    SLUICE_PUBLICATION: database.name,
    SLUICE_HTTP_ADDR: "127.0.0.1:0",
    SLUICE_LOG_FILE: "none",
  });
  assert.equal(code, 9, output);
  assert.doesNotMatch(output, /\n\s+at /, "a stack trace");
});

test("a data folder that can't be made is a fault that names it", async (database, options) => {
  await Deno.writeTextFile(options.dataDir, "a file, not a folder");
  const fault = await openFault(database, { dataDir: `${options.dataDir}/data` });
  assert.equal(fault.kind, "usage", fault.message);
});

/** A disk that becomes full while Sluice streams, with so many MB left at first. */
function fillTest(name: string, id: string, megabytesLeft: number): void {
  diskTest(name, id, server, async (database, disk, dataDir) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await database.query("INSERT INTO t VALUES (0, 'first')");
    const options = { dataDir };
    await using replica = await Replica.start(database, options);
    await replica.caughtUp();
    await disk.fill(megabytesLeft);
    let ended: unknown = "running";
    void replica.ended.then((fault) => ended = fault);
    const isOver = () => ended !== "running" || replica.pipeline.status().waiting !== null;
    // A megabyte a transaction, of text that does not compress.
    for (let from = 1; from < 30_000 && !isOver(); from += 300) {
      await database.query(`INSERT INTO t SELECT n, (SELECT string_agg(md5(n::text || k), '')
          FROM generate_series(1, 100) k) FROM generate_series(${from}, ${from + 299}) n`);
      const target = await database.currentLsn();
      await until("it is applied", () => replica.pipeline.durableLsn >= target || isOver());
    }
    if (ended === "running") {
      assert.equal(replica.pipeline.status().waiting?.kind, "disk-full");
      const reader = await replica.query("SELECT count(*)::INT FROM public.t").catch(String);
      await disk.makeRoom();
      await until("it goes on, or ends", () => {
        return ended !== "running" || replica.pipeline.status().waiting === null;
      });
      assert.ok(Array.isArray(reader), `a reader was refused meanwhile: ${reader}`);
      assert.equal(Number(reader[0][0]) % 300, 1, "half a transaction is visible");
    } else await disk.makeRoom();
    if (ended === "running") return void await assertEqual(replica);
    // DuckDB gave up: then the process ends, saying why, and a restart goes on.
    assert.ok(ended instanceof Fault, String(ended));
    assert.equal(ended.kind, "disk-full", ended.message);
    await replica.stop();
    await using again = await Replica.start(database, options);
    await assertEqual(again);
  });
}

fillTest("a disk that is full at COMMIT is waited for, and readers go on", "full_commit", 2);
fillTest("a disk that is full at CHECKPOINT is no dead end", "full_checkpoint", 13);

// Memory

test("512 MB in all: values of 20 kB, change after change", async (database, options) => {
  await largeValues(database, options, 20_000, 6000);
});

test(
  "512 MB in all: values of 60 kB are taken, or refused with the setting to raise",
  async (database, options) => {
    try {
      await largeValues(database, options, 60_000, 2500);
    } catch (error) {
      assert.ok(error instanceof Fault, `no fault, but ${(error as Error).stack}`);
      assert.match(error.message, /SLUICE_MEMORY_TOTAL_MB/);
    }
  },
);

/** Changes one row again and again, each time to another value of so many bytes. */
async function largeValues(
  database: TestDatabase,
  options: ReplicaOptions,
  bytes: number,
  changes: number,
): Promise<void> {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
  await database.query("ALTER TABLE t ALTER v SET STORAGE EXTERNAL");
  await database.query("INSERT INTO t VALUES (1, '')");
  await using replica = await Replica.start(database, { ...options, totalMb: 512 });
  await replica.caughtUp();
  for (let i = 0; i < changes; i++) {
    await database.query(`UPDATE t SET v = repeat(md5('${i}'), ${Math.ceil(bytes / 32)})`);
    if (i % 20 === 0) await replica.caughtUp();
  }
  await assertEqual(replica);
}

test("one transaction of a million rows fits into 512 MB", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, a text, b text, n numeric(18,2))");
  await using replica = await Replica.start(database, { ...options, totalMb: 512 });
  await replica.caughtUp();
  await database.query(`INSERT INTO t SELECT n, md5(n::text), md5((n + 1)::text), n
    FROM generate_series(1, 1000000) n`);
  await replica.caughtUp();
  await database.query("UPDATE t SET n = n + 1");
  await replica.caughtUp();
  const sum = "SELECT count(*)::text, sum(n)::text FROM t";
  assert.deepEqual(
    await replica.query("SELECT count(*)::VARCHAR, sum(n)::VARCHAR FROM public.t"),
    await database.rows(sum),
  );
});

// Stopping

test(
  "a SIGTERM at any moment ends with 0 in time, and loses nothing",
  async (database, options) => {
    await database.query("CREATE TABLE t (id serial PRIMARY KEY, v text)");
    await database.query(
      "INSERT INTO t (v) SELECT repeat('x', 100) FROM generate_series(1, 100000)",
    );
    const env = {
      SLUICE_DATABASE_URL: database.url,
      SLUICE_DATA_DIR: options.dataDir,
      SLUICE_SLOT: database.name,
      SLUICE_PUBLICATION: database.name,
      SLUICE_IDLE_COMMIT_SECONDS: "1",
    };
    const moments: [string, (sluice: SluiceProcess) => Promise<void>][] = [
      ["as soon as it listens", (s) => until("it listens", () => /listening on/.test(s.output))],
      ["amid the snapshot", (s) => until("it copies", () => /snapshot of/.test(s.output))],
      ["while it streams", async (s) => {
        await s.ready();
        await database.query("INSERT INTO t (v) SELECT 'y' FROM generate_series(1, 50000)");
      }],
      ["while idle", (s) => s.ready()],
    ];
    for (const [when, moment] of moments) {
      await using sluice = new SluiceProcess(env);
      await moment(sluice);
      const asked = Date.now();
      const { code, output } = await sluice.kill("SIGTERM");
      assert.equal(code, 0, `${when}: ${output}`);
      assert.doesNotMatch(output, /\n\s+at |took too long/, `${when}: ${output}`);
      assert.ok(Date.now() - asked < 8000, `${when}: it took ${Date.now() - asked} ms`);
    }
    await using replica = await Replica.start(database, options);
    await assertEqual(replica);
  },
);
