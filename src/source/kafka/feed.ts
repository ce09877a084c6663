/**
 * The contract between what talks to Kafka and what puts records in order. Pull only: nothing is
 * read ahead beyond a limit in bytes, and a record's bytes are lent until it is taken.
 *
 * - A feed gives one partition's records in the order of their offsets, from where it was told to
 *   start, each once. A record that was not asked for (fetched before a seek took effect, or from
 *   where the client's own reset put it) is never given.
 * - A partition that is revoked and assigned again goes on after the last record that was taken.
 * - Beyond the limit, partitions are paused. When one partition's records can't be taken before
 *   another's have come, `letGo` gives their memory back: they are read again later. The broker's
 *   disk is the overflow, so no transaction is too large to be waited for.
 */
import type { KafkaRecord } from "../../decode/decoder.ts";

/** One partition's records. */
export interface PartitionFeed {
  readonly topic: string;
  readonly partition: number;
  /** The next record; undefined when none has been fetched. The object may say another one once it
   * is taken, and after `letGo` another object does. */
  readonly head: KafkaRecord | undefined;
  /** The record after `ahead` others (0 is the head), if it has been fetched. */
  peek(ahead: number): KafkaRecord | undefined;
  /** Moves past the head, and ends the loan of its bytes. */
  take(): void;
  /** Offset of the next record to be given: past the last one taken, and what compaction removed. */
  readonly next: number;
  /** The partition's end as the broker last told: the last stable offset, which is the high
   * watermark unless a producer's transaction is open. Known from the start. */
  readonly end: number;
  /** Bytes fetched and not taken, with what is noted of each record. It falls when the last record
   * of a fetch is taken. */
  readonly bufferedBytes: number;
  /** Whether it is assigned to us now. */
  readonly isOurs: boolean;
  /** Forgets what was fetched and not taken; it is fetched again when there is room. */
  letGo(): void;
}

/** Where to begin with each partition: by topic, the next offset by partition. */
export type StartOffsets = ReadonlyMap<string, readonly number[]>;

/** All partitions that are read. */
export interface Feeds {
  readonly all: readonly PartitionFeed[];
  /** Resolves when something has changed since the last call resolved: records, the assignment, an
   * end offset. Rejects, from then on, with what ended the reading: `connection` (to be tried again),
   * `setup` (authentication, authorization), `position-lost` (retention has removed the next record,
   * or the topic is gone or was made again), `protocol` (records that can't be decoded). A topic that
   * has got more partitions is a `connection` fault: it is read anew with all of them. */
  changed(): Promise<void>;
  /** Bytes fetched and not taken, of all partitions. */
  readonly bufferedBytes: number;
  /** When so much is buffered, nothing more is fetched: whoever misses a record then lets another
   * partition go. (It is fetched all the same when all that is buffered is of partitions of which
   * more was peeked for.) Less than the options' limit by what may be under way. */
  readonly bufferedBytesMax: number;
  /** Tells the group how far everything is durable. A hint: it never throws, a failure is logged. */
  commit(next: StartOffsets): void;
  close(): Promise<void>;
}

/** What the broker says of one topic: by partition, the first and the next offset. */
export interface TopicOffsets {
  readonly topic: string;
  readonly partitions: readonly { readonly first: number; readonly end: number }[];
}

/** A cluster, before and beside reading. Every call throws faults as {@linkcode Feeds.changed}. */
export interface Cluster {
  /** The cluster's id. */
  id(): Promise<string>;
  /** All topics' names. */
  topics(): Promise<string[]>;
  /** Offsets of these topics; a topic that is missing is left out. */
  offsets(topics: readonly string[]): Promise<TopicOffsets[]>;
  /** Offset of the first record that is not older than `ms` since 1970, by topic and partition; the
   * end where there is none. A topic that is missing is left out. */
  offsetsSince(topics: readonly string[], ms: number): Promise<Map<string, number[]>>;
  /** Begins to join the group and to read. Every partition of these topics must have a start.
   * Throws a `position-lost` fault for a start that the brokers can't go on from. */
  read(start: StartOffsets): Promise<Feeds>;
  close(): Promise<void>;
}

/** How to log in. */
export interface SaslOptions {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly username: string;
  readonly password: string;
}

/** How to reach a cluster. */
export interface ClusterOptions {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly group: string;
  readonly tls: { readonly ca?: string } | null;
  readonly sasl: SaslOptions | null;
  /** The most bytes to have fetched and not taken: the `network` area of the budget. */
  readonly bufferedBytesMax: number;
}
