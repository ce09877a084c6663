/**
 * Records that can't be read. Such a one does not tell its transaction, so its turn has come when
 * nothing else gets further, and one lacks a change of its topic or none is to come.
 */
import type { PartitionFeed } from "./feed.ts";
import type { Lane } from "./lane.ts";
import type { OpenTransaction } from "./open_transaction.ts";
import type { Transactions } from "./transactions.ts";

/**
 * The lane whose head record is one whose turn has come, and the transaction that it may be of.
 * `marks`: the transaction topic; `isOf`: whether a table's changes come to us by a topic.
 */
export function findUnread(
  lanes: readonly Lane[],
  marks: PartitionFeed | undefined,
  transactions: Transactions,
  isOf: (table: string, topic: string) => boolean,
): { lane: Lane; lacking: OpenTransaction | undefined } | undefined {
  const isPast = marks === undefined || (marks.head === undefined && marks.next >= marks.end);
  for (const lane of lanes) {
    if (!lane.look() || lane.fault === undefined) continue;
    const { topic } = lane.feed;
    const isOfIt = (table: string) => isOf(table, topic);
    const lacking = transactions.all.find((each) => each.isLacking(isOfIt));
    if (lacking !== undefined || !transactions.isOpen && isPast) return { lane, lacking };
  }
  return undefined;
}
