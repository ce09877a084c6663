/**
 * How much may be fetched, and of which partitions: what has been fetched and not been taken must
 * stay below a limit in bytes, without any partition waiting for ever.
 *
 * - Half of the limit is shared by the partitions that have something. One that holds less than its
 *   share is fetched, and one of which more was asked for; so none fills the room that another's
 *   next record needs. Of what one request may bring, too, each has a part, and what holds the least
 *   of its share is asked for first: brokers answer in the order of the request.
 * - Half of a share is the same for all, and half follows what was taken lately: transactions bring
 *   more rows of one table than of another, and the slowest to come would hold up all of them.
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

/** Of a share, so much is the same for all. */
const SAME = 1 / 2;

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

  /** Which of `candidates` may be fetched now, the one that holds the least of its share first;
   * `usedBytes`: of all partitions. */
  choose(candidates: readonly Partition[], usedBytes: number): readonly Partition[] {
    const having = candidates.filter(hasSomething);
    if (takenOf(having) > 2 * this.#sharedBytes) { for (const p of having) p.takenBytes /= 2; }
    const filled = sharing(having, (p, share) => p.bufferedBytes / (share * this.#sharedBytes));
    const wanted = candidates.filter((p) => p.isWanted || filled(p) < 1)
      .sort((a, b) => filled(a) - filled(b));
    if (usedBytes >= this.stopBytes) {
      const asking = wanted.filter((p) => p.isWanted || p.bufferedBytes === 0);
      const theirs = asking.reduce((sum, p) => sum + p.bufferedBytes, 0);
      return theirs === usedBytes ? asking.filter((p) => p.isWanted) : [];
    }
    const first = wanted.filter((p) => !p.wasLetGo);
    return first.some((p) => p.fetchNext < p.end) ? first : wanted;
  }

  /** What to ask one of `brokers` brokers for, in all and of each of the `chosen` partitions. */
  sizes(
    chosen: readonly Partition[],
    brokers: number,
  ): { bytes: number; bytesOf(partition: Partition): number } {
    const most = Math.min(FETCH_BYTES_MAX, this.#underWayBytes / brokers);
    const bytes = Math.floor(Math.max(FETCH_BYTES_MIN, Math.min(most, this.#fetchBytes)));
    const behind = chosen.filter((p) => p.fetchNext < p.end);
    const bytesOf = sharing(
      behind,
      (_, share) => Math.floor(Math.max(FETCH_BYTES_MIN, share * bytes)),
    );
    return { bytes, bytesOf };
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

/** `of` with each partition's share of the whole, which is shared by `all`. */
function sharing(
  all: readonly Partition[],
  of: (partition: Partition, share: number) => number,
): (partition: Partition) => number {
  const same = 1 / Math.max(1, all.length);
  const taken = takenOf(all);
  return (partition) => {
    // One that is not among them may have had more than they all.
    const own = taken === 0 ? same : Math.min(1, partition.takenBytes / taken);
    return of(partition, SAME * same + (1 - SAME) * own);
  };
}

function takenOf(partitions: readonly Partition[]): number {
  return partitions.reduce((sum, { takenBytes }) => sum + takenBytes, 0);
}

/** Of the others nothing is here, nor to be had. */
function hasSomething(partition: Partition): boolean {
  return partition.bufferedBytes > 0 || partition.fetchNext < partition.end;
}
