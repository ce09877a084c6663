/** The lanes of all tables' topics. */
import type { DebeziumCodec } from "../../decode/decoder.ts";
import type { KafkaPosition } from "../position.ts";
import type { PartitionFeed } from "./feed.ts";
import { Lane } from "./lane.ts";
import type { RecentChanges } from "./recent.ts";
import { TopicNames } from "./topics.ts";

/** See the top of this file. */
export class Lanes {
  all: readonly Lane[] = [];
  readonly #byTable = new Map<string, readonly Lane[]>();
  /** What was read up to the position; undefined: it does not say. */
  readonly #before: TopicNames | undefined;

  constructor(
    private readonly names: TopicNames,
    private readonly position: KafkaPosition,
    private readonly codec: DebeziumCodec,
    private readonly recent: RecentChanges,
  ) {
    const { prefix, tables } = position;
    this.#before = tables && new TopicNames(prefix, tables);
  }

  /** Reads from these from now on; lanes of before go on with theirs. */
  bind(feeds: readonly PartitionFeed[]): void {
    this.all = feeds.filter(({ topic }) => this.names.isData(topic)).map((feed) => {
      const lane = this.all.find(({ feed: { topic, partition } }) =>
        topic === feed.topic && partition === feed.partition
      );
      if (lane === undefined) return this.#make(feed);
      lane.feed = feed;
      return lane;
    });
    this.#byTable.clear();
    for (const lane of this.all) lane.isAlone = this.#of(lane.feed.topic).length === 1;
  }

  /** Those of a table `schema.table`. */
  of(table: string): readonly Lane[] {
    let lanes = this.#byTable.get(table);
    if (lanes === undefined) {
      this.#byTable.set(table, lanes = this.#of(this.names.topicOf(table)));
    }
    return lanes;
  }

  /** A change that waits for its transaction to begin. */
  stray(): { readonly table: string; readonly tx: number } | undefined {
    for (const lane of this.all) {
      const isChange = lane.look() && lane.fault === undefined && lane.head.isInTransaction;
      if (isChange) return { table: lane.table, tx: lane.head.tx };
    }
    return undefined;
  }

  /** The older half of the memory of recent changes was forgotten. */
  forget(): void {
    for (const lane of this.all) lane.forget();
  }

  #of(name: string): readonly Lane[] {
    return this.all.filter(({ feed: { topic } }) => topic === name);
  }

  #make(feed: PartitionFeed): Lane {
    const { topics } = this.position;
    const from = topics[feed.topic]?.[feed.partition];
    const wasRead = this.#before?.isData(feed.topic) ?? from !== undefined;
    const isNew = !wasRead && topics[this.names.transactions] !== undefined;
    const lateUntil = isNew ? feed.end : from?.lateUntil ?? 0;
    return new Lane(feed, from, this.codec, this.recent, lateUntil);
  }
}
