/** What the brokers say of topics: names, first and next offsets. */
import type { Cluster } from "kafkajs";
import { codeOf } from "./fault.ts";
import type { TopicOffsets } from "./feed.ts";

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
  const asked = await partitionsOf(cluster, topics);
  const first = await fetchOffsets(cluster, asked, { fromBeginning: true });
  const end = await fetchOffsets(cluster, asked, { fromBeginning: false });
  return asked.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((_, partition) => ({
      first: offsetOf(first, topic, partition),
      end: offsetOf(end, topic, partition),
    })),
  }));
}

/** As `Cluster.offsetsSince` says. */
export async function topicOffsetsSince(
  cluster: Cluster,
  topics: readonly string[],
  ms: number,
): Promise<Map<string, number[]>> {
  const asked = await partitionsOf(cluster, topics);
  // The end first: what comes meanwhile is no record that was missed.
  const end = await fetchOffsets(cluster, asked, { fromBeginning: false });
  const since = await fetchOffsets(cluster, asked, { fromTimestamp: ms });
  return new Map(asked.map(({ topic, partitions }) => [
    topic,
    partitions.map((_, partition) => {
      const found = offsetOf(since, topic, partition); // −1: none is so young
      return found < 0 ? offsetOf(end, topic, partition) : found;
    }),
  ]));
}

type Asked = { readonly topic: string; readonly partitions: { partition: number }[] };

/** All partitions of those of `topics` that exist. */
async function partitionsOf(cluster: Cluster, topics: readonly string[]): Promise<Asked[]> {
  const all = new Set((await describeCluster(cluster)).topics);
  const there = topics.filter((topic) => all.has(topic));
  for (const topic of topics) {
    if (!all.has(topic)) await assertMissing(cluster, topic);
  }
  if (there.length === 0) return [];
  await cluster.addMultipleTargetTopics(there);
  return there.map((topic) => ({
    topic,
    partitions: cluster.findTopicPartitionMetadata(topic)
      .map(({ partitionId }) => ({ partition: partitionId })),
  }));
}

async function fetchOffsets(
  cluster: Cluster,
  asked: readonly Asked[],
  which: { fromBeginning: boolean } | { fromTimestamp: number },
): Promise<Map<string, Map<number, number>>> {
  if (asked.length === 0) return new Map();
  // Asking by time is not in kafkajs's types.
  const question = asked.map((one) => ({
    ...one,
    ...which,
  })) as ({ fromBeginning: boolean } & Asked)[];
  const given = await cluster.fetchTopicsOffset(question);
  return new Map(given.map(({ topic, partitions }) => [
    topic,
    new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)])),
  ]));
}

/** A topic that we may not see is not listed either: taken for gone, it would cost a snapshot. */
async function assertMissing(cluster: Cluster, topic: string): Promise<void> {
  try {
    await cluster.addTargetTopic(topic);
  } catch (error) {
    if (codeOf(error) === "UNKNOWN_TOPIC_OR_PARTITION") return;
    if (error instanceof Error) error.message += ` (topic ${topic})`;
    throw error;
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
