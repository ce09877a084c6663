/** `generate`: the bulk load and the live traffic, with progress, signals and a summary. */
import { readConfig, requireDatabaseUrl } from "../src/config.ts";
import { progressBar } from "../src/progress.ts";
import { Interrupted, loadBulk } from "./bulk.ts";
import { simulatedClock, wallClock } from "./clock.ts";
import { Generator } from "./generator.ts";
import { type GenerateOptions, HELP, readOptions } from "./options.ts";
import { count } from "./summary.ts";
import { TABLES } from "./tables.ts";

/** As a shell reports a command that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

/**
 * Runs `generate` with the arguments after its name, and gives the exit code: 0, or 130 when a bulk
 * load was interrupted. Throws a `Fault` for everything else that ends it.
 */
export async function runGenerate(args: string[], env: Record<string, string>): Promise<number> {
  const options = readOptions(args);
  if (options.help) {
    print(HELP);
    return 0;
  }
  const url = requireDatabaseUrl(readConfig(env));
  using signals = new Signals();
  if (options.bulk !== undefined && !(await bulk(url, options.bulk, options, signals.signal))) {
    return EXIT_INTERRUPTED;
  }
  if (options.live && !signals.signal.aborted) await live(url, options, signals.signal);
  return 0;
}

/** False: it was interrupted, and nothing is loaded. */
async function bulk(
  url: string,
  transactions: number,
  options: GenerateOptions,
  signal: AbortSignal,
): Promise<boolean> {
  using bar = progressBar("Loading", transactions, { unit: "transactions" });
  try {
    const { rows, elapsedMs } = await loadBulk(url, {
      ...options,
      transactions,
      clock: clockOf(options),
      signal,
      onProgress: (done) => bar.update(done),
      onStep: (step) => bar.note(`${step[0].toUpperCase()}${step.slice(1)} …`),
    });
    bar.stop();
    const all = TABLES.reduce((sum, table) => sum + rows[table], 0);
    const perSecond = count(Math.round(all / elapsedMs * 1000));
    print(
      `Loaded ${count(all)} rows in ${(elapsedMs / 1000).toFixed(1)} s (${perSecond} a second)`,
    );
    for (const table of TABLES) print(`  ${table.padEnd(20)}${count(rows[table]).padStart(12)}`);
    return true;
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    bar.stop();
    print("Interrupted: nothing was loaded.");
    return false;
  }
}

async function live(url: string, options: GenerateOptions, signal: AbortSignal): Promise<void> {
  const { rate, durationMs, transactions } = options;
  const started = performance.now();
  let notice: (text: string) => void = console.error;
  await using generator = await Generator.open(url, {
    ...options,
    clock: clockOf(options),
    waitForDisk: rate > 0,
    onNotice: (text) => notice(text),
  });
  const total = Math.min(
    transactions ?? Infinity,
    (durationMs ?? Infinity) / 1000 * rate || Infinity,
  );
  using bar = progressBar("Writing", Number.isFinite(total) ? total : 0, { unit: "transactions" });
  notice = (text) => bar.note(text);
  try {
    await generator.run({ ...options, signal, onCommit: (committed) => bar.update(committed) });
  } finally {
    bar.stop();
    print(generator.summary.toText(performance.now() - started));
  }
}

function clockOf({ clock, rate }: GenerateOptions) {
  return clock === "wall" ? wallClock() : simulatedClock(rate > 0 ? rate : undefined);
}

function print(text: string): void {
  console.log(text);
}

/** The first SIGINT or SIGTERM asks for the end; the second ends the process at once. */
class Signals implements Disposable {
  readonly #controller = new AbortController();
  readonly #names: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  readonly #onSignal = () => {
    this.#controller.abort();
    this[Symbol.dispose]();
  };

  constructor() {
    for (const name of this.#names) Deno.addSignalListener(name, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const name of this.#names.splice(0)) Deno.removeSignalListener(name, this.#onSignal);
  }
}
