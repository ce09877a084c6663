/** Whether the topics still have what comes after a position. */
import { Fault } from "../../errors.ts";
import { logger } from "../../log.ts";
import type { KafkaPosition } from "../position.ts";
import type { Cluster, TopicOffsets } from "./feed.ts";
import { ASK_AGAIN_MS, noTopics } from "./start.ts";
import type { TopicNames } from "./topics.ts";

const log = logger("source");

const RESNAPSHOT = "Fill the warehouse again: `deno task serve --resnapshot`, which reads the " +
  "topics from their beginning; what they no longer hold needs a new snapshot of the connector's.";

/** What lacks is asked for so often. */
const ASKED_MAX = 5;

/** Throws when it is another cluster. */
export function assertCluster(position: KafkaPosition, id: string): void {
  if (id === position.clusterId) return;
  throw new Fault("position-lost", {
    what: "SLUICE_KAFKA_BROKERS leads to another cluster than the warehouse was made from",
    received: `cluster ${id}`,
    allowed: `cluster ${position.clusterId}`,
    todo: RESNAPSHOT,
  });
}

/**
 * Resolves to what the topics that are read have. Throws a `position-lost` fault when what comes
 * after the position is not there any more, and still is not a few seconds later: a broker that has
 * just started knows no topics, or not all, for a moment, and the fault costs a snapshot.
 */
export async function heldOffsets(
  cluster: Pick<Cluster, "offsets" | "topics">,
  position: KafkaPosition,
  names: TopicNames,
): Promise<TopicOffsets[]> {
  for (let asked = 1;; asked++) {
    const topics = await cluster.topics();
    const offsets = await cluster.offsets(topics.filter((topic) => names.isRead(topic)));
    try {
      assertHeld(position, offsets, names);
      return offsets;
    } catch (error) {
      if (topics.length === 0) throw noTopics();
      if (asked === ASKED_MAX) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

/** Throws when what comes after the position is not there any more, of the topics that are read. */
export function assertHeld(
  position: KafkaPosition,
  offsets: readonly TopicOffsets[],
  names: TopicNames,
): void {
  for (const [topic, partitions] of Object.entries(position.topics)) {
    if (!names.isRead(topic)) {
      log.info("{topic} is not read: SLUICE_TABLES does not match it any more", { topic });
      continue;
    }
    const held = offsets.find((each) => each.topic === topic)?.partitions;
    for (const [partition, { next }] of partitions.entries()) {
      const has = held?.[partition];
      if (has !== undefined && next >= has.first && next <= has.end) continue;
      throw new Fault("position-lost", {
        what: has === undefined
          ? `the topic ${topic} is gone, or has fewer partitions than it had`
          : next < has.first
          ? `${topic}[${partition}] no longer has the changes after our position: its retention ` +
            "has removed them"
          : `${topic}[${partition}] ends before our position: it was made again`,
        received: has === undefined ? "no such partition" : `offsets ${has.first} to ${has.end}`,
        allowed: `offset ${next} among them`,
        todo: RESNAPSHOT,
      });
    }
  }
}

/** Throws when the transaction topic can't say in which order transactions came. */
export function assertOrdered(offsets: readonly TopicOffsets[], names: TopicNames): void {
  const marks = offsets.find(({ topic }) => topic === names.transactions);
  if (marks === undefined || marks.partitions.length === 1) return;
  throw new Fault("setup", {
    what: `the topic ${names.transactions} has several partitions, which lose the order of its ` +
      "transactions",
    received: `${marks.partitions.length} partitions`,
    allowed: "1",
    todo: "Let the connector write into one that has one partition (topic.creation settings of " +
      "Connect), or turn provide.transaction.metadata off and do without whole transactions.",
  });
}

/** Says which topics no longer begin with their first record, where they are read from the start. */
export function warnOfGaps(position: KafkaPosition, offsets: readonly TopicOffsets[]): void {
  for (const { topic, partitions } of offsets) {
    for (const [partition, { first }] of partitions.entries()) {
      if (first === 0 || position.topics[topic]?.[partition] !== undefined) continue;
      log.warn(
        "{topic}[{partition}] begins at offset {first}: what came before was removed by its " +
          "retention or compaction, and rows that only it had are missing here",
        { topic, partition, first },
      );
    }
  }
}
