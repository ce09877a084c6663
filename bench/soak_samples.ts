/** What the soak looks at every second. */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { SOAK_TABLES } from "./soak_traffic.ts";
import { type Changes, parseChanges, type Readiness } from "../src/dev/readiness.ts";
import type { MemoryReport } from "../src/metrics.ts";
import { megabytes } from "./rss.ts";
import type { ServeProcess } from "./serve.ts";

/** One look. MB are 2^20 bytes. */
export interface SoakSample {
  /** Since the traffic began. */
  seconds: number;
  /** VmRSS of the process of `serve`. */
  rssMb: number;
  /** What the areas of the budget have in use, by /v1/memory; of those that it can measure. */
  areasMb: Record<string, number>;
  /** The warehouse's file, how much of it is in use (looked up as seldom as the rows), its WAL. */
  fileMb: number;
  usedMb: number | null;
  walMb: number;
  /** Changes in the change logs; null when it was not counted this time. */
  logRows: number | null;
  /** Changes applied since `serve` started. */
  applied: number;
  /** By /readyz; null when it is not known. */
  lagSeconds: number | null;
  /** What the source has flushed and was not told to be durable here. */
  slotMb: number;
}

const MB = 1024 * 1024;
/** The change logs are counted every so many looks. */
const COUNT_EVERY = 10;

const COUNTS = SOAK_TABLES.map(({ name }) => `(SELECT count(*) FROM public__changes.${name})`);

/** Looks at a running `serve` every second. */
export class SoakSampler {
  readonly samples: SoakSample[] = [];
  #stopping = false;
  /** The count under way, which may take longer than a second, and the last one's outcome. */
  #counting: Promise<void> | undefined;
  #counted: { logRows: number; usedBytes: number } | undefined;
  #failure: unknown;
  readonly #done: Promise<void>;

  /** Begins at once. `file` is the warehouse's. */
  constructor(
    private readonly serve: ServeProcess,
    private readonly sql: pg.Client,
    private readonly file: string,
    private readonly onSample: (sample: SoakSample) => void,
  ) {
    this.#done = this.#run();
    this.#done.catch(() => {}); // `failure` and `stop` tell
  }

  /** Rejects when looking fails. */
  async failure(): Promise<never> {
    await this.#done;
    return new Promise(() => {});
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    const begun = performance.now();
    for (let look = 0; !this.#stopping; look++) {
      const wait = begun + look * 1000 - performance.now();
      if (wait < -1000) continue; // the last look took longer than a second
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const seconds = Math.round((performance.now() - begun) / 100) / 10;
      const sample = await this.#look(seconds, look % COUNT_EVERY === 0);
      this.samples.push(sample);
      this.onSample(sample);
    }
    await this.#counting;
  }

  async #look(seconds: number, counts: boolean): Promise<SoakSample> {
    const [memory, readiness, changes, slot, file, wal, status] = await Promise.all([
      this.serve.get<MemoryReport>("/v1/memory"),
      this.serve.get<Readiness>("/readyz"),
      this.#changes(),
      this.sql.query(
        "SELECT pg_current_wal_flush_lsn() - confirmed_flush_lsn AS bytes FROM pg_replication_slots",
      ),
      Deno.stat(this.file),
      Deno.stat(`${this.file}.wal`).catch(ignoreMissing),
      Deno.readTextFile(`/proc/${this.serve.pid}/status`),
    ]);
    if (counts) this.#startCount();
    if (this.#failure !== undefined) throw this.#failure;
    const counted = this.#counted;
    this.#counted = undefined;
    return {
      seconds,
      rssMb: megabytes(status, "VmRSS"),
      areasMb: Object.fromEntries(
        memory.areas.filter(({ usedBytes }) => usedBytes !== null)
          .map(({ area, usedBytes }) => [area, round(usedBytes!)]),
      ),
      fileMb: round(file.size),
      usedMb: counted === undefined ? null : round(counted.usedBytes),
      walMb: round(wal?.size ?? 0),
      logRows: counted?.logRows ?? null,
      applied: changes.streamed,
      lagSeconds: readiness.lag_seconds,
      slotMb: round(Number(slot.rows[0].bytes)),
    };
  }

  #startCount(): void {
    this.#counting ??= this.#count()
      .then((counted) => this.#counted = counted)
      .catch(ignoreTimeLimit)
      .catch((error) => this.#failure = error)
      .then(() => this.#counting = undefined);
  }

  async #count(): Promise<{ logRows: number; usedBytes: number }> {
    const [logRows, usedBytes] = await this.serve.sqlRow(
      `SELECT ${COUNTS.join(" + ")}, (SELECT sum(used_blocks * block_size)::BIGINT
         FROM pragma_database_size())`,
    );
    return { logRows, usedBytes };
  }

  async #changes(): Promise<Changes> {
    return parseChanges(await (await fetch(`${this.serve.base}/metrics`)).text());
  }
}

function round(bytes: number): number {
  return Math.round(bytes / MB * 10) / 10;
}

function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error; // just after a checkpoint
}

/** The machine is too busy for an answer in time: that is to be seen in the samples, not their end. */
function ignoreTimeLimit(error: unknown): undefined {
  if (!String(error).includes('"status":408')) throw error;
}
