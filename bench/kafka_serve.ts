/** Sluice itself, as `serve` runs it, on a bench's topics: what it takes to drain them. */
import { BANK_TABLES } from "./bank_tables.ts";
import { Child } from "../src/dev/child.ts";
import { getChanges } from "../src/dev/readiness.ts";
import { freePort } from "../src/dev/embedded_postgres.ts";
import { RUN_FLAGS } from "../src/flags.ts";
import { type Usage, usageOf } from "./usage.ts";

/** How precisely times are taken. */
const POLL_MS = 20;

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
    private readonly child: Child,
    private readonly base: string,
    /** From the start of the process until /healthz answered. */
    readonly healthySeconds: number,
    /** As `performance.now`. */
    private readonly healthyAt: number,
  ) {}

  /** Starts it, and waits for /healthz. */
  static async start(options: ServeOptions): Promise<BenchServe> {
    const address = `127.0.0.1:${freePort()}`;
    const begun = performance.now();
    const child = new Child({
      name: "serve",
      flags: RUN_FLAGS,
      args: ["serve"],
      env: {
        SLUICE_SOURCE: "kafka",
        SLUICE_KAFKA_BROKERS: options.brokers,
        SLUICE_KAFKA_TOPIC_PREFIX: options.prefix,
        SLUICE_KAFKA_GROUP: crypto.randomUUID(),
        SLUICE_DATABASE_URL: options.databaseUrl,
        SLUICE_DATA_DIR: options.dataDir,
        SLUICE_HTTP_ADDR: address,
        SLUICE_MEMORY_TOTAL_MB: String(options.totalMb),
      },
    });
    const base = `http://${address}`;
    try {
      await Promise.race([child.failure(), isHealthy(base)]);
    } catch (error) {
      await child.stop();
      throw error;
    }
    const now = performance.now();
    return new BenchServe(child, base, (now - begun) / 1000, now);
  }

  /** Resolves when so many changes are durable: how long that took since /healthz answered. */
  async drained(changes: number): Promise<{ seconds: number; usage: Usage | undefined }> {
    let isOver = false;
    const failure = this.child.failure();
    failure.catch(() => isOver = true);
    while (!isOver && ((await getChanges(this.base))?.streamed ?? 0) < changes) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    if (isOver) await failure;
    const seconds = (performance.now() - this.healthyAt) / 1000;
    return { seconds, usage: await usageOf(this.child.pid) };
  }

  /** Rows of each current table. */
  async rows(): Promise<Record<string, number>> {
    const counts = BANK_TABLES.map(({ name }) =>
      `(SELECT count(*) FROM public.${name}) AS ${name}`
    );
    const response = await fetch(`${this.base}/v1/sql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sql: `SELECT ${counts.join(", ")}` }),
    });
    if (!response.ok) throw new Error(`/v1/sql: ${await response.text()}`);
    const { rows: [row] } = await response.json();
    const values = Array.isArray(row) ? row : BANK_TABLES.map(({ name }) => row[name]);
    return Object.fromEntries(BANK_TABLES.map(({ name }, i) => [name, Number(values[i])]));
  }

  /** Ends it in good order. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.stop();
  }
}

async function isHealthy(base: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${base}/healthz`).catch(() => undefined); // nobody listens yet
    await response?.body?.cancel();
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
