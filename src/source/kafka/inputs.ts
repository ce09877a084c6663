/** What is read: partitions of rows, of marks and of heartbeats, and how far each was taken. */
import type { KafkaPosition, Lsn, PartitionPosition } from "../position.ts";
import type { PartitionFeed } from "./feed.ts";
import type { Lanes } from "./lanes.ts";
import type { TopicNames } from "./topics.ts";

/** See the top of this file. */
export class Inputs {
  /** The transaction topic's one partition; undefined while there is none. */
  marks: PartitionFeed | undefined;
  /** Nobody needs what they say. */
  heartbeats: PartitionFeed[] = [];

  constructor(
    readonly lanes: Lanes,
    private readonly names: TopicNames,
    /** Where they began. */
    private readonly from: KafkaPosition,
  ) {}

  /** Reads from these from now on. */
  bind(feeds: readonly PartitionFeed[]): void {
    const { names } = this;
    this.marks = feeds.find(({ topic }) => topic === names.transactions);
    this.heartbeats = feeds.filter(({ topic }) => topic === names.heartbeat);
    this.lanes.bind(feeds);
  }

  /** How far everything was taken. Of topics that are not read (yet, or since SLUICE_TABLES leaves
   * them out now) it is what it was. `lsn`: the greatest of any change or commit. */
  position(lsn: Lsn, snapshot: KafkaPosition["snapshot"]): KafkaPosition {
    const topics: Record<string, PartitionPosition[]> = {};
    for (const [topic, each] of Object.entries(this.from.topics)) topics[topic] = [...each];
    const put = ({ topic, partition }: PartitionFeed, position: PartitionPosition) => {
      (topics[topic] ??= [])[partition] = position;
    };
    for (const lane of this.lanes.all) put(lane.feed, lane.position);
    for (const feed of this.heartbeats) put(feed, { next: feed.next, lsn: 0 });
    if (this.marks !== undefined) put(this.marks, { next: this.marks.next, lsn: 0 });
    const { clusterId, prefix } = this.from;
    const { tables } = this.names;
    return { kind: "kafka", clusterId, prefix, tables, topics, snapshot, lsn };
  }

  /** Next offsets of all partitions, added up. */
  get taken(): number {
    return this.#all.reduce((sum, { next }) => sum + next, 0);
  }

  /** The partition that holds most. */
  get largest(): PartitionFeed | undefined {
    return this.#all.sort((a, b) => b.bufferedBytes - a.bufferedBytes)[0];
  }

  get #all(): PartitionFeed[] {
    const rows = this.lanes.all.map(({ feed }) => feed);
    return [...rows, ...this.heartbeats, ...this.marks === undefined ? [] : [this.marks]];
  }
}
