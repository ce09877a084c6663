/** What the benches share: a source, a pipeline in this process, and a folder for both. */
import { Pool } from "../src/batch/pool.ts";
import { planBudget } from "../src/budget.ts";
import { startTemporaryPostgres, type TemporaryPostgres } from "../src/dev/embedded_postgres.ts";
import { Pipeline } from "../src/pipeline.ts";
import { progressBar } from "../src/progress.ts";
import { Warehouse } from "../src/sink/warehouse/duckdb.ts";
import { connect } from "../src/source/postgres/connect.ts";
import { postgresCodec } from "../src/decode/codec.ts";
import type { Source } from "../src/source/source.ts";
import { PostgresSource } from "../src/source/postgres/postgres.ts";

/** A PostgreSQL in a temporary folder, with a server's usual settings but for its size. */
export function benchServer(): Promise<TemporaryPostgres> {
  return startTemporaryPostgres("sluice-bench-", {
    settings: { shared_buffers: "512MB", max_wal_size: "4GB" },
    onStep: (step) => console.log(step),
  });
}

/** Lets the server finish what a load leaves behind, so that it doesn't share the measurement. */
export async function settle(url: string): Promise<void> {
  const sql = await connect(url);
  await sql.query("VACUUM ANALYZE");
  await sql.query("CHECKPOINT");
  await sql.end();
}

/** A pipeline as `serve` makes it, and how to run it until a condition holds. */
export class BenchPipeline {
  readonly pipeline: Pipeline;
  /** Changes applied so far. */
  changes = 0;
  /** Of each source transaction (at most 1,000 a commit): from its commit until it was visible. */
  readonly visibleMs: number[] = [];
  /** How long each commit of the sink took. */
  readonly commitMs: number[] = [];
  #run: Promise<void> | undefined;

  private constructor(
    readonly warehouse: Warehouse,
    private readonly source: Source,
    private readonly pool: Pool,
  ) {
    this.pipeline = new Pipeline({
      source,
      sink: warehouse,
      pool,
      resnapshot: false,
      onBadRecord: "stop",
      lettersMax: 0,
      idleCommitMs: 10_000,
      onApplied: ({ tables, commitToVisibleMs, commitMs }) => {
        this.visibleMs.push(...commitToVisibleMs);
        this.commitMs.push(commitMs);
        for (const { counts } of tables) {
          for (const count of Object.values(counts)) this.changes += count;
        }
      },
    });
  }

  static async open(
    url: string,
    dataDir: string,
    totalMb: number,
    slot = "sluice",
  ): Promise<BenchPipeline> {
    const { areaBytes } = planBudget(totalMb);
    const source = new PostgresSource({
      url,
      tables: ["public.*"],
      publication: "sluice",
      slot,
      snapshotConnections: 2,
      statusIntervalMs: 5000,
      messageBytesMax: areaBytes.network / 2,
    }, postgresCodec);
    return await BenchPipeline.over(source, dataDir, totalMb);
  }

  /** From any source, which it closes in the end. */
  static async over(source: Source, dataDir: string, totalMb: number): Promise<BenchPipeline> {
    const { areaBytes } = planBudget(totalMb);
    const warehouse = await Warehouse.open({ dataDir, memoryBytes: areaBytes.managed });
    return new BenchPipeline(warehouse, source, new Pool(areaBytes["task-off-heap"]));
  }

  /** Runs until `condition`; throws the pipeline's fault. */
  async until(condition: () => boolean): Promise<void> {
    this.#run ??= this.pipeline.run();
    let failure: unknown;
    this.#run.catch((error) => failure = error);
    while (!condition()) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (failure !== undefined) throw failure;
    }
  }

  /** Runs for so long. */
  async during(ms: number): Promise<void> {
    const begun = performance.now();
    await this.until(() => performance.now() - begun >= ms);
  }

  /** Runs for the time that is measured, with a bar. */
  async measuring(ms: number): Promise<void> {
    using bar = progressBar("measuring", ms / 1000, { unit: "s" });
    const begun = performance.now();
    await this.until(() => {
      const taken = performance.now() - begun;
      bar.update(Math.min(taken, ms) / 1000);
      return taken >= ms;
    });
  }

  async close(): Promise<void> {
    this.pipeline.stop();
    await this.#run;
    await this.source.close();
    await this.warehouse.close();
    this.pool[Symbol.dispose]();
  }
}
