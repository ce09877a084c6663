/** A wait that several things may end, one of them from outside. */
import { setImmediate } from "node:timers";

/** See the top of this file. One wait at a time. */
export class Wait {
  #end: (() => void) | undefined;

  /** Ends the wait that is under way, if one is. */
  end(): void {
    this.#end?.();
  }

  /**
   * Resolves after `ms`, at {@linkcode Wait.end} or with one of `others`, whichever comes first;
   * rejects with one of them. Each wait leaves a reaction on `others` until they are settled: none of
   * them should live long.
   */
  async until(ms: number, ...others: readonly Promise<unknown>[]): Promise<void> {
    const ended = Promise.withResolvers<void>();
    const timer = setTimeout(ended.resolve, ms);
    this.#end = ended.resolve;
    for (const other of others) other.then(() => ended.resolve(), ended.reject);
    try {
      await ended.promise;
    } finally {
      clearTimeout(timer);
      this.#end = undefined;
    }
  }
}

/** Lets timers, sockets and messages of the isolate have their turn. */
export function aTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
