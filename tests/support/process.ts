/** Sluice as a process of its own, for tests that kill it. */
import { join } from "node:path";
import { freePort } from "../../src/dev/embedded_postgres.ts";
import { RUN_FLAGS } from "../../src/flags.ts";
import { parseLsn } from "../../src/source/position.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** How a process ended. */
export interface Ended {
  code: number;
  /** Standard output and error together. */
  output: string;
}

/** `main.ts <args>` with only `env` set; resolves when it has ended. `signal` sends it SIGTERM. */
export async function runMain(
  args: string[],
  env: Record<string, string>,
  signal?: AbortSignal,
): Promise<Ended> {
  const output = await command(args, env, signal).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: output.code, output: text(output.stdout) + text(output.stderr) };
}

function command(
  args: string[],
  env: Record<string, string>,
  signal?: AbortSignal,
  flags: readonly string[] = RUN_FLAGS,
): Deno.Command {
  const home = Object.fromEntries(
    ["HOME", "PATH", "DENO_DIR", "TMPDIR"].flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return new Deno.Command(Deno.execPath(), {
    args: [...flags, MAIN, ...args],
    clearEnv: true,
    env: { ...home, NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal,
  });
}

/** How a {@linkcode SluiceProcess} is started with other flags of the runtime than the usual ones. */
export function withFlags(change: (flags: readonly string[]) => readonly string[]) {
  return (args: string[], env: Record<string, string>) =>
    command(args, env, undefined, change(RUN_FLAGS));
}

/** A running `serve`. Disposing it kills it. */
export class SluiceProcess implements AsyncDisposable {
  readonly address: string;
  /** Resolves when it has ended. */
  readonly ended: Promise<Ended>;
  readonly #child: Deno.ChildProcess;
  #output = "";
  #hasEnded = false;

  /** `start`: what makes the command of the arguments and the environment, when it isn't main.ts. */
  constructor(
    env: Record<string, string>,
    args: string[] = [],
    start: (args: string[], env: Record<string, string>) => Deno.Command = command,
  ) {
    this.address = `127.0.0.1:${freePort()}`;
    this.#child = start(["serve", ...args], {
      SLUICE_HTTP_ADDR: this.address,
      SLUICE_LOG_FILE: "none",
      ...env,
    }).spawn();
    const both = Promise.all([this.#drain(this.#child.stdout), this.#drain(this.#child.stderr)]);
    this.ended = this.#child.status.then(async ({ code }) => {
      this.#hasEnded = true;
      await both;
      return { code, output: this.#output };
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get output(): string {
    return this.#output;
  }

  async kill(signal: Deno.Signal): Promise<Ended> {
    if (!this.#hasEnded) this.#child.kill(signal);
    return await this.ended;
  }

  /** A request and its whole answer; undefined when nobody listens, or was killed amid it. */
  async fetch(path: string, init?: RequestInit): Promise<Response | undefined> {
    try {
      const response = await fetch(`http://${this.address}${path}`, init);
      const { status, headers } = response;
      return new Response(await response.arrayBuffer(), { status, headers });
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }

  /** Rows of `POST /v1/sql`, with the position they reflect. */
  async sql(sql: string): Promise<{ rows: unknown[][]; lsn: number } | undefined> {
    const response = await this.fetch("/v1/sql", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sql }),
    });
    const body = await response?.json();
    if (response?.status !== 200) return undefined;
    return { rows: body.rows, lsn: parseLsn(response.headers.get("sluice-lsn")!) };
  }

  /** Waits until `/readyz` is 200; throws with the output when the process has ended instead. */
  async ready(): Promise<void> {
    await this.until(async () => {
      const response = await this.fetch("/readyz");
      await response?.body?.cancel();
      return response?.status === 200;
    });
  }

  /** Waits until everything up to `lsn` is applied. */
  async reaches(lsn: number): Promise<void> {
    await this.until(async () => {
      const response = await this.fetch("/readyz");
      const body = await response?.json();
      return response?.status === 200 && parseLsn(body.lsn) >= lsn;
    });
  }

  async until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) {
      if (this.#hasEnded) throw new Error(`Sluice has ended:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill("SIGKILL");
  }

  async #drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#output += text;
  }
}

/** The warehouse file of a data folder. */
export function warehouseFile(dataDir: string): string {
  return join(dataDir, "warehouse.duckdb");
}
