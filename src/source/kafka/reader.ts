/** Reads topics as a member of a consumer group: see `Feeds` in feed.ts. */
import { logger } from "../../log.ts";
import { Fault } from "../../errors.ts";
import { Client, READING_RETRIES } from "./client.ts";
import { Committer } from "./committer.ts";
import { codeOf, toFault } from "./fault.ts";
import type { ClusterOptions, Feeds, StartOffsets, TopicOffsets } from "./feed.ts";
import { Fetcher } from "./fetcher.ts";
import { Partition } from "./partition.ts";
import { Signal } from "./signal.ts";
import { morePartitions } from "./start.ts";

const log = logger("source");

/** Who began the reading. */
export interface ReaderOwner {
  /** Asks the brokers, by a connection of its own, whether they can go on from there. Throws a
   * `position-lost` fault when they can't. */
  confirm(position: StartOffsets): Promise<void>;
  closed(): void;
}

/** See the top of this file. */
export class Reader implements Feeds {
  readonly all: readonly Partition[];
  readonly #partitions = new Map<string, readonly Partition[]>();
  readonly #client: Client;
  readonly #fetcher: Fetcher;
  readonly #committer: Committer;
  readonly #changed = new Signal();
  #running: Promise<unknown> = Promise.resolve();
  #fault: Fault | undefined;
  #isClosed = false;

  /** `offsets`: what the brokers have just said of the topics. */
  constructor(
    private readonly options: ClusterOptions,
    start: StartOffsets,
    offsets: readonly TopicOffsets[],
    private readonly owner: ReaderOwner,
  ) {
    for (const [topic, positions] of start) {
      this.#partitions.set(
        topic,
        positions.map((next, partition) =>
          new Partition(topic, partition, next, (bytes) => this.#fetcher.buffered(bytes))
        ),
      );
    }
    this.all = [...this.#partitions.values()].flat();
    for (const { topic, partitions } of offsets) {
      partitions.forEach(({ end }, i) => this.#partitions.get(topic)?.[i]?.learnEnd(end));
    }
    this.#client = new Client(options, READING_RETRIES);
    this.#committer = new Committer(this.#client.consumer);
    this.#fetcher = new Fetcher(this.#partitions, options.bufferedBytesMax, {
      changed: () => this.#changed.give(),
      lost: (partition) => this.#lost(partition),
      failed: (error) => this.#fail(toFault(error, this.#context("reading"))),
    });
  }

  /** Begins to join the group, and to read. What goes wrong, `changed` tells. */
  start(): void {
    const { consumer, cluster } = this.#client;
    this.#fetcher.hook(cluster);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#assign(payload.memberAssignment);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#crashed(payload.error);
    });
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const { consumer } = this.#client;
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...this.#partitions.keys()], fromBeginning: true });
      // The fetcher takes all records before kafkajs would hand them out.
      await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() });
    } catch (error) {
      this.#fail(toFault(error, this.#context("joining the consumer group")));
    }
  }

  async changed(): Promise<void> {
    if (this.#fault === undefined) await this.#changed.wait();
    if (this.#fault !== undefined) throw this.#fault;
  }

  get bufferedBytes(): number {
    return this.#fetcher.bufferedBytes;
  }

  get bufferedBytesMax(): number {
    return this.#fetcher.room.stopBytes;
  }

  commit(next: StartOffsets): void {
    if (this.#fault !== undefined || this.#isClosed) return;
    this.#committer.commit(
      this.all.filter(({ isOurs }) => isOurs).flatMap(({ topic, partition }) => {
        const offset = next.get(topic)?.[partition];
        return offset === undefined ? [] : [{ topic, partition, offset }];
      }),
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#fault ??= new Fault("connection", { what: "the reading was closed" });
    this.#changed.give();
    this.#fetcher.end();
    await this.#client.close(Promise.all([this.#running, this.#committer.idle()]));
    this.owner.closed();
  }

  /** The group has agreed anew on who reads what. */
  #assign(assignment: Readonly<Record<string, readonly number[]>>): void {
    for (const [topic, numbers] of Object.entries(assignment)) {
      const count = Math.max(0, ...numbers.map((number) => number + 1));
      if (count > (this.#partitions.get(topic)?.length ?? 0)) {
        return this.#fail(morePartitions(topic, count));
      }
    }
    const lost: string[] = [];
    for (const [topic, partitions] of this.#partitions) {
      const ours = new Set(assignment[topic]);
      for (const partition of partitions) {
        partition.isOurs = ours.has(partition.partition);
        if (partition.isOurs) continue;
        partition.letGo();
        lost.push(`${topic}[${partition.partition}]`);
      }
    }
    const shown = lost.slice(0, 10).join(", ") + (lost.length > 10 ? ", …" : "");
    if (lost.length > 0) {
      log.warn("{count} partitions are held by other members of the group {group}: {shown}", {
        count: lost.length,
        group: this.options.group,
        shown,
      });
    }
    this.#changed.give();
  }

  /** kafkajs has given up. A topic that is not there may be gone, or only have no leader yet. */
  #crashed(error: unknown): void {
    const fault = toFault(error, this.#context("reading"));
    if (codeOf(error) === "UNKNOWN_TOPIC_OR_PARTITION") void this.#endWith(fault);
    else this.#fail(fault);
  }

  /** The broker has said that it does not have a partition's next record. */
  #lost({ topic, partition, fetchNext }: Partition): void {
    void this.#endWith(
      new Fault("connection", {
        what: `a broker had no offset ${fetchNext} of ${topic}[${partition}], and has it now`,
        todo: "Sluice reads on from there.",
      }),
    );
  }

  /** Ends the reading: by a `position-lost` fault if the brokers can't go on, else by `fault`. */
  async #endWith(fault: Fault): Promise<void> {
    this.#fetcher.end();
    const position = new Map([...this.#partitions].map(([topic, partitions]) => [
      topic,
      partitions.map(({ fetchNext }) => fetchNext),
    ]));
    try {
      await this.owner.confirm(position);
      this.#fail(fault);
    } catch (found) {
      this.#fail(toFault(found, this.#context("reading the topics' offsets")));
    }
  }

  #fail(fault: Fault): void {
    this.#fetcher.end();
    if (this.#isClosed) return;
    this.#fault ??= fault;
    this.#changed.give();
  }

  #context(doing: string): { where: string; doing: string } {
    return { where: `${this.options.brokers.join(",")}, group ${this.options.group}`, doing };
  }
}
