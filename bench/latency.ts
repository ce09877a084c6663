/**
 * Commit at the source → visible here, while the generator writes at a steady rate into tables that
 * are full already. Times are by one clock, as both ends are on this machine.
 */
import { loadBulk } from "../generator/bulk.ts";
import { Child } from "../src/dev/child.ts";
import { progressBar } from "../src/progress.ts";
import { type BenchOptions, type Row, RssSampler, Stopwatch } from "./report.ts";
import { BenchPipeline, benchServer, settle } from "./setup.ts";

/** Changes of an average transaction of the generator's. */
const CHANGES_PER_TRANSACTION = 3.8;
/** The start of the traffic, which is not measured. */
const WARM_UP_MS = 5000;
const MEASURED_MS = 90_000;

/** The generator in a process of its own, with `rate` changes a second. */
export function startTraffic(databaseUrl: string, rate: number): Child {
  return new Child({
    name: "generate",
    flags: ["run", "-A"],
    args: ["generate", `--rate=${Math.round(rate / CHANGES_PER_TRANSACTION)}`],
    env: { SLUICE_DATABASE_URL: databaseUrl },
  });
}

export async function benchLatency(
  { rows = 1_000_000, totalMb, rate = 2000 }: BenchOptions,
): Promise<Row[]> {
  await using server = await benchServer();
  {
    using bar = progressBar("loading transactions", rows, { unit: "rows" });
    await loadBulk(server.url(), { transactions: rows, onProgress: (n) => bar.update(n) });
  }
  await settle(server.url());
  using rss = new RssSampler();
  const pipeline = await BenchPipeline.open(server.url(), `${server.folder}/data`, totalMb);
  await pipeline.until(() => pipeline.pipeline.status().phase === "streaming");
  const traffic = startTraffic(server.url(), rate);
  try {
    await pipeline.during(WARM_UP_MS);
    const before = pipeline.changes;
    pipeline.visibleMs.length = 0;
    pipeline.commitMs.length = 0;
    const watch = new Stopwatch();
    await pipeline.measuring(MEASURED_MS);
    const taken = watch.read();
    const visible = pipeline.visibleMs.toSorted((a, b) => a - b);
    const commits = pipeline.commitMs.length;
    return [{
      what: "commit → visible",
      rows: pipeline.changes - before,
      ...taken,
      rssMb: rss.maxMb,
      figures: {
        "p50 ms": quantile(visible, 0.5),
        "p90 ms": quantile(visible, 0.9),
        "p99 ms": quantile(visible, 0.99),
        "max ms": quantile(visible, 1),
        transactions: visible.length,
        commits,
      },
      note: `of each source transaction, with ${rows} transactions in the table; the generator ` +
        "runs in a process of its own, one transaction after the other",
    }];
  } finally {
    await traffic.stop();
    await pipeline.close();
  }
}

/** Rounded to a tenth. */
export function quantile(sorted: number[], q: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
  return Math.round(value * 10) / 10;
}
