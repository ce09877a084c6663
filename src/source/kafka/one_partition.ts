/**
 * What needs a topic of one partition, which keeps the order of all of a table's changes.
 *
 * A TRUNCATE has no key, so it may come by any partition, before or after rows of others.
 *
 * A change of key is three records of one partition: `d` of the old key, a tombstone, `c` of the
 * new one. The two rows are written at once, since what `c` leaves out as unchanged is found under
 * the old key.
 */
import type { ChangeHead, DebeziumCodec, KafkaRecord } from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import type { Lane } from "./lane.ts";

/** What stands in the way of a record: another must come first. */
export const BLOCKED = Symbol("blocked");

/**
 * The record of the new key's row, read into `head`, when the lane's head record is the old key's.
 * `BLOCKED`: it has not come yet. Undefined: something else follows, so the old one is for itself.
 */
export function newKeyRecord(
  lane: Lane,
  head: ChangeHead,
  codec: DebeziumCodec,
): KafkaRecord | typeof BLOCKED | undefined {
  const { feed, head: old } = lane;
  let next = feed.peek(1);
  if (next !== undefined && next.value === null) next = feed.peek(2);
  if (next === undefined) return BLOCKED;
  if (codec.scan(next, head) !== undefined || head.keyChange !== "new") return undefined;
  const isOfThis = head.lsn === old.lsn && head.table === old.table && head.schema === old.schema;
  return isOfThis ? next : undefined;
}

/** A TRUNCATE that came by a topic of several partitions. */
export function manyPartitions(record: KafkaRecord, name: string): Fault {
  return new Fault("bad-record", {
    what: `a TRUNCATE of ${name} came by a topic of several partitions, where nobody can say ` +
      "which rows came before it",
    received: `${record.topic}[${record.partition}] at offset ${record.offset}`,
    allowed: "TRUNCATE of tables whose topic has one partition",
    todo: "Fill the warehouse again from a new snapshot of the connector's, or make the topic " +
      "with one partition.",
  });
}
