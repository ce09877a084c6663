/**
 * What ends the process, because nothing inside it could mend it: an isolate that hangs or is out of
 * heap. Each ends with the exit code that docs/ERRORS.md says, and the next start has lost nothing.
 */
import assert from "node:assert/strict";
import { Changes, crashes, envOf, makeAudited, recovers, Victim } from "./support/crash.ts";
import { diskTest } from "./support/disk.ts";
import { faultTests } from "./support/faults.ts";
import { SluiceProcess } from "./support/process.ts";

const { test, server } = faultTests();

/** 16 MB of JSON, the most that an answer may have; `columns` of them make small values. */
function askForMuch(sluice: SluiceProcess, columns: number): Promise<Response | undefined> {
  const digits = Array.from({ length: columns }, (_, i) => `${i % 10} AS c${i}`).join(", ");
  const sql = columns > 0
    ? `SELECT ${digits} FROM range(${Math.floor(8e6 / columns)})`
    : "SELECT repeat('x', 16000) AS v FROM range(1000)";
  return sluice.fetch("/v1/sql", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sql }),
  });
}

// Hangs

test("an ingest isolate that hangs ends with 70", async (database, options) => {
  await crashes(
    database,
    options,
    70,
    [/the ingest isolate gave no sign of life for 5 s/, /Start Sluice again; nothing is lost/],
    async (victim) => {
      await victim.evaluate("ingest", "for (;;);");
      const response = await victim.sluice.fetch("/healthz");
      assert.equal(response?.status, 200, "the API goes on answering meanwhile");
    },
    { hangSeconds: 5 },
  );
});

test("a main isolate that hangs ends with 142", async (database, options) => {
  await crashes(
    database,
    options,
    142,
    [/the main isolate gave no sign of life for 5 s/, /Start Sluice again; nothing is lost/],
    (victim) => victim.evaluate("main", "for (;;);"),
    { hangSeconds: 5 },
  );
});

