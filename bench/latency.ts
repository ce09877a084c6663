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
export const CHANGES_PER_TRANSACTION = 3.8;
/** The start of the traffic, which is not measured. */
const WARM_UP_MS = 5000;
const MEASURED_MS = 30_000;

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
  const traffic = new Child({
    name: "generate",
    flags: ["run", "-A"],
    args: ["generate", `--rate=${Math.round(rate / CHANGES_PER_TRANSACTION)}`],
    env: { SLUICE_DATABASE_URL: server.url() },
  });
  try {
    let begun = Date.now();
    await pipeline.until(() => Date.now() - begun >= WARM_UP_MS);
    const before = pipeline.changes;
    pipeline.visibleMs.length = 0;
    pipeline.commitMs.length = 0;
    begun = Date.now();
    const watch = new Stopwatch();
    {
      using bar = progressBar("measuring", MEASURED_MS / 1000, { unit: "s" });
      await pipeline.until(() => {
        const ms = Date.now() - begun;
        bar.update(Math.min(ms, MEASURED_MS) / 1000);
        return ms >= MEASURED_MS;
      });
    }
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
