/**
 * `deno task dev`: PostgreSQL 14 from npm, the bank's schema and traffic, and Sluice, in one
 * command. With SLUICE_DATABASE_URL set it serves that database, and starts and writes none.
 */
import { resolve } from "node:path";
import { type Config, readConfig } from "../config.ts";
import { Fault } from "../errors.ts";
import { RUN_FLAGS } from "../flags.ts";
import { Child, ChildFailure } from "./child.ts";
import { examples } from "./examples.ts";
import { RunningFile, startPostgres } from "./leftovers.ts";
import { claimAddress, isLoopback } from "./port.ts";
import { getChanges, getReadiness, pause, type Readiness, waitUntilReady } from "./readiness.ts";
import { count, readable, Screen } from "./screen.ts";
import { needsSeed, SEED_ARGS, TRAFFIC_ARGS } from "./traffic.ts";

const STATUS_MS = 1000;
const FIRST_CHANGE_POLL_MS = 100;

/** One run, from the first step to the last process gone. */
class Dev {
  readonly #screen = new Screen();
  readonly #stopping = new AbortController();
  /** Ended in reverse order: traffic, then serve, then PostgreSQL, then the file that names them. */
  readonly #started = new AsyncDisposableStack();
  #running!: RunningFile;
  #waiting: string | undefined;

  constructor(private readonly config: Config) {}

  /** Runs until it is told to stop, or a part fails. Resolves to the exit code. */
  async run(): Promise<number> {
    const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
    for (const signal of signals) Deno.addSignalListener(signal, () => this.#stopping.abort());
    let code = 0;
    try {
      await this.#start();
    } catch (error) {
      // What fails while we are being stopped, fails because of it.
      if (!this.#stopping.signal.aborted) code = this.#complain(error);
    }
    this.#screen.snapshotEnded();
    try {
      await this.#started.disposeAsync();
    } catch (error) {
      code = this.#complain(error);
    }
    if (code === 0) this.#screen.step("stopped; `deno task dev` goes on from here");
    return code;
  }

  async #start(): Promise<void> {
    const screen = this.#screen;
    const step = (text: string) => screen.step(text);
    this.#running = await RunningFile.claim(this.config.SLUICE_DATA_DIR, step);
    this.#started.use(this.#running);
    const { address, base } = claimAddress(this.config.SLUICE_HTTP_ADDR);
    const given = this.config.SLUICE_DATABASE_URL;
    if (given !== undefined) {
      step("using the database of SLUICE_DATABASE_URL; no rows are written to it");
    }
    const url = given ?? await this.#startDatabase();
    this.#stopping.signal.throwIfAborted();

    const env = { SLUICE_DATABASE_URL: url, SLUICE_HTTP_ADDR: address };
    step(`starting \`serve\` on ${base}`);
    const children = [await this.#child("serve", RUN_FLAGS, [], env)];
    if (given === undefined) {
      step("starting live traffic");
      children.push(await this.#child("generate", RUN_FLAGS, TRAFFIC_ARGS, env));
    }
    const failures = children.map((child) => child.failure());
    const ours = given === undefined ? url : undefined;
    await Promise.race([...failures, this.#stopped(), this.#show(base, ours)]);
  }

  /** Resolves when it is told to stop. */
  #stopped(): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** PostgreSQL with the bank in it. Resolves to its URL. */
  async #startDatabase(): Promise<string> {
    const step = (text: string) => this.#screen.step(text);
    const dataDir = resolve(this.config.SLUICE_DATA_DIR, "postgres");
    const postgres = await startPostgres(dataDir, this.#stopping.signal, step);
    this.#started.defer(async () => {
      step("stopping PostgreSQL");
      await postgres.stop();
    });
    this.#stopping.signal.throwIfAborted();
    const url = postgres.url();
    if (await needsSeed(url)) {
      step("applying sql/schema.sql and writing the bank's first rows");
      const env = { SLUICE_DATABASE_URL: url };
      const seed = await this.#child("generate", RUN_FLAGS, SEED_ARGS, env);
      await Promise.race([seed.success(), this.#stopped()]);
      this.#stopping.signal.throwIfAborted();
    }
    return url;
  }

  async #child(
    name: string,
    flags: readonly string[],
    args: readonly string[],
    env: Record<string, string>,
  ): Promise<Child> {
    const child = new Child({
      name,
      flags,
      args: [name, ...args],
      env,
      onLine: (line) => {
        const { level, text } = readable(line);
        if (/^(warn|warning|error|fatal)$/.test(level)) this.#screen.line(`${name}: ${text}`);
      },
    });
    this.#started.defer(async () => {
      if (!child.running) return;
      this.#screen.step(`stopping \`${name}\``);
      await child.stop();
    });
    await this.#running.add(child.pid);
    return child;
  }

  /** Shows the snapshot, then what to try, then how the changes come in, until it is stopped. */
  async #show(base: string, url: string | undefined): Promise<void> {
    const { signal } = this.#stopping;
    const screen = this.#screen;
    await waitUntilReady(base, signal, ({ snapshot, waiting }) => {
      this.#tellWaiting(waiting);
      if (snapshot.tables.length > 0) screen.snapshot(snapshot.tables);
    });
    screen.snapshotEnded((await getChanges(base))?.copied);
    screen.step(
      `ready: changes are streaming into ${this.config.SLUICE_DATA_DIR}/warehouse.duckdb`,
    );
    if (url !== undefined) await this.#firstChange(base);
    this.#printHelp(base, url);
    while (!signal.aborted) {
      const [changes, readiness] = await Promise.all([getChanges(base), getReadiness(base)]);
      if (changes !== undefined && readiness !== undefined && !signal.aborted) {
        this.#tellWaiting(readiness.waiting);
        const lag = readiness.lag_seconds?.toFixed(1) ?? "?";
        screen.status(`${count(changes.streamed)} changes since the start, ${lag} s behind`);
      }
      await pause(STATUS_MS, signal);
    }
  }

  /** What `serve` waits out, once each time that it begins to wait. */
  #tellWaiting(fault: Readiness["waiting"]): void {
    if (fault !== null && fault.text !== this.#waiting) {
      this.#screen.line(`serve waits: ${fault.text}`);
    }
    this.#waiting = fault?.text;
  }

