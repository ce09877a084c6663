/** A batch pool that can be looked into. */
import type { Batch, BatchState } from "../../src/batch/batch.ts";
import { Pool, POOL_BATCHES } from "../../src/batch/pool.ts";

/** See the top of this file. */
export class WatchedPool extends Pool {
  readonly #out = new Set<Batch>();
  /** Batches taken so far. */
  taken = 0;

  override take(): Batch | undefined {
    const batch = super.take();
    if (batch === undefined) return undefined;
    this.#out.add(batch);
    this.taken++;
    return batch;
  }

  override give(batch: Batch): void {
    super.give(batch);
    this.#out.delete(batch);
  }

  /** Whether a batch is in this state now, with rows in it. */
  has(state: BatchState): boolean {
    return [...this.#out].some((batch) => batch.state === state && batch.rows > 0);
  }

  get isWhole(): boolean {
    return this.free === POOL_BATCHES && this.#out.size === 0;
  }
}
