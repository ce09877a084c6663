/**
 * One run of `deno task dev` or `deno task stack`: what it starts is ended in reverse order, on
 * Ctrl-C or when a part fails, and nothing is left behind.
 */
import { Fault } from "../errors.ts";
import { RUN_FLAGS } from "../flags.ts";
import { Child, ChildFailure } from "./child.ts";
import { RunningFile, type Task } from "./leftovers.ts";
import { readable, Screen } from "./screen.ts";

export class Session {
  readonly screen = new Screen();
  readonly #stopping = new AbortController();
  readonly #started = new AsyncDisposableStack();
  #running: RunningFile | undefined;

  constructor(private readonly task: Task) {}

  /** Aborted when we are told to stop. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Does `work` until it ends, fails, or we are told to stop. Resolves to the exit code. */
  async run(work: () => Promise<void>): Promise<number> {
    const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
    for (const signal of signals) Deno.addSignalListener(signal, () => this.#stopping.abort());
    let code = 0;
    try {
      await work();
    } catch (error) {
      // What fails while we are being stopped, fails because of it.
      if (!this.stopping.aborted) code = this.#complain(error);
    }
    this.screen.snapshotEnded();
    try {
      await this.#started.disposeAsync();
    } catch (error) {
      code = this.#complain(error);
    }
    if (code === 0) this.screen.step(`stopped; \`deno task ${this.task}\` goes on from here`);
    return code;
  }

  /** Refuses when another run of the same task is on the folder. Comes before anything is started. */
  async claim(dataDir: string): Promise<void> {
    const step = (text: string) => this.screen.step(text);
    this.#running = await RunningFile.claim(this.task, dataDir, step);
    this.#started.use(this.#running);
  }

  /** `end` is called when the run ends, before what was started earlier is ended. */
  defer(end: () => Promise<void>): void {
    this.#started.defer(end);
  }

  /** Resolves when we are told to stop. */
  stopped(): Promise<void> {
    return new Promise((resolve) => {
      if (this.stopping.aborted) resolve();
      this.stopping.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Starts a mode of main.ts, and shows what it warns of. */
  async child(name: string, args: readonly string[], env: Record<string, string>): Promise<Child> {
    const child = new Child({
      name,
      flags: RUN_FLAGS,
      args: [name, ...args],
      env,
      onLine: (line) => {
        const { level, text } = readable(line);
        if (/^(warn|warning|error|fatal)$/.test(level)) this.screen.line(`${name}: ${text}`);
      },
    });
    this.#started.defer(async () => {
      if (!child.running) return;
      this.screen.step(`stopping \`${name}\``);
      await child.stop();
    });
    await this.#running?.add(child.pid);
    return child;
  }

  /** Prints what is wrong. Returns the exit code. */
  #complain(error: unknown): number {
    this.screen.snapshotEnded();
    this.screen.line();
    if (error instanceof Fault || error instanceof ChildFailure) {
      this.screen.line(`error: ${error.message}`);
      return error.exit;
    }
    this.screen.line(`error: ${error instanceof Error ? error.stack : error}`);
    return 1;
  }
}

/** Runs `main`; a fault of its becomes a line and its exit code. */
export async function exitCode(main: () => Promise<number>): Promise<number> {
  try {
    return await main();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    console.error(`error: ${error.message}`);
    return error.exit;
  }
}