test("a process that was stopped for long goes on: it did not hang", async (database, options) => {
  await makeAudited(database);
  const env = envOf(database, options);
  await using sluice = new SluiceProcess({ ...env, SLUICE_HANG_SECONDS: "5" });
  await sluice.ready();
  const changes = new Changes(database);
  try {
    for (let round = 0; round < 2; round++) {
      Deno.kill(sluice.pid, "SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, 7000)); // longer than the limit
      Deno.kill(sluice.pid, "SIGCONT");
      await changes.more(5);
      await sluice.reaches(await database.currentLsn());
    }
    assert.equal((await sluice.kill("SIGTERM")).code, 0);
  } finally {
    await changes.stop();
  }
  await recovers(database, options, env);
});

// Heaps

test(
  "an ingest isolate out of heap, by a large answer, ends with 133",
  async (database, options) => {
    await crashes(
      database,
      options,
      133,
      [/JavaScript out of memory/],
      async ({ sluice }) => void await askForMuch(sluice, 1000),
      { heapMb: 36 },
    );
  },
);

test("a main isolate out of heap ends with 133", async (database, options) => {
  await crashes(
    database,
    options,
    133,
    [/JavaScript out of memory/],
    (victim) => {
      return victim.evaluate("main", "for (const a = [];;) a.push(new Array(1e6).fill(0.5))");
    },
  );
});

test("a main isolate that holds more than its share ends with 71", async (database, options) => {
  await crashes(
    database,
    options,
    71,
    [/heap is larger than its share/, /allowed: \d+ bytes/, /raise SLUICE_MEMORY_TOTAL_MB/],
    (victim) => {
      return victim.evaluate("main", "globalThis.held = new Array(6e6).fill(0.5); 0");
    },
  );
});

test("large answers are no reason to end, however many ask", async (database, options) => {
  await makeAudited(database);
  const env = envOf(database, options);
  await using sluice = new SluiceProcess(env);
  await sluice.ready();
  const answers = await Promise.all(Array.from({ length: 12 }, () => askForMuch(sluice, 0)));
  for (const answer of answers) {
    assert.equal(answer?.status, 200, sluice.output);
    assert.equal((await answer.json()).row_count, 1000);
  }
  assert.equal((await sluice.kill("SIGTERM")).code, 0);
});

test(
  "an answer of millions of values takes little more heap than its text",
  async (database, options) => {
    await makeAudited(database);
    await using victim = await Victim.start(envOf(database, options), { heapMb: 128 });
    const answer = await askForMuch(victim.sluice, 1000);
    assert.equal(answer?.status, 200, victim.sluice.output);
    assert.equal((await answer.json()).row_count, 8000);
  },
);

// A full disk is no crash

/** Waits until `/readyz` says that the disk is full. */
async function untilFull(sluice: SluiceProcess): Promise<void> {
  await sluice.until(async () => {
    const response = await sluice.fetch("/readyz");
    return (await response?.json())?.waiting?.kind === "disk-full";
  });
}

diskTest(
  "with a full disk the API goes on answering, and replication when there is room",
  "full_disk",
  server,
  async (database, disk, dataDir) => {
    await makeAudited(database);
    const options = { dataDir };
    // The log file is on the full disk, too.
    const env = { ...envOf(database, options), SLUICE_LOG_FILE: "auto" };
    {
      await using sluice = new SluiceProcess(env);
      await sluice.ready();
      await disk.fill(2);
      const fill = async () => {
        // Text that does not compress.
        await database.query(`INSERT INTO t (v) SELECT (SELECT string_agg(md5(n::text || k), '')
          FROM generate_series(1, 100) k) FROM generate_series(1, 300) n`);
      };
      await sluice.until(async () => {
        const { waiting } = await (await sluice.fetch("/readyz"))!.json();
        if (waiting === null) await fill();
        return waiting?.kind === "disk-full";
      });
      await fill();
      const readyz = (await sluice.fetch("/readyz"))!;
      assert.equal(readyz.status, 503);
      assert.match(
        (await readyz.json()).reasons.join("\n"),
        /disk of the data folder is full.*Make room; Sluice goes on by itself/,
      );
      assert.match(sluice.output, /disk of the data folder is full/);
      assert.equal((await sluice.fetch("/healthz"))?.status, 200);
      assert.equal((await sluice.fetch("/metrics"))?.status, 200);
      const row = await sluice.fetch("/v1/tables/public.t/rows/1");
      assert.equal(row?.status, 200, sluice.output);
      const count = (await sluice.sql("SELECT count(*)::INT FROM public.t"))?.rows[0][0];
      assert.equal(Number(count) % 300, 1000 % 300, "half a transaction is visible");
      await disk.makeRoom();
      await sluice.reaches(await database.currentLsn());
      await disk.fill(0);
      await fill();
      await untilFull(sluice);
      const { code, output } = await sluice.kill("SIGTERM");
      assert.equal(code, 0, `a stop while the disk is full: ${output}`);
    }
    {
      await using sluice = new SluiceProcess(env);
      await untilFull(sluice);
      await disk.makeRoom();
      await sluice.reaches(await database.currentLsn());
    }
    await recovers(database, options, env);
  },
);

diskTest(
  "a first start on a full disk waits, and leaves no half of a file",
  "full_start",
  server,
  async (database, disk, dataDir) => {
    await makeAudited(database);
    const options = { dataDir };
    const env = { ...envOf(database, options), SLUICE_LOG_FILE: "auto" };
    await disk.fill(0);
    {
      await using sluice = new SluiceProcess(env);
      await untilFull(sluice);
      const { code, output } = await sluice.kill("SIGTERM");
      assert.equal(code, 0, output);
    }
    {
      await using sluice = new SluiceProcess(env);
      await untilFull(sluice);
      await disk.makeRoom();
      await sluice.ready();
    }
    await recovers(database, options, env);
  },
);
