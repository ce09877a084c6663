/**
 * The whole product as a process, against a real PostgreSQL under the generator's traffic: equal
 * row by row and value by value, also after kills, and never showing half a source transaction.
 */
import assert from "node:assert/strict";
import { Generator } from "../generator/generator.ts";
import {
  assertEqualToSource,
  assertLogsEqualAudit,
  AUDIT,
  auditTrigger,
  openFile,
} from "./support/compare.ts";
import { TestDatabase, testServer } from "./support/postgres.ts";
import { SluiceProcess, warehouseFile } from "./support/process.ts";

const TABLES = ["users", "wallets", "transactions", "notifications", "beneficiaries"];

function settings(database: TestDatabase, dataDir: string): Record<string, string> {
  return {
    SLUICE_DATABASE_URL: database.url,
    SLUICE_DATA_DIR: dataDir,
    SLUICE_SLOT: database.name,
    SLUICE_PUBLICATION: database.name,
    SLUICE_IDLE_COMMIT_SECONDS: "1",
  };
}

/** The bank's tables with an audit trigger on each, and a generator that writes into them. */
async function auditedBank(database: TestDatabase, seed: number): Promise<Generator> {
  const generator = await Generator.open(database.url, { seed, users: 50 });
  await database.query(AUDIT);
  for (const table of TABLES) await database.query(auditTrigger(table));
  return generator;
}

