/**
 * What is hard on memory: each case with a database and a warehouse of its own, and a `serve` in a
 * process of its own, so that what is resident is Sluice's alone. It is sampled through each, and
 * plotted.
 */
import { connect } from "../src/source/postgres/connect.ts";
import { getChanges } from "../src/dev/readiness.ts";
import { parseLsn } from "../src/source/position.ts";
import { MEMORY_CASES, type MemoryCase } from "./memory_cases.ts";
import { writePlot } from "./plot.ts";
import type { BenchOptions, Row } from "./report.ts";
import { type MemorySample, ProcessMemory } from "./rss.ts";
import { ServeProcess } from "./serve.ts";
import { benchServer } from "./setup.ts";
import { usageOf } from "./usage.ts";

const POLL_MS = 250;
/** A case that says nothing for so long is given up. */
const SILENT_MS_MAX = 300_000;

/** Comes after all the changes; when it is there, they are. */
const FENCE = "CREATE TABLE fence (id int PRIMARY KEY)";

/** A row with all that was seen of its memory. */
interface Measured extends Row {
  samples: MemorySample[];
}

/** See the top of this file. `only`: the names of cases; none: all, and they are plotted. */
export async function benchMemory({ budgetsMb, only }: BenchOptions): Promise<Row[]> {
  const cases = MEMORY_CASES.filter(({ name }) => only.length === 0 || only.includes(name));
  const rows: Measured[] = [];
  for (const total of budgetsMb) {
    const measured: Measured[] = [];
    for (const each of cases) {
      // A server for each, so that none works off what the one before has left.
      await using server = await benchServer();
      console.log(`within ${total} MB: ${each.what}`);
      const row = await measure(each, server.url(), `${server.folder}/data`, total);
      console.log(`  ${row.rssMb} MB. ${row.note}`); // a run takes long, and may be cut off
      measured.push(row);
    }
    if (only.length === 0) console.log(`Plotted in ${await plotMemory(total, measured)}.`);
    rows.push(...measured);
  }
  return rows;
}

async function measure(
  each: MemoryCase,
  url: string,
  dataDir: string,
  totalMb: number,
): Promise<Measured> {
  const sql = await connect(url);
  const env = {
    SLUICE_DATABASE_URL: url,
    SLUICE_DATA_DIR: dataDir,
    SLUICE_MEMORY_TOTAL_MB: String(totalMb),
  };
  for (const statement of [...each.before, FENCE]) await sql.query(statement);
  if (each.isBacklog) {
    {
      await using first = ServeProcess.start(env);
      await first.until(() => isReady(first), POLL_MS);
    }
    await makeBacklog(each.after, (statement) => sql.query(statement));
  }
  await using serve = ServeProcess.start(env);
  using memory = new ProcessMemory(serve.pid);
  const begun = performance.now();
  const changes = async () => (await getChanges(serve.base))?.streamed ?? 0;
  let outcome = "passed";
  let applied = 0;
  try {
    if (!each.isBacklog) {
      await serve.until(() => isReady(serve), POLL_MS);
      for (const statement of each.after) await sql.query(statement);
    }
    const { rows: [{ lsn }] } = await sql.query("SELECT pg_current_wal_flush_lsn() AS lsn");
    await sql.query("INSERT INTO fence VALUES (1)");
    await serve.until(progress(changes, () => hasReached(serve, parseLsn(lsn))), POLL_MS);
    applied = await changes();
    for (const check of each.checks) {
      const { rows: [row] } = await sql.query(check);
      const expected = Object.values(row).map(Number);
      const found = await serve.sqlRow(check);
      if (String(found) !== String(expected)) outcome = `WRONG: ${found} instead of ${expected}`;
    }
  } catch (error) {
    outcome = `FAILED: ${error}`; // the other cases are measured all the same
  }
  const seconds = (performance.now() - begun) / 1000;
  const report = await serve.get<Report>("/v1/memory").catch(() => undefined); // it may be gone
  const usage = await usageOf(serve.pid);
  await sql.end();
  const { peakMb, samples } = memory;
  if (peakMb > totalMb) outcome = `${outcome}, but over the budget`;
  return {
    what: `${totalMb} MB: ${each.name}`,
    rows: applied,
    seconds,
    cpuSeconds: usage?.cpuSeconds,
    rssMb: Math.round(peakMb),
    figures: { "of it not files', MB": Math.round(Math.max(...samples.map((s) => s.anonMb))) },
    note: `${each.what}: ${outcome}. Greatest of each area, MB: ${highs(report)}`,
    samples,
  };
}

/** What is used of `GET /v1/memory`. */
interface Report {
  areas: { area: string; highBytes: number | null }[];
}

function highs(report: Report | undefined): string {
  const known = report?.areas.filter(({ highBytes }) => highBytes !== null) ?? [];
  return known.map(({ area, highBytes }) => `${area} ${Math.round(highBytes! / 1024 / 1024)}`)
    .join(", ");
}

async function isReady(serve: ServeProcess): Promise<boolean> {
  return (await serve.get<{ ready: boolean }>("/readyz")).ready;
}

async function hasReached(serve: ServeProcess, lsn: number): Promise<boolean> {
  return parseLsn((await serve.get<{ lsn: string }>("/readyz")).lsn) > lsn;
}

async function makeBacklog(
  statements: string[],
  run: (sql: string) => Promise<unknown>,
): Promise<void> {
  const begun = performance.now();
  for (const [i, statement] of statements.entries()) {
    await run(statement);
    if ((i + 1) % 10 === 0) await run("VACUUM t"); // room for the next versions in the same pages
    if ((i + 1) % 20 === 0) console.log(`  ${i + 1} of ${statements.length} transactions made`);
  }
  console.log(`  the backlog took ${((performance.now() - begun) / 1000).toFixed(0)} s to make`);
}

/** Nothing was applied for long. */
class Silence extends Error {}

/** `isThere`, which prints the changes so far now and then; throws when there are no more. */
function progress(
  changes: () => Promise<number>,
  isThere: () => Promise<boolean>,
): () => Promise<boolean> {
  let [seen, seenAt, printedAt] = [0, performance.now(), performance.now()];
  return async () => {
    const [count, now] = [await changes(), performance.now()];
    if (count > seen) [seen, seenAt] = [count, now];
    if (now - seenAt > SILENT_MS_MAX) {
      throw new Silence(`nothing was applied after ${seen} changes`);
    }
    if (now - printedAt > 10_000) {
      console.log(`  ${count.toLocaleString("en")} changes applied`);
      printedAt = now;
    }
    return await isThere();
  };
}

/** Plots what was measured within a budget. Resolves with the file. */
async function plotMemory(totalMb: number, measured: Measured[]): Promise<string> {
  return await writePlot(
    `memory-${totalMb}`,
    ...measured.map(({ what, note, samples }) => ({
      title: `${what}: ${note.split(":")[0]}`,
      xTitle: "time since the start of `serve`, s",
      yTitle: "resident memory, MB",
      limit: { y: totalMb, name: `budget: ${totalMb} MB` },
      series: [
        {
          name: "all (RSS)",
          points: samples.map(({ seconds, rssMb }) => ({ x: seconds, y: rssMb })),
        },
        {
          name: "without files' pages",
          points: samples.map(({ seconds, anonMb }) => ({ x: seconds, y: anonMb })),
        },
      ],
    })),
  );
}
