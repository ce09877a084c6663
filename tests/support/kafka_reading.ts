/** Reading a test's topics, and what must hold of every reading. */
import assert from "node:assert/strict";
import type { KafkaRecord } from "../../src/decode/decoder.ts";
import { Fault, type FaultKind } from "../../src/errors.ts";
import { connectCluster } from "../../src/source/kafka/cluster.ts";
import type {
  Cluster,
  ClusterOptions,
  Feeds,
  PartitionFeed,
  StartOffsets,
} from "../../src/source/kafka/feed.ts";
import { Slice } from "../../src/slice.ts";

/** Ends a hang; no test waits for it. */
const HANG_SECONDS = 60;

let groups = 0;

/** Options for a plain connection and a group of its own. */
export function clusterOptions(
  brokers: string,
  given: Partial<ClusterOptions> = {},
): ClusterOptions {
  return {
    brokers: [brokers],
    group: `test-${++groups}`,
    tls: null,
    sasl: null,
    bufferedBytesMax: 32 * 1024 * 1024,
    ...given,
  };
}

/** Where a reading from the beginning starts. */
export function beginning(topics: Readonly<Record<string, number>>): StartOffsets {
  return new Map(
    Object.entries(topics).map(([topic, partitions]) => [topic, Array(partitions).fill(0)]),
  );
}

/** A reading, and all that it has taken. */
export class Reading implements AsyncDisposable {
  /** In the order in which they were taken. */
  readonly taken: KafkaRecord[] = [];
  /** The most that was buffered at any time that we were told of. */
  bufferedBytes = 0;

  private constructor(readonly cluster: Cluster, readonly feeds: Feeds) {}

  static async start(options: ClusterOptions, start: StartOffsets): Promise<Reading> {
    const cluster = connectCluster(options);
    try {
      return new Reading(cluster, await cluster.read(start));
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  feed(topic: string, partition = 0): PartitionFeed {
    const feed = this.feeds.all.find((f) => f.topic === topic && f.partition === partition);
    assert.ok(feed, `${topic}[${partition}]`);
    return feed;
  }

  /** Takes all that comes until `enough` says so. */
  async takeUntil(what: string, enough: () => boolean): Promise<void> {
    await this.until(what, () => {
      for (const feed of this.feeds.all) {
        for (let head; (head = feed.head) !== undefined;) this.#take(feed, head);
      }
      return enough();
    });
  }

  /** Takes until `count` records were taken in all. */
  async take(count: number): Promise<void> {
    await this.takeUntil(`${count} records`, () => this.taken.length >= count);
    assert.equal(this.taken.length, count);
  }

  /** Takes the head of one feed, which must be there. */
  takeHead(feed: PartitionFeed): KafkaRecord {
    const head = feed.head;
    assert.ok(head, `no head of ${feed.topic}[${feed.partition}]`);
    return this.#take(feed, head);
  }

  /** Waits for changes until `condition` holds. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const limit = setTimeout(() => {
      console.error(`in ${HANG_SECONDS} s it did not come to this: ${what}`);
      void this.cluster.close();
      this.#hang?.();
    }, HANG_SECONDS * 1000);
    try {
      while (!condition()) {
        await Promise.race([
          this.feeds.changed(),
          new Promise<never>((_, reject) => this.#hang = () => reject(new Error(`hang: ${what}`))),
        ]);
        this.bufferedBytes = Math.max(this.bufferedBytes, this.feeds.bufferedBytes);
      }
    } finally {
      clearTimeout(limit);
    }
  }

  /** The fault that ends the reading, which goes on taking meanwhile. */
  async fault(kind: FaultKind, ...says: RegExp[]): Promise<Fault> {
    return await faultOf(this.takeUntil(`a ${kind} fault`, () => false), kind, ...says);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.feeds.close();
    await this.cluster.close();
  }

  #hang: (() => void) | undefined;

  #take(feed: PartitionFeed, head: KafkaRecord): KafkaRecord {
    const { topic, partition, offset, timestampMs, headers } = head;
    const copy = (part: Slice | null) => part && Slice.of(part.copy());
    const [key, value] = [copy(head.key), copy(head.value)]; // it is lent until it is taken
    const record = { topic, partition, offset, timestampMs, key, value, headers };
    assert.equal(feed.next, offset);
    feed.take();
    assert.ok(feed.next > offset);
    this.taken.push(record);
    return record;
  }
}

/** What `work` is rejected with, which must be a fault of this kind that says what to do. */
export async function faultOf(
  work: Promise<unknown>,
  kind: FaultKind,
  ...says: RegExp[]
): Promise<Fault> {
  const error = await work.then((value) => value, (error) => error);
  assert.ok(error instanceof Fault, `no fault, but ${(error as Error)?.stack ?? error}`);
  assert.equal(error.kind, kind, error.message);
  for (const pattern of says) assert.match(error.message, pattern);
  assert.ok(error.details.todo, "it says nothing of what to do");
  return error;
}

/** `topic[partition]@offset value` of each: what a test compares. */
export function lines(records: readonly KafkaRecord[]): string[] {
  return records.map(({ topic, partition, offset, value }) =>
    `${topic}[${partition}]@${offset} ${text(value)}`
  );
}

export function text(part: Slice | Uint8Array | null): string | null {
  return part && new TextDecoder().decode(part instanceof Slice ? part.copy() : part);
}

/** Asserts that each partition's records are in order of their offsets, each once. */
export function assertOrdered(records: readonly KafkaRecord[]): void {
  const last = new Map<string, number>();
  for (const { topic, partition, offset } of records) {
    const name = `${topic}[${partition}]`;
    assert.ok(offset > (last.get(name) ?? -1), `${name}: ${offset} after ${last.get(name)}`);
    last.set(name, offset);
  }
}