  async #firstChange(base: string): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const streamed = (await getChanges(base))?.streamed ?? 0;
      if (streamed > 0) {
        return this.#screen.step(`the first ${count(streamed)} changes have arrived`);
      }
      await pause(FIRST_CHANGE_POLL_MS, signal);
    }
  }

  #printHelp(base: string, url: string | undefined): void {
    if (this.#stopping.signal.aborted) return;
    const { line } = this.#screen;
    const say = line.bind(this.#screen);
    say();
    say(`Sluice answers on ${base}. Try, in another terminal:`);
    const bank = url !== undefined && this.config.SLUICE_TABLES.includes("public.*");
    for (const { what, curl } of examples(base, bank, isLoopback(this.config.SLUICE_HTTP_ADDR))) {
      say();
      say(`  # ${what}`);
      say(`  ${curl}`);
    }
    say();
    if (url !== undefined) say(`The source is ${url}: your own changes to it arrive, too.`);
    say("Ctrl-C stops everything; the data stays.");
    say();
  }

  /** Prints what is wrong. Returns the exit code. */
  #complain(error: unknown): number {
    this.#screen.snapshotEnded();
    this.#screen.line();
    if (error instanceof Fault || error instanceof ChildFailure) {
      this.#screen.line(`error: ${error.message}`);
      return error.exit;
    }
    this.#screen.line(`error: ${error instanceof Error ? error.stack : error}`);
    return 1;
  }
}

async function main(): Promise<number> {
  try {
    return await new Dev(readConfig(Deno.env.toObject())).run();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    console.error(`error: ${error.message}`);
    return error.exit;
  }
}

if (import.meta.main) Deno.exit(await main());
