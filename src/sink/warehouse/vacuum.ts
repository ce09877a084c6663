/**
 * Says which checkpoints give the space of deleted rows back, and lets them, though questions are
 * asked all the time.
 *
 * DuckDB drops deleted rows from its file in a checkpoint, and puts small row groups together: it
 * writes full ones anew for the sake of small ones, while commits wait. So it may do that only now
 * and then; without, a checkpoint drops row groups of which no row is left, and that is all.
 *
 * Nor does it in a checkpoint during which a transaction still sees what was before the last commit:
 * then the rows stay, and the file grows with each fold and each piece of retention. So one that is
 * to do it waits for the questions that are under way. Those that begin meanwhile see the last commit,
 * and don't stand in its way: as long as nothing else is committed, be it a statement that only reads
 * (DuckDB 1.5.5). So whatever reads beside the writer rolls back.
 */
import { logger } from "../../log.ts";

/** How much of that a checkpoint may do, for each table. */
export const VACUUM_SETTING = "max_vacuum_tasks";
const VACUUM_TASKS = 100; // DuckDB's default

/** Space may stay taken for so long… */
const EVERY_MS = 60_000;
/** …or until so much was written to the write-ahead log, in bytes; … */
const EVERY_BYTES = 64 * 1024 * 1024;
/** …in less than this time, as with a backlog, it must be so much… */
const SOON_MS = 15_000;
const SOON_BYTES = 256 * 1024 * 1024;
/** …or for so many columns of tables that were written to, at each checkpoint: each has a small row
 * group then, which takes memory too. */
const EVERY_COLUMNS = 2000;
/** While nothing else is to be done, so much is enough. */
const IDLE_BYTES = 4 * 1024 * 1024;
/** With less room on the disk than this, space is given back in every checkpoint: each needs little
 * room then. */
const ROOM_BYTES_TIGHT = 1024 * 1024 * 1024;

/** Commits wait for questions at first no longer than this, and twice as long after each time in
 * vain… */
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

/** What a checkpoint is about to do. */
export interface CheckpointPlan {
  /** Of any clock that goes on. */
  readonly nowMs: number;
  /** How large the write-ahead log is. */
  readonly bytes: number;
  /** How many columns the tables have that were written to since the last one. */
  readonly columns: number;
  /** How much room the disk has. */
  readonly roomBytes: number;
  /** Nothing else is to be done. */
  readonly isIdle: boolean;
}

/** See the top of this file. */
export class Vacuum {
  #waitMs = WAIT_MS_MIN;
  #mayWaitAtMs = -Infinity;
  /** When space was given back, and what was written since. */
  #lastAtMs = -Infinity;
  #bytes = 0;
  #columns = 0;
  #tasks = VACUUM_TASKS;

  constructor(
    private readonly questions: Questions,
    private readonly run: (sql: string) => Promise<unknown>,
  ) {}

  /** Whether it is worth a checkpoint when nothing else is to be done. */
  get isWorthwhile(): boolean {
    return this.#bytes >= IDLE_BYTES;
  }

  /**
   * Makes a checkpoint by `checkpoint`, which returns whether it was made, with nothing committed in
   * between; waits for the questions under way where that is due.
   */
  async around(plan: CheckpointPlan, checkpoint: () => Promise<boolean>): Promise<void> {
    this.#bytes += plan.bytes;
    this.#columns += plan.columns;
    const isDue = this.#isDue(plan);
    await this.#allow(isDue ? VACUUM_TASKS : 0); // before the wait: this commits as well
    const waitedMs = isDue ? await this.#wait(plan.nowMs) : undefined;
    const isMade = await checkpoint();
    if (isMade && waitedMs !== undefined) this.#succeeded(plan.nowMs, waitedMs);
  }

  #isDue({ nowMs, roomBytes, isIdle }: CheckpointPlan): boolean {
    const isSoon = nowMs < this.#lastAtMs + SOON_MS;
    return isIdle || nowMs >= this.#lastAtMs + EVERY_MS || roomBytes < ROOM_BYTES_TIGHT ||
      this.#bytes >= (isSoon ? SOON_BYTES : EVERY_BYTES) || this.#columns >= EVERY_COLUMNS;
  }

  async #allow(tasks: number): Promise<void> {
    if (tasks === this.#tasks) return;
    await this.run(`SET GLOBAL ${VACUUM_SETTING} = ${tasks}`);
    this.#tasks = tasks;
  }

  /** Waits until no question stands in the way, where it may. Returns for how long, ms; undefined:
   * some may. */
  async #wait(nowMs: number): Promise<number | undefined> {
    if (this.questions.isEmpty) return 0;
    if (nowMs < this.#mayWaitAtMs) return undefined;
    const begun = performance.now();
    const havePassed = await this.questions.passed(this.#waitMs);
    const tookMs = performance.now() - begun;
    if (havePassed) return tookMs;
    if (this.#waitMs === WAIT_MS_MAX) {
      log.warn(
        "the space of deleted rows stays taken: for {seconds} s statements of the API that began " +
          "before the last commit did not end; the file grows until they are shorter or fewer",
        { seconds: WAIT_MS_MAX / 1000 },
      );
    }
    this.#waitMs = Math.min(WAIT_MS_MAX, 2 * this.#waitMs);
    this.#mayWaitAtMs = nowMs + WAIT_PART * tookMs;
    return undefined;
  }

  #succeeded(nowMs: number, waitedMs: number): void {
    this.#waitMs = WAIT_MS_MIN;
    this.#lastAtMs = nowMs;
    this.#mayWaitAtMs = nowMs + Math.max(EVERY_MS, WAIT_PART * waitedMs);
    this.#bytes = this.#columns = 0;
  }
}
