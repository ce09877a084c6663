/**
 * Which records belong to an aborted transaction of a producer's. As Kafka's own consumer does it: a
 * transaction that the broker lists is open from its first offset to its producer's next ABORT
 * marker, a control record whose key is a version and a type, int16 each; type 0 is ABORT.
 */
import type { Fetched } from "./fetched.ts";

/** To be asked in the order of offsets. */
export class Aborted {
  readonly #waiting: { producerId: string; first: number }[];
  readonly #open = new Set<string>();

  constructor(listed: NonNullable<Fetched["abortedTransactions"]>) {
    this.#waiting = listed
      .map(({ producerId, firstOffset }) => ({ producerId, first: Number(firstOffset) }))
      .sort((a, b) => a.first - b.first);
  }

  /** Whether what this producer has written in a transaction at this offset is of an aborted one. */
  has(offset: number, producerId: string): boolean {
    this.#begin(offset);
    return this.#open.has(producerId);
  }

  /** A control record of this producer's, by its key. */
  control(offset: number, producerId: string, key: Uint8Array | null): void {
    this.#begin(offset);
    const isAbort = key !== null && key.length >= 4 && key[2] === 0 && key[3] === 0;
    if (isAbort) this.#open.delete(producerId);
  }

  #begin(offset: number): void {
    const waiting = this.#waiting;
    while (waiting.length > 0 && waiting[0].first <= offset) {
      this.#open.add(waiting.shift()!.producerId);
    }
  }
}
