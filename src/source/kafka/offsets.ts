/** What the brokers say of topics: names, first and next offsets. */
import type { Cluster } from "kafkajs";
import { Fault } from "../../errors.ts";
import { codeOf } from "./fault.ts";
import type { StartOffsets, TopicOffsets } from "./feed.ts";

type Metadata = Awaited<ReturnType<Cluster["metadata"]>>;

interface CoordinatorFinder {
  findGroupCoordinator(of: { groupId: string; coordinatorType: number }): Promise<unknown>;
}

/** All topics' names, and the cluster's id. */
export async function describeCluster(cluster: Cluster): Promise<{ id: string; topics: string[] }> {
  await cluster.connect();
  // kafkajs gives null when the broker has refused or broken off; its types lack the id.
  const metadata = await cluster.metadata() as Metadata & { clusterId?: string } | null;
  if (metadata === null) throw new Error("the broker gave no metadata");
  return {
    id: metadata.clusterId ?? "",
    topics: metadata.topicMetadata.map(({ topic }) => topic).sort(),
  };
}

/** Offsets of `topics`; those that don't exist are left out. */
export async function topicOffsets(
  cluster: Cluster,
  topics: readonly string[],
): Promise<TopicOffsets[]> {
  const all = new Set((await describeCluster(cluster)).topics);
  const there = topics.filter((topic) => all.has(topic));
  for (const topic of topics) {
    if (!all.has(topic)) await assertMissing(cluster, topic);
  }
  if (there.length === 0) return [];
  await cluster.addMultipleTargetTopics(there);
  const asked = there.map((topic) => ({
    topic,
    partitions: cluster.findTopicPartitionMetadata(topic)
      .map(({ partitionId }) => ({ partition: partitionId })),
  }));
  const offsets = async (fromBeginning: boolean) => {
    const given = await cluster.fetchTopicsOffset(asked.map((one) => ({ ...one, fromBeginning })));
    return new Map(given.map(({ topic, partitions }) => [
      topic,
      new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)])),
    ]));
  };
  const first = await offsets(true);
  const end = await offsets(false);
  return asked.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((_, partition) => ({
      first: offsetOf(first, topic, partition),
      end: offsetOf(end, topic, partition),
    })),
  }));
}

/** A topic that we may not see is not listed either: taken for gone, it would cost a snapshot. */
async function assertMissing(cluster: Cluster, topic: string): Promise<void> {
  try {
    await cluster.addTargetTopic(topic);
  } catch (error) {
    if (codeOf(error) !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
  }
}

function offsetOf(
  offsets: ReadonlyMap<string, ReadonlyMap<number, number>>,
  topic: string,
  partition: number,
): number {
  const offset = offsets.get(topic)?.get(partition);
  if (offset === undefined) {
    throw new Error(`no leader tells the offsets of ${topic}[${partition}]`);
  }
  return offset;
}

/**
 * Throws what a broker says of the group, if it refuses. When joining, kafkajs asks each broker for
 * the group's coordinator, and forgets why none has answered.
 */
export async function checkGroup(cluster: Cluster, group: string): Promise<void> {
  await cluster.connect();
  await cluster.refreshMetadata();
  const broker = await cluster.findBroker({ nodeId: String(cluster.getNodeIds()[0]) });
  try {
    // Not in kafkajs's types.
    await (broker as unknown as CoordinatorFinder)
      .findGroupCoordinator({ groupId: group, coordinatorType: 0 });
  } catch (error) {
    // That there is none yet passes: a new cluster makes its topic of groups at the first question.
    if ((error as { retriable?: boolean }).retriable !== true) throw error;
  }
}

/** A partition's position that the brokers can't go on from. */
export function positionLost(
  { topic, partition, next }: { topic: string; partition: number; next: number },
  broker: { first: number; end: number } | undefined,
): Fault {
  const name = `${topic}[${partition}]`;
  const what = broker === undefined
    ? `partition ${name}, which we have read up to offset ${next}, is gone`
    : next < broker.first
    ? `retention has removed records of ${name} that we have not read`
    : `${name} ends before our position: the topic was made again`;
  return new Fault("position-lost", {
    what,
    received: broker === undefined
      ? undefined
      : `position ${next}, the broker has ${broker.first} to ${broker.end}`,
    todo: "Take a new snapshot: `deno task serve --resnapshot`, and see that Kafka keeps the " +
      "topics for longer than Sluice may be down.",
  });
}

/** Throws a `position-lost` fault unless the brokers can give all that `start` asks for. */
export function checkStart(start: StartOffsets, offsets: readonly TopicOffsets[]): void {
  const known = new Map(offsets.map((one) => [one.topic, one.partitions]));
  for (const [topic, positions] of start) {
    const partitions = known.get(topic) ?? [];
    positions.forEach((next, partition) => {
      const broker = partitions[partition];
      if (broker === undefined || next < broker.first || next > broker.end) {
        throw positionLost({ topic, partition, next }, broker);
      }
    });
    if (partitions.length > positions.length) throw morePartitions(topic, partitions.length);
  }
}

/** A topic has got partitions that the reading has not begun with. */
export function morePartitions(topic: string, count: number): Fault {
  return new Fault("connection", {
    what: `the topic ${topic} has more partitions than before: ${count}`,
    todo: "Sluice reads it anew, with all of them.",
  });
}
