/** Sluice itself in a process of its own, as `serve` runs it, with what a bench asks of it. */
import { Child } from "../src/dev/child.ts";
import { freePort } from "../src/dev/embedded_postgres.ts";
import { RUN_FLAGS } from "../src/flags.ts";

/** A `serve` that is running, with the permissions and V8 flags that it always has. */
export class ServeProcess implements AsyncDisposable {
  private constructor(
    readonly child: Child,
    /** `http://127.0.0.1:<port>` */
    readonly base: string,
  ) {}

  /** Starts it without waiting for anything. `env`: its settings, but for its address. */
  static start(env: Record<string, string>): ServeProcess {
    const address = `127.0.0.1:${freePort()}`;
    const child = new Child({
      name: "serve",
      flags: RUN_FLAGS,
      args: ["serve"],
      env: { ...env, SLUICE_HTTP_ADDR: address },
    });
    return new ServeProcess(child, `http://${address}`);
  }

  get pid(): number {
    return this.child.pid;
  }

  /**
   * Resolves when `isThere` does with true, asked again and again. Throws when `serve` ends; that
   * nobody listens yet is no failure.
   */
  async until(isThere: () => Promise<boolean>, pollMs: number): Promise<void> {
    let failure: unknown;
    this.child.failure().catch((error) => failure = error);
    while (!await isThere().catch(notListening)) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      if (failure !== undefined) throw failure;
    }
  }

  /** The JSON at a path of the API, 503 of /readyz included. */
  async get<T>(path: string): Promise<T> {
    return await (await fetch(this.base + path)).json();
  }

  /** One row of numbers by SQL in the warehouse. */
  async sqlRow(sql: string): Promise<number[]> {
    const response = await fetch(`${this.base}/v1/sql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sql }),
    });
    if (!response.ok) throw new Error(`/v1/sql: ${await response.text()}`);
    const { rows: [row] } = await response.json();
    return Object.values(row).map(Number);
  }

  /** Ends it in good order. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.stop();
  }
}

/** What `fetch` throws when there is no connection. */
function notListening(error: unknown): false {
  if (!(error instanceof TypeError)) throw error;
  return false;
}