/** Polls the sum of all balances until `signal`; throws when it is ever anything but zero. */
async function readBalances(sluice: () => SluiceProcess, signal: AbortSignal): Promise<number> {
  let seen = 0;
  while (!signal.aborted) {
    const answer = await sluice().sql(
      "SELECT sum(balance), (SELECT sum(amount) FROM public.transactions) FROM public.wallets",
    );
    if (answer !== undefined) {
      const [balances, amounts] = answer.rows[0];
      assert.equal(Number(balances ?? 0), 0, `half a transaction is visible at ${answer.lsn}`);
      assert.equal(Number(amounts ?? 0), 0, `half a transaction is visible at ${answer.lsn}`);
      seen++;
    }
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  return seen;
}

Deno.test("replica: equal to its source after a generator run, and whole at every moment", async () => {
  await using server = await testServer();
  await using database = await TestDatabase.create(server, "bank");
  await using generator = await auditedBank(database, 7);
  await generator.run({ transactions: 500 });
  const dataDir = `${server.folder}/data`;
  await using sluice = new SluiceProcess(settings(database, dataDir));
  const over = new AbortController();
  const balances = readBalances(() => sluice, over.signal);
  await generator.run({ transactions: 1000 }); // while it starts and copies
  await sluice.ready();
  await generator.run({ transactions: 3000, rate: 800 });
  await sluice.reaches(await database.currentLsn());
  over.abort();
  assert.ok(await balances > 5, "the reader hardly ever got an answer"); // a slow machine asks seldom
  const ended = await sluice.kill("SIGTERM");
  assert.equal(ended.code, 0, ended.output);
  await using file = await openFile(warehouseFile(dataDir));
  const counts = await assertEqualToSource(database, file);
  assert.ok(counts.transactions > 1000 && counts.users >= 50, JSON.stringify(counts));
  assert.ok(await assertLogsEqualAudit(database, file, TABLES) > 5000);
});

Deno.test("replica: equal to its source after 24 SIGKILLs amid snapshot and stream", async () => {
  const seed = Number(Deno.env.get("SLUICE_TEST_SEED") ?? Math.floor(Math.random() * 1e9));
  console.log(`SLUICE_TEST_SEED=${seed} repeats this run's kills`);
  const random = randomOf(seed);
  await using server = await testServer();
  await using database = await TestDatabase.create(server, "killed");
  await using generator = await auditedBank(database, seed);
  await generator.run({ transactions: 2000 });
  const dataDir = `${server.folder}/data`;
  const over = new AbortController();
  const traffic = generator.run({ rate: 150, signal: over.signal });
  let sluice = new SluiceProcess(settings(database, dataDir));
  const balances = readBalances(() => sluice, over.signal);
  let inSnapshot = 0;
  for (let kill = 0; kill < 24; kill++) {
    // A third strike while it starts and copies, the others while it streams.
    const early = kill % 3 === 0;
    if (early) await pause(200 + random() * 900);
    else {
      await sluice.ready();
      await pause(random() * 700);
    }
    if (!/snapshot done|streaming from/.test(sluice.output)) inSnapshot++;
    await sluice.kill("SIGKILL");
    // Now and then the whole warehouse goes as well, so that the next run takes a new snapshot.
    const args = kill % 6 === 2 ? ["--resnapshot"] : [];
    sluice = new SluiceProcess(settings(database, dataDir), args);
  }
  await sluice.ready();
  over.abort();
  await Promise.all([traffic, balances]);
  await sluice.reaches(await database.currentLsn());
  const ended = await sluice.kill("SIGTERM");
  assert.equal(ended.code, 0, ended.output);
  assert.ok(inSnapshot >= 4, `only ${inSnapshot} kills struck before the stream`);
  await using file = await openFile(warehouseFile(dataDir));
  await assertEqualToSource(database, file);
  await assertLogsEqualAudit(database, file, TABLES);
});

Deno.test("replica: a --resnapshot that is killed once its slot is dropped goes on by itself", async () => {
  await using server = await testServer();
  await using database = await TestDatabase.create(server, "dropped");
  await database.query("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  const env = settings(database, `${server.folder}/data`);
  await catchUp(database, env);
  await database.query("INSERT INTO t VALUES (2)");
  const hasSlot = async () =>
    (await database.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'dropped'"))
      .length > 0;
  // Between the slot's drop and the making of the next one stands the publication, which waits.
  await database.query("DROP PUBLICATION dropped");
  await database.query("BEGIN; LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE");
  {
    await using again = new SluiceProcess(env, ["--resnapshot"]);
    await again.until(async () => !await hasSlot());
  }
  await database.query("ROLLBACK");
  await catchUp(database, env);
  await using file = await openFile(warehouseFile(`${server.folder}/data`));
  assert.equal((await assertEqualToSource(database, file)).t, 2);
});

Deno.test("replica: a --resnapshot for which there is no slot leaves the warehouse as it was", async () => {
  await using server = await testServer({ max_replication_slots: "1" });
  await using database = await TestDatabase.create(server, "refused");
  await database.query("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  const env = settings(database, `${server.folder}/data`);
  await catchUp(database, env);
  {
    await using other = new SluiceProcess({ ...env, SLUICE_SLOT: "other" }, ["--resnapshot"]);
    const { code, output } = await other.ended;
    assert.notEqual(code, 0);
    assert.match(output, /all replication slots are in use/);
  }
  await database.query("INSERT INTO t VALUES (2)");
  const output = await catchUp(database, env);
  {
    await using file = await openFile(warehouseFile(`${server.folder}/data`));
    assert.equal((await assertEqualToSource(database, file)).t, 2);
  }
  assert.doesNotMatch(output, /snapshot of/);
  // But not when it has mended the publication: changes were left out until then, for the old slot.
  await database.query("ALTER PUBLICATION refused SET (publish = 'insert'); DELETE FROM t");
  {
    await using other = new SluiceProcess({ ...env, SLUICE_SLOT: "other" }, ["--resnapshot"]);
    assert.match((await other.ended).output, /all replication slots are in use/);
  }
  await using unsure = new SluiceProcess(env);
  assert.match((await unsure.ended).output, /replication slot refused exists already/);
});

/** Runs until all that is committed is applied, and ends in good order. Returns what it printed. */
async function catchUp(database: TestDatabase, env: Record<string, string>): Promise<string> {
  await using sluice = new SluiceProcess(env);
  await sluice.ready();
  await sluice.reaches(await database.currentLsn());
  const { code, output } = await sluice.kill("SIGTERM");
  assert.equal(code, 0, output);
  return output;
}

/** Numbers in [0, 1) from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
