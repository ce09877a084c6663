/** Spaces transactions out evenly. */

/** What is missed while the database was away is not made up for in a burst longer than this. */
const CATCH_UP_MS = 1000;

/** Says when the next transaction is due. */
export class Pacer {
  readonly #gapMs: number;
  #dueMs: number;

  /** `perSecond` 0: always. `now` gives milliseconds. */
  constructor(perSecond: number, private readonly now: () => number = () => performance.now()) {
    this.#gapMs = perSecond > 0 ? 1000 / perSecond : 0;
    this.#dueMs = now();
  }

  /** Milliseconds until the next is due, 0 if it already is. */
  waitMs(): number {
    return this.#gapMs === 0 ? 0 : Math.max(0, this.#dueMs - this.now());
  }

  /** Whether the next is due; if so, the one after it is awaited from now on. */
  due(): boolean {
    if (this.waitMs() > 0) return false;
    this.#dueMs = Math.max(this.#dueMs + this.#gapMs, this.now() - CATCH_UP_MS);
    return true;
  }
}

/** Waits, or until `signal` is aborted. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener("abort", finish);
    if (signal?.aborted) finish();
  });
}
