/** How far the partitions of an order were taken. */
import type { KafkaPosition, PartitionPosition } from "../position.ts";
import type { PartitionFeed } from "./feed.ts";
import type { Lane } from "./lane.ts";

/** By topic and partition; of those that are not read, or not yet, what `start` says of them.
 * `others`: partitions without rows. */
export function reached(
  start: KafkaPosition["topics"],
  lanes: readonly Lane[],
  others: readonly PartitionFeed[],
): Record<string, PartitionPosition[]> {
  const topics: Record<string, PartitionPosition[]> = {};
  for (const [topic, partitions] of Object.entries(start)) topics[topic] = [...partitions];
  const put = ({ topic, partition, next }: PartitionFeed, lsn: number) => {
    (topics[topic] ??= [])[partition] = { next, lsn };
  };
  for (const lane of lanes) put(lane.feed, lane.lsnMax);
  for (const feed of others) put(feed, 0);
  return topics;
}
