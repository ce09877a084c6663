/**
 * What a `deno task dev` or `stack` that was killed leaves behind: children on their way out, and a
 * PostgreSQL that nobody stopped. `<data folder>/dev.json` names the processes of the one that runs
 * now.
 */
import { dirname, join } from "node:path";
import { Fault } from "../errors.ts";
import { FOLLOW_PARENT } from "../parent.ts";
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from "./embedded_postgres.ts";
import { commandOf, signal, waitUntilGone } from "./process.ts";

/** Children drain within 10 s when their parent is gone. */
const CHILD_MS = 15_000;
const POSTGRES_MS = 20_000;
const ATTEMPTS = 3;

/** A task of deno.json, whose script is `src/dev/<task>.ts`. */
export type Task = "dev" | "stack";

interface Running {
  dev: number;
  children: number[];
}

/** Names the processes of this run, for the next one. Removed when it is disposed. */
export class RunningFile implements AsyncDisposable {
  readonly #running: Running = { dev: Deno.pid, children: [] };

  private constructor(private readonly path: string) {}

  /** Refuses when another runs on the same data folder; waits for what a killed one left behind. */
  static async claim(
    task: Task,
    dataDir: string,
    onStep: (step: string) => void,
  ): Promise<RunningFile> {
    const path = join(dataDir, `${task}.json`);
    const before = await readRunning(path);
    if (before !== undefined && (await commandOf(before.dev))?.includes(`src/dev/${task}.ts`)) {
      throw new Fault("usage", {
        what: `another \`deno task ${task}\` runs on ${dataDir}: process ${before.dev}`,
        todo:
          "Stop it first, or give this one a SLUICE_DATA_DIR and a SLUICE_HTTP_ADDR of its own.",
      });
    }
    for (const pid of before?.children ?? []) await waitForChild(pid, onStep);
    const file = new RunningFile(path);
    await Deno.mkdir(dirname(path), { recursive: true });
    await file.#write();
    return file;
  }

  async add(child: number): Promise<void> {
    this.#running.children.push(child);
    await this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path).catch(() => {}); // the user may have deleted the folder
  }

  async #write(): Promise<void> {
    await Deno.writeTextFile(`${this.path}.new`, JSON.stringify(this.#running) + "\n");
    await Deno.rename(`${this.path}.new`, this.path);
  }
}

async function readRunning(path: string): Promise<Running | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Waits for a child of an earlier run, which ends by itself since its parent is gone. It is never
 * killed from here: after a restart of the machine its id may be another program's.
 */
async function waitForChild(pid: number, onStep: (step: string) => void): Promise<void> {
  if (await waitUntilGone(pid, FOLLOW_PARENT, 0)) return;
  onStep(`waiting for process ${pid} of an earlier run to end`);
  if (await waitUntilGone(pid, FOLLOW_PARENT, CHILD_MS)) return;
  throw new Fault("usage", {
    what: `process ${pid} of an earlier run does not end`,
    todo: `See what it does, or end it by hand: kill -9 ${pid}`,
  });
}

/**
 * Starts PostgreSQL; stops the one that a killed run left there before. Ctrl-C reaches
 * `pg_ctl` as well as us, and may leave a server that we know nothing of: so once `stopping` is
 * aborted a failed start is tried again, to have a server that can be stopped.
 */
export async function startPostgres(
  options: EmbeddedPostgresOptions & { onStep: (step: string) => void },
  stopping: AbortSignal,
): Promise<EmbeddedPostgres> {
  for (let attempt = 1;; attempt++) {
    try {
      return await startEmbeddedPostgres(options);
    } catch (error) {
      const stale = error instanceof Fault ? await runningPostmaster(error) : undefined;
      if (attempt === ATTEMPTS || (stale === undefined && !stopping.aborted)) throw error;
      if (stale !== undefined) await stopStale(stale, options.onStep);
    }
  }
}

async function stopStale(pid: number, onStep: (step: string) => void): Promise<void> {
  onStep(`stopping the PostgreSQL of an earlier run (process ${pid})`);
  signal(pid, "SIGINT"); // PostgreSQL's fast shutdown: connections are cut, data is safe
  if (await waitUntilGone(pid, "postgres", POSTGRES_MS)) return;
  signal(pid, "SIGQUIT"); // at once; the next start replays its log
  await waitUntilGone(pid, "postgres", POSTGRES_MS);
}

/**
 * The postmaster that holds the data folder, from PostgreSQL's own refusal to start on it: it names
 * process and folder. It is believed only if the folder's `postmaster.pid` and the process agree.
 */
async function runningPostmaster(fault: Fault): Promise<number | undefined> {
  const refusals = fault.message.matchAll(/\(PID (\d+)\) running in data directory "([^"]+)"/g);
  const [, pid, folder] = [...refusals].at(-1) ?? [];
  if (pid === undefined) return undefined;
  const file = await Deno.readTextFile(join(folder, "postmaster.pid")).catch(() => "");
  const agrees = file.split("\n")[0] === pid &&
    (await commandOf(Number(pid)))?.includes("postgres");
  return agrees ? Number(pid) : undefined;
}
