/**
 * Hands batches to the sink, one at a time, while the next is being filled; and keeps account of
 * what each commit made visible.
 */
import assert from "node:assert/strict";
import type { Batch } from "./batch/batch.ts";
import type { Pool } from "./batch/pool.ts";
import type { Applied, AppliedTable } from "./messages.ts";
import type { Sink } from "./sink/sink.ts";
import type { Position } from "./source/position.ts";
import type { ChangeStream } from "./source/source.ts";

/** Where a batch ends, when it ends with whole source transactions. */
export interface Boundary {
  readonly position: Position;
  /** The last `_seq` given. */
  readonly seq: number;
}

/** Where the stream is, between source transactions; null amid one, which can't be committed. */
export function boundaryOf(stream: ChangeStream): Boundary | null {
  return stream.inTransaction ? null : { position: stream.position, seq: stream.nextSeq - 1 };
}

/** See the top of this file. */
export class Applier {
  /** The work under way; undefined when the sink is idle. Never rejects: see `#failure`. */
  work: Promise<void> | undefined;
  #failure: unknown;
  #writing: Batch | undefined;
  /** The sink has a transaction open: a batch was handed over that ends amid a source transaction,
   * or what {@linkcode Applier.enter} was for has begun one. */
  dirty = false;
  /** The last position that was committed. */
  durable: Position | undefined;
  #tables = new Map<string, AppliedTable["counts"]>();
  #commitTimesMs: number[] = [];
  #transactions = 0;
  #oldestMs: number | null = null;

  constructor(
    private readonly sink: Sink,
    private readonly pool: Pool,
    private readonly onApplied: (applied: Applied, boundary: Boundary) => void,
  ) {}

  /** Commit time of the oldest source transaction handed over and not yet committed here. */
  get oldestUnappliedMs(): number | null {
    return this.#oldestMs;
  }

  /**
   * Hands over a filled batch, after the work under way; with a boundary, commits after it. The
   * batch goes back to the pool by itself.
   */
  async submit(batch: Batch, boundary: Boundary | null): Promise<void> {
    await this.settle();
    batch.become("sealed");
    this.#oldestMs ??= batch.oldestCommitMs;
    if (boundary === null) this.dirty = true;
    this.#start(() => this.#apply(batch, boundary));
  }

  /** Commits a position with nothing before it but what was written already. */
  async commit(boundary: Boundary): Promise<void> {
    await this.settle();
    this.#start(() => this.#apply(undefined, boundary));
    await this.settle();
  }

  /** Lets the sink do what it does when nothing else is to be done. */
  async rest(): Promise<void> {
    await this.settle();
    this.#start(() => this.sink.maintain(true));
    await this.settle();
  }

  /** Resolves when the sink is idle; throws what went wrong in its work, until `abort`. */
  async settle(): Promise<void> {
    await this.work;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when the sink is idle, for what begins a transaction of its own accord. */
  async enter(): Promise<void> {
    await this.settle();
    this.dirty = true;
  }

  /** Discards what was written and not committed, and forgets a failure. */
  async abort(): Promise<void> {
    await this.work;
    this.#failure = undefined;
    if (this.#writing !== undefined) this.pool.give(this.#writing);
    this.#writing = undefined;
    this.#forget();
    await this.sink.abort();
  }

  #start(work: () => Promise<void>): void {
    assert.equal(this.work, undefined, "the sink does one thing at a time");
    this.work = work()
      .catch((error) => this.#failure = error)
      .then(() => this.work = undefined);
  }

  async #apply(batch: Batch | undefined, boundary: Boundary | null): Promise<void> {
    if (batch !== undefined) {
      this.#writing = batch;
      batch.become("applying");
      if (!batch.isEmpty) await this.sink.write(batch);
      this.#account(batch);
      this.pool.give(batch);
      this.#writing = undefined;
    }
    if (boundary === null) return;
    const begun = performance.now();
    await this.sink.commit(boundary.position, boundary.seq, this.#commitTimesMs.at(-1) ?? null);
    const now = Date.now();
    this.durable = boundary.position;
    const applied: Applied = {
      tables: [...this.#tables].map(([table, counts]) => ({ table, counts })),
      commitToVisibleMs: this.#commitTimesMs.map((time) => now - time),
      transactions: this.#transactions,
      commitMs: performance.now() - begun,
    };
    this.#forget();
    this.onApplied(applied, boundary);
    await this.sink.maintain(batch === undefined);
  }

  #account(batch: Batch): void {
    for (const { layout, counts } of batch.segments.values()) {
      const sum = this.#tables.get(layout.name) ?? {};
      for (const op of ["c", "u", "d", "r", "t"] as const) {
        if (counts[op] > 0) sum[op] = (sum[op] ?? 0) + counts[op];
      }
      this.#tables.set(layout.name, sum);
    }
    this.#transactions += batch.transactions;
    if (this.#commitTimesMs.length < 1000) this.#commitTimesMs.push(...batch.commitTimesMs);
  }

  #forget(): void {
    this.dirty = false;
    this.#tables = new Map();
    this.#commitTimesMs = [];
    this.#transactions = 0;
    this.#oldestMs = null;
  }
}
