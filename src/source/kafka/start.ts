/** Where reading begins, and whether the brokers can go on from there. */
import { Fault } from "../../errors.ts";
import type { KafkaPosition, PartitionPosition, Position } from "../position.ts";
import type { Cluster, StartOffsets, TopicOffsets } from "./feed.ts";
import type { TopicNames } from "./topics.ts";

/** A broker that has just started knows no topic for a moment, and a new leader not how far it is. */
export const ASK_AGAIN_MS = 1500;

/**
 * Where an empty warehouse is filled from: the topics' first offsets; or, after a snapshot that began
 * again (`last`), where that begins. Partitions that have no row of it, those of tables that were
 * empty and of the transactions, begin with what is as young as the snapshot's first record: the
 * connector was stopped before it.
 */
export async function beginning(
  cluster: Pick<Cluster, "offsetsSince" | "topics">,
  { clusterId, names }: { clusterId: string; names: TopicNames },
  last: Position | null,
): Promise<KafkaPosition> {
  const { prefix } = names;
  const topics: Record<string, PartitionPosition[]> = {};
  const isSame = last?.kind === "kafka" && last.clusterId === clusterId && last.prefix === prefix;
  if (isSame && last.snapshot.again !== null) {
    const { offsets, sinceMs } = last.snapshot.again;
    const read = (await cluster.topics()).filter((topic) => names.isRead(topic));
    for (const [topic, since] of await cluster.offsetsSince(read, sinceMs)) {
      topics[topic] = since.map((next, i) => ({ next: offsets[topic]?.[i] ?? next, lsn: 0 }));
    }
  }
  const snapshot = { phase: "waiting", lsn: 0, again: null } as const;
  return { kind: "kafka", clusterId, prefix, tables: names.tables, topics, snapshot, lsn: 0 };
}

/**
 * Resolves to the topics' offsets if the brokers can give all that `start` asks for. Otherwise
 * throws a `position-lost` fault, once a second question has had the same answer: it would cost the
 * operator a snapshot.
 */
export async function confirmStart(
  cluster: Pick<Cluster, "offsets" | "topics">,
  start: StartOffsets,
): Promise<TopicOffsets[]> {
  for (let asked = 1;; asked++) {
    const offsets = await cluster.offsets([...start.keys()]);
    try {
      checkStart(start, offsets);
      return offsets;
    } catch (error) {
      if (!(error instanceof Fault && error.kind === "position-lost") || asked === 2) throw error;
    }
    if (offsets.length === 0 && (await cluster.topics()).length === 0) throw noTopics();
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

/** Throws a `position-lost` fault unless the brokers can give all that `start` asks for. */
function checkStart(start: StartOffsets, offsets: readonly TopicOffsets[]): void {
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

/** A partition's position that the brokers can't go on from. */
function positionLost(
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

/** A topic has got partitions that the reading has not begun with. */
export function morePartitions(topic: string, count: number): Fault {
  return new Fault("connection", {
    what: `the topic ${topic} has more partitions than before: ${count}`,
    todo: "Sluice reads it anew, with all of them.",
  });
}

/** Not even the topic of consumer groups is there. */
export function noTopics(): Fault {
  return new Fault("connection", {
    what: "the brokers know of no topic at all",
    todo: "They may have just started. If it stays so, and the topics are gone, take a new " +
      "snapshot: `deno task serve --resnapshot`. Sluice goes on trying.",
  });
}
