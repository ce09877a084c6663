/**
 * How much may be fetched, and of which partitions: what has been fetched and not been taken must
 * stay below a limit in bytes, without any partition waiting for ever.
 *
 * - Half of the limit is shared by the partitions that have something. One that holds less than its
 *   share is fetched, and one of which more was asked for; so none fills the room that another's
 *   next record needs. Of what one request may bring, too, each has the same part, and what holds
 *   least is asked for first: brokers answer in the order of the request.
 * - At seven eighths: nothing, and whoever still misses a record lets another partition go. What was
 *   let go of is fetched again after the others.
 * - One exception: when all that is here is of partitions of which more was asked for, there is
 *   nobody to let go, so it is fetched: progress is worth more than the limit.
 * - The last eighth is for what is under way. An answer's size is known compressed only, so the size
 *   that is asked for follows what the last answers have grown to.
 */
import type { Partition } from "./partition.ts";

/** Kafka gives a whole batch even if it is larger, so no size is too small to get on. */
const FETCH_BYTES_MIN = 4 * 1024;

/** Some 50 ms of decoding, beside which the way to the broker and back does not count. */
const FETCH_BYTES_MAX = 8 * 1024 * 1024;

/** See the top of this file. */
export class Room {
  /** Nothing is fetched while this much is here. */
  readonly stopBytes: number;
  /** What partitions share. */
  readonly #sharedBytes: number;
  readonly #underWayBytes: number;
  /** At first little: it may grow a hundredfold. */
  #fetchBytes = FETCH_BYTES_MIN;

  constructor(bytesMax: number) {
    this.stopBytes = Math.floor(bytesMax * 7 / 8);
    this.#sharedBytes = Math.floor(bytesMax / 2);
    this.#underWayBytes = bytesMax - this.stopBytes;
  }

  /** Which of `candidates` may be fetched now, the one that holds least first; `usedBytes`: of all
   * partitions. */
  choose(candidates: readonly Partition[], usedBytes: number): readonly Partition[] {
    const share = this.#sharedBytes / Math.max(1, candidates.filter(hasSomething).length);
    const wanted = candidates.filter((p) => p.isWanted || p.bufferedBytes < share)
      .sort((a, b) => a.bufferedBytes - b.bufferedBytes);
    if (usedBytes >= this.stopBytes) {
      const asking = wanted.filter((p) => p.isWanted || p.bufferedBytes === 0);
      const theirs = asking.reduce((sum, p) => sum + p.bufferedBytes, 0);
      return theirs === usedBytes ? asking.filter((p) => p.isWanted) : [];
    }
    const first = wanted.filter((p) => !p.wasLetGo);
    return first.some((p) => p.fetchNext < p.end) ? first : wanted;
  }

  /** What to ask one of `brokers` brokers for, of `chosen` partitions. */
  sizes(chosen: readonly Partition[], brokers: number): { bytes: number; partitionBytes: number } {
    const most = Math.min(FETCH_BYTES_MAX, this.#underWayBytes / brokers);
    const bytes = Math.max(FETCH_BYTES_MIN, Math.min(most, this.#fetchBytes));
    const behind = chosen.filter((p) => p.fetchNext < p.end).length;
    const partitionBytes = Math.max(FETCH_BYTES_MIN, bytes / Math.max(1, behind));
    return { bytes: Math.floor(bytes), partitionBytes: Math.floor(partitionBytes) };
  }

  /** An answer to a request of `askedBytes` has turned out to be `gotBytes` of memory. */
  learn(askedBytes: number, gotBytes: number, brokers: number): void {
    const most = this.#underWayBytes / brokers;
    if (gotBytes > most) this.#fetchBytes = askedBytes * most / gotBytes;
    else if (gotBytes > askedBytes / 2) {
      this.#fetchBytes = Math.min(FETCH_BYTES_MAX, askedBytes * 2, askedBytes * most / gotBytes);
    }
    this.#fetchBytes = Math.max(FETCH_BYTES_MIN, this.#fetchBytes);
  }
}

/** Of the others nothing is here, nor to be had. */
function hasSomething(partition: Partition): boolean {
  return partition.bufferedBytes > 0 || partition.fetchNext < partition.end;
}
