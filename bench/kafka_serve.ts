/** Sluice itself, as `serve` runs it, on a bench's topics: what it takes to drain them. */
import { BANK_TABLES } from "./bank_tables.ts";
import { getChanges } from "../src/dev/readiness.ts";
import { ServeProcess } from "./serve.ts";
import { type Usage, usageOf } from "./usage.ts";

/** How precisely times are taken. */
const POLL_MS = 50;
const START_POLL_MS = 5;

export interface ServeOptions {
  readonly brokers: string;
  readonly prefix: string;
  /** Whose catalogue has the tables. */
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly totalMb: number;
}

/** A `serve` that is running. */
export class BenchServe implements AsyncDisposable {
  private constructor(
    private readonly serve: ServeProcess,
    /** From the start of the process until /healthz answered. */
    readonly healthySeconds: number,
    /** As `performance.now`. */
    private readonly healthyAt: number,
  ) {}

  /** Starts it, and waits for /healthz. */
  static async start(options: ServeOptions): Promise<BenchServe> {
    const begun = performance.now();
    const serve = ServeProcess.start({
      SLUICE_SOURCE: "kafka",
      SLUICE_KAFKA_BROKERS: options.brokers,
      SLUICE_KAFKA_TOPIC_PREFIX: options.prefix,
      SLUICE_KAFKA_GROUP: crypto.randomUUID(),
      SLUICE_DATABASE_URL: options.databaseUrl,
      SLUICE_DATA_DIR: options.dataDir,
      SLUICE_MEMORY_TOTAL_MB: String(options.totalMb),
    });
    try {
      await serve.until(() => isHealthy(serve.base), START_POLL_MS);
    } catch (error) {
      await serve[Symbol.asyncDispose]();
      throw error;
    }
    const now = performance.now();
    return new BenchServe(serve, (now - begun) / 1000, now);
  }

  /** Resolves when so many changes are durable: how long that took since /healthz answered. */
  async drained(changes: number): Promise<{ seconds: number; usage: Usage | undefined }> {
    const { serve } = this;
    const applied = async () => (await getChanges(serve.base))?.streamed ?? 0;
    await serve.until(async () => await applied() >= changes, POLL_MS);
    const seconds = (performance.now() - this.healthyAt) / 1000;
    return { seconds, usage: await usageOf(serve.pid) };
  }

  /** Rows of each current table. */
  async rows(): Promise<Record<string, number>> {
    const counts = BANK_TABLES.map(({ name }) =>
      `(SELECT count(*) FROM public.${name}) AS ${name}`
    );
    const row = await this.serve.sqlRow(`SELECT ${counts.join(", ")}`);
    return Object.fromEntries(BANK_TABLES.map(({ name }, i) => [name, row[i]]));
  }

  /** Ends it in good order. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.serve[Symbol.asyncDispose]();
  }
}

async function isHealthy(base: string): Promise<boolean> {
  const response = await fetch(`${base}/healthz`);
  await response.body?.cancel();
  return response.ok;
}
