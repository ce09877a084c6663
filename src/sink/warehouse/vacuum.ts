/**
 * Says which checkpoints give the space of deleted rows back, and lets them, though questions are
 * asked all the time.
 *
 * DuckDB drops deleted rows from its file in a checkpoint, and puts small row groups together: it
 * writes up to four full ones anew for a small one, while commits wait. So it may do that only now
 * and then. (Row groups of which no row is left go in any checkpoint.)
 *
 * Nor does it in a checkpoint during which a transaction still sees what was before the last commit:
 * then the rows stay, and the file grows with each fold and each piece of retention. So one that is
 * to do it waits for the questions that are under way. Those that begin meanwhile see the last
 * commit, and don't stand in its way.
 */
import { logger } from "../../log.ts";

/** How many tasks of that kind a checkpoint may have, for each table. */
export const VACUUM_SETTING = "max_vacuum_tasks";
const VACUUM_TASKS = 100; // DuckDB's default

/** Deleted rows may stay in the file for so long… */
const EVERY_MS = 60_000;
/** …or until so much was written to the write-ahead log, in bytes. */
const EVERY_BYTES = 64 * 1024 * 1024;
/** Commits wait at first no longer than this, and twice as long after each time in vain… */
const WAIT_MS_MIN = 250;
/** …up to this: statements that take longer, one after the other all the time, have their way. */
const WAIT_MS_MAX = 5_000;
/** At most a part of this many of the time is spent on waiting. */
const WAIT_PART = 20;

const log = logger("warehouse");

/** The questions that are being answered: a transaction each. */
export class Questions {
  readonly #running = new Set<Promise<unknown>>();

  get isEmpty(): boolean {
    return this.#running.size === 0;
  }

  /** Counts `work` as a question until it ends; resolves and rejects as it does. */
  async track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /** Waits until those that run now have ended, and no longer than that; returns whether they have. */
  async passed(limitMs: number): Promise<boolean> {
    const limit = Promise.withResolvers<false>();
    const timer = setTimeout(() => limit.resolve(false), limitMs);
    const ended = Promise.allSettled([...this.#running]).then(() => true);
    try {
      return await Promise.race([ended, limit.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** See the top of this file. */
export class Vacuum {
  #waitMs = WAIT_MS_MIN;
  #dueMs = -Infinity;
  /** Written to the write-ahead log since space was given back, in bytes. */
  #bytes = 0;
  #tasks = VACUUM_TASKS;

  constructor(
    private readonly questions: Questions,
    private readonly run: (sql: string) => Promise<unknown>,
  ) {}

  /**
   * To be called right before a checkpoint of a write-ahead log of `bytes`, with nothing committed
   * in between. Waits for the questions under way where that is due; while nothing else is to be
   * done (`idle`) it is always. `nowMs` is any clock that goes on.
   */
  async beforeCheckpoint(nowMs: number, bytes: number, idle: boolean): Promise<void> {
    this.#bytes += bytes;
    const isDue = idle || nowMs >= this.#dueMs || this.#bytes >= EVERY_BYTES;
    const isVacuum = isDue && await this.#questionsPass(nowMs);
    const tasks = isVacuum ? VACUUM_TASKS : 0;
    if (tasks === this.#tasks) return;
    await this.run(`SET GLOBAL ${VACUUM_SETTING} = ${tasks}`);
    this.#tasks = tasks;
  }

  /** Waits until no question under way stands in the way, for a while; returns whether it is so. */
  async #questionsPass(nowMs: number): Promise<boolean> {
    if (this.questions.isEmpty) return this.#succeeded(nowMs, 0);
    if (nowMs < this.#dueMs) return false;
    const begun = performance.now();
    const hasPassed = await this.questions.passed(this.#waitMs);
    const tookMs = performance.now() - begun;
    if (hasPassed) return this.#succeeded(nowMs, tookMs);
    if (this.#waitMs === WAIT_MS_MAX) {
      log.warn(
        "the space of deleted rows stays taken: for {seconds} s statements of the API that began " +
          "before the last commit did not end; the file grows until they are shorter or fewer",
        { seconds: WAIT_MS_MAX / 1000 },
      );
    }
    this.#waitMs = Math.min(WAIT_MS_MAX, 2 * this.#waitMs);
    this.#dueMs = nowMs + WAIT_PART * tookMs;
    return false;
  }

  #succeeded(nowMs: number, tookMs: number): true {
    this.#waitMs = WAIT_MS_MIN;
    this.#dueMs = nowMs + Math.max(EVERY_MS, WAIT_PART * tookMs);
    this.#bytes = 0;
    return true;
  }
}
