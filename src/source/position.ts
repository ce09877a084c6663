/**
 * How far a stream has been applied. Rows and the position that follows them commit in one
 * warehouse transaction; what the upstream is told is that durable position alone, never ahead.
 */

/**
 * A position in a PostgreSQL replication stream. It names the stream as well: a position of another
 * system, timeline, database or slot means nothing here.
 */
export interface PostgresPosition {
  readonly kind: "postgres";
  /** `IDENTIFY_SYSTEM`'s system identifier: differs for each `initdb`. Decimal text. */
  readonly systemId: string;
  /** Timeline of the server's history. */
  readonly timeline: number;
  readonly database: string;
  readonly slot: string;
  /** End LSN of the last commit applied, or of a keepalive seen while nothing was in flight. */
  readonly lsn: number;
}

/** How far one partition of a topic was applied. */
export interface PartitionPosition {
  /** Offset of the next record to read. Below 2^53, which a topic never reaches. */
  readonly next: number;
  /** The greatest LSN of any row seen in it: one that is greater was never seen before. */
  readonly lsn: Lsn;
  /** Its table is matched since lately. Before this offset there are changes whose transactions were
   * passed before it was; it is not there any more once that is passed. */
  readonly lateUntil?: number;
}

/** A full snapshot of Debezium's, as far as its records were applied. */
export interface KafkaSnapshot {
  /** `waiting`: no record of it was seen. `reading`: one was. `ending`: its last was, and other
   * partitions may not be read as far yet. */
  readonly phase: "waiting" | "reading" | "ending" | "done";
  /** At which it was taken; 0 before that is known. */
  readonly lsn: Lsn;
  /** It was begun again after rows had been applied: what was deleted at the source before it has
   * no event. When that was seen and how old its first record is (ms since 1970), and where its
   * rows begin, by topic and partition, as far as these have any. Null: it was not, or the operator
   * has accepted it. */
  readonly again: {
    readonly atMs: number;
    readonly sinceMs: number;
    readonly offsets: Readonly<Record<string, readonly number[]>>;
  } | null;
}

/** A position in the topics of one Debezium connector. Who owns what is decided by it alone: what
 * the consumer group has committed is a hint. */
export interface KafkaPosition {
  readonly kind: "kafka";
  /** The cluster's id: offsets of another cluster mean nothing here. */
  readonly clusterId: string;
  /** `topic.prefix` of the connector. */
  readonly prefix: string;
  /** What SLUICE_TABLES was: other topics were not read up to here, whatever `topics` says of them.
   * Undefined in a position that was stored before this was. */
  readonly tables?: readonly string[];
  /** By topic; an array's index is the partition. */
  readonly topics: Readonly<Record<string, readonly PartitionPosition[]>>;
  readonly snapshot: KafkaSnapshot;
  /** The greatest LSN of any change or commit applied; rows of snapshots are none. */
  readonly lsn: number;
}

/** A position in one of the streams that Sluice reads. */
export type Position = PostgresPosition | KafkaPosition;

/**
 * An LSN is a byte offset into the WAL. As a JavaScript number it is exact below 2^53 bytes, which
 * is nine petabytes of WAL; {@linkcode parseLsn} refuses what lies beyond.
 */
export type Lsn = number;

/** PostgreSQL's own form: the high and low 32 bits in hexadecimal, `16/B374D848`. */
export function formatLsn(lsn: Lsn): string {
  const high = Math.floor(lsn / 0x1_0000_0000);
  return `${high.toString(16).toUpperCase()}/${(lsn >>> 0).toString(16).toUpperCase()}`;
}

/** The reverse of {@linkcode formatLsn}. Throws a `RangeError` on anything else. */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  const lsn = match ? parseInt(match[1], 16) * 0x1_0000_0000 + parseInt(match[2], 16) : NaN;
  if (!Number.isSafeInteger(lsn)) throw new RangeError(`not an LSN below 2^53: ${text}`);
  return lsn;
}
