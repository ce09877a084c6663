/** `serve` itself, in a process of its own, on a bench's PostgreSQL. */
import { Child } from "../src/dev/child.ts";
import { type Changes, getReadiness, parseChanges, type Readiness } from "../src/dev/readiness.ts";
import { freePort } from "../src/dev/embedded_postgres.ts";
import { RUN_FLAGS } from "../src/flags.ts";
import type { MemoryReport } from "../src/metrics.ts";
import { parseLsn } from "../src/source/position.ts";

/** How often it is asked whether it is as far as that. */
const POLL_MS = 100;

/** A `serve` that is running. */
export class PostgresServe implements AsyncDisposable {
  private constructor(private readonly child: Child, private readonly base: string) {}

  /** Starts it with the settings given, and waits until `/readyz` says that it is ready. */
  static async start(settings: Record<string, string>): Promise<PostgresServe> {
    const address = `127.0.0.1:${freePort()}`;
    const child = new Child({
      name: "serve",
      flags: RUN_FLAGS,
      args: ["serve"],
      env: { SLUICE_HTTP_ADDR: address, ...settings },
    });
    const serve = new PostgresServe(child, `http://${address}`);
    try {
      await serve.until((readiness) => readiness.ready);
    } catch (error) {
      await child.stop();
      throw error;
    }
    return serve;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Rejects when it ends without being asked to. */
  failure(): Promise<never> {
    return this.child.failure();
  }

  /** Undefined while nobody answers. */
  readiness(): Promise<(Readiness & { lsn: string }) | undefined> {
    return getReadiness(this.base) as Promise<(Readiness & { lsn: string }) | undefined>;
  }

  async memory(): Promise<MemoryReport> {
    return await (await fetch(`${this.base}/v1/memory`)).json();
  }

  async changes(): Promise<Changes> {
    return parseChanges(await (await fetch(`${this.base}/metrics`)).text());
  }

  /** Rows of `POST /v1/sql`. */
  async sql(sql: string): Promise<unknown[][]> {
    const response = await fetch(`${this.base}/v1/sql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sql }),
    });
    if (!response.ok) throw new Error(`/v1/sql: ${await response.text()}`);
    return (await response.json()).rows;
  }

  /** Resolves when everything up to `lsn` is applied. */
  async reaches(lsn: number): Promise<void> {
    await this.until((readiness) => readiness.ready && parseLsn(readiness.lsn) >= lsn);
  }

  /** Asks until `condition` holds; throws what it ended with meanwhile. */
  async until(condition: (readiness: Readiness & { lsn: string }) => boolean): Promise<void> {
    let failure: unknown;
    this.child.failure().catch((error) => failure = error);
    for (;;) {
      const readiness = await this.readiness();
      if (failure !== undefined) throw failure;
      if (readiness !== undefined && condition(readiness)) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Ends it in good order. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.stop();
  }
}
