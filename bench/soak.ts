/**
 * A steady load for a long time: whether memory stays flat and the file bounded, and whether what
 * is in it is right at the end. `serve` runs as it does anywhere, in a process of its own; here are
 * only the traffic and a look every second.
 */
import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import type { Readiness } from "../src/dev/readiness.ts";
import { progressBar } from "../src/progress.ts";
import { connect } from "../src/source/postgres/connect.ts";
import { parseLsn } from "../src/source/position.ts";
import { type BenchOptions, report, type Row } from "./report.ts";
import { ServeProcess } from "./serve.ts";
import { benchServer, settle } from "./setup.ts";
import { assertEqual, assertLogTells, readHorizon, rememberState } from "./soak_check.ts";
import { plotSoak } from "./soak_plot.ts";
import { type SoakSample, SoakSampler } from "./soak_samples.ts";
import { makeSource, SoakTraffic } from "./soak_traffic.ts";
import { usageOf } from "./usage.ts";

/** The table has a row for each of so many parts of the run. */
const PARTS = 6;
/** Looked at after the traffic has ended: what is due when nothing arrives. */
const IDLE_MS = 15_000;
const POLL_MS = 100;
/** A pass of retention begins once a minute, and takes some seconds: what waits for the next one was
 * ended no longer ago than this before the horizon. */
const LATE_SECONDS_MAX = 120;

export async function benchSoak(
  { minutes = 30, rate = 5000, totalMb }: BenchOptions,
): Promise<Row[]> {
  const retentionMinutes = Math.max(1, Math.round(minutes / 6));
  await using server = await benchServer();
  const sql = await connect(server.url());
  const watch = await connect(server.url());
  console.log("making 200,000 live rows");
  await makeSource(sql);
  await settle(server.url());
  const dataDir = `${server.folder}/data`;
  const file = `${dataDir}/warehouse.duckdb`;
  let sampler: SoakSampler;
  let traffic: SoakTraffic;
  let then: Date;
  let stoppedAt: number;
  let cpuSeconds: number;
  {
    await using serve = ServeProcess.start({
      SLUICE_DATABASE_URL: server.url(),
      SLUICE_DATA_DIR: dataDir,
      SLUICE_MEMORY_TOTAL_MB: String(totalMb),
      SLUICE_HISTORY_RETENTION: `${retentionMinutes}m`,
    });
    await serve.until(async () => (await serve.get<Readiness>("/readyz")).ready, POLL_MS);
    const cpuBefore = (await usageOf(serve.pid))!.cpuSeconds;
    using bar = progressBar("soak", minutes * 60, { unit: "s" });
    traffic = new SoakTraffic(sql, rate);
    sampler = new SoakSampler(
      serve,
      watch,
      file,
      ({ seconds }) => bar.update(Math.min(Math.floor(seconds), minutes * 60)),
    );
    const failure = Promise.race([serve.child.failure(), traffic.failure(), sampler.failure()]);
    failure.catch(() => {}); // each wait below tells
    const wait = (ms: number) => Promise.race([failure, pause(ms)]);
    // What the source is now must still be in the change log at the end.
    const laterMs = Math.min(retentionMinutes / 2, minutes / 2) * 60_000;
    await wait(minutes * 60_000 - laterMs);
    then = await traffic.paused(() => rememberState(watch));
    await wait(laterMs);
    await traffic.stop();
    const { rows: [{ lsn }] } = await sql.query("SELECT pg_current_wal_insert_lsn() AS lsn");
    await sql.query("CHECKPOINT"); // flushes what synchronous_commit=off has not
    await serve.until(async () => {
      const { ready, lsn: here } = await serve.get<Readiness & { lsn: string }>("/readyz");
      return ready && parseLsn(here) >= parseLsn(lsn);
    }, POLL_MS);
    cpuSeconds = (await usageOf(serve.pid))!.cpuSeconds - cpuBefore;
    await wait(IDLE_MS);
    await sampler.stop();
    stoppedAt = Date.now();
  }
  const { samples } = sampler;
  await Deno.mkdir("dist", { recursive: true });
  await Deno.writeTextFile("dist/soak-samples.json", JSON.stringify(samples) + "\n");
  for (const plot of await plotSoak(samples, totalMb)) console.log(`Written to ${plot}.`);
  const note = `${rate} changes/s wanted, ${totalMb} MB in all, ` +
    `SLUICE_HISTORY_RETENTION=${retentionMinutes}m; serve took ${cpuSeconds.toFixed(0)} s of CPU ` +
    `for ${traffic.changes} changes`;
  const rows = partsOf(samples, minutes * 60).map((row) => ({ ...row, note }));
  const instance = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
  const warehouse = await instance.connect();
  try {
    console.log(`equal to the source: ${await assertEqual(sql, warehouse)} rows`);
    await assertLogTells(sql, warehouse, then);
    console.log(`the change logs tell the state at ${then.toISOString()}`);
    const horizon = await readHorizon(
      warehouse,
      new Date(stoppedAt - retentionMinutes * 60_000),
    );
    console.log("the change logs and their horizon:", horizon);
    const late = `retention is ${horizon.lateSeconds} s late; at most ${LATE_SECONDS_MAX} s`;
    assert.ok(horizon.lateSeconds < LATE_SECONDS_MAX, late);
  } catch (error) {
    await report("soak", rows); // what was measured holds all the same
    throw error;
  } finally {
    warehouse.closeSync();
    instance.closeSync();
    await sql.end();
    await watch.end();
  }
  return rows;
}

/** The figures of each part of the run. */
function partsOf(samples: readonly SoakSample[], seconds: number): Omit<Row, "note">[] {
  return Array.from({ length: PARTS }, (_, i) => i).flatMap((i) => {
    const [from, to] = [i * seconds / PARTS, (i + 1) * seconds / PARTS];
    const part = samples.filter((sample) => sample.seconds >= from && sample.seconds < to);
    if (part.length < 2) return []; // no answer for so long: the plots show it
    const [first, last] = [part[0], part.at(-1)!];
    const of = (value: (sample: SoakSample) => number | null) =>
      part.map(value).filter((each) => each !== null).toSorted((a, b) => a - b);
    const most = (value: (sample: SoakSample) => number | null) => of(value).at(-1) ?? NaN;
    const middle = (value: (sample: SoakSample) => number | null) =>
      of(value)[of(value).length >> 1] ?? NaN;
    return {
      what: `${round(from / 60)} to ${round(to / 60)} min`,
      rows: last.applied - first.applied,
      seconds: last.seconds - first.seconds,
      rssMb: Math.round(most(({ rssMb }) => rssMb)),
      figures: {
        "RSS median": middle(({ rssMb }) => rssMb),
        "file MB": most(({ fileMb }) => fileMb),
        "used MB": most(({ usedMb }) => usedMb),
        "WAL MB": most(({ walMb }) => walMb),
        "log rows": most(({ logRows }) => logRows),
        "lag median s": round(middle(({ lagSeconds }) => lagSeconds)),
        "lag max s": round(most(({ lagSeconds }) => lagSeconds)),
        "slot MB": most(({ slotMb }) => slotMb),
      },
    };
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
