/**
 * The fixed number of batches, allocated at start out of the `task-off-heap` area. No free batch
 * means no read: that is the whole of backpressure.
 */
import assert from "node:assert/strict";
import { Batch } from "./batch.ts";

/** One batch is filled while another is applied; the third absorbs the difference. */
export const POOL_BATCHES = 3;

/** Larger slabs make larger commits, which take memory in DuckDB and gain nothing any more. */
const SLAB_BYTES_MAX = 64 * 1024 * 1024;

/** See the top of this file. */
export class Pool implements Disposable {
  readonly #free: Batch[] = [];
  readonly #all: readonly Batch[];

  /** `areaBytes`: the limit of the `task-off-heap` area. */
  constructor(areaBytes: number) {
    // A quarter of the area is left for a row that is larger than a slab.
    const slabBytes = Math.min(SLAB_BYTES_MAX, Math.floor(areaBytes * 3 / 4 / POOL_BATCHES));
    const aligned = slabBytes & ~0xffff;
    this.#all = Array.from({ length: POOL_BATCHES }, () => new Batch(new ArrayBuffer(aligned)));
    this.#free.push(...this.#all);
  }

  /** A free batch, now `filling`; undefined when all are in use. */
  take(): Batch | undefined {
    const batch = this.#free.pop();
    batch?.become("filling");
    return batch;
  }

  /** Takes back a batch that was applied, or is not wanted. */
  give(batch: Batch): void {
    assert(this.#all.includes(batch), "a batch of another pool");
    if (batch.state === "applying") batch.become("free");
    else batch.discard();
    this.#free.push(batch);
  }

  /** Bytes of all slabs, enlarged ones included. */
  get bytes(): number {
    return this.#all.reduce((sum, batch) => sum + batch.slabBytes, 0);
  }

  /** How many batches are free. */
  get free(): number {
    return this.#free.length;
  }

  /** Asserts that every batch came home. */
  [Symbol.dispose](): void {
    assert.equal(this.#free.length, this.#all.length, "a batch was not given back to the pool");
  }
}
