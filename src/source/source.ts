/**
 * The contract of whatever changes are read from. Pull only: one read outstanding, and what it
 * lends is valid until the next. Not reading is the whole of backpressure.
 */
import type { Batch } from "../batch/batch.ts";
import type { TableLayout } from "../batch/column.ts";
import type { Input, Stop } from "../decode/decoder.ts";
import type { Lsn, Position } from "./position.ts";
import type { Table } from "../catalog/catalog.ts";

/** A stream of changes from a position on. */
export interface ChangeStream {
  /** Waits until there is something to decode. Throws a fault: `connection`, `position-lost`, … */
  read(): Promise<void>;
  /** Whether something was read and is not decoded yet. */
  readonly hasInput: boolean;
  /** Decodes what was read into `batch` until one of {@linkcode Stop}'s reasons. */
  decode(batch: Batch): Stop;
  /** Whether a source transaction has begun and not ended. */
  readonly inTransaction: boolean;
  /** Up to where everything was decoded. Asked for between source transactions only. */
  readonly position: Position;
  /** The number that the next row gets in the order of application. */
  readonly nextSeq: number;
  /** Whether `position` says more than this one, so that it is worth storing. */
  isAhead(of: Position): boolean;
  /** The source waits to hear how far we are: it may be shutting down. */
  readonly isAsked: boolean;
  /** Tells the source how far everything is durable here; it may let go of what is before. */
  confirm(position: Position): void;
  /** What the source was last told. */
  readonly confirmedLsn: Lsn;
  /** How much was decoded, in the unit of {@linkcode SourceHealth.end}. */
  readonly decoded: number;
  /** Bytes held that were read and not lent. */
  readonly bufferedBytes: number;
  /** Of a stream that begins with the copy of all tables: how far that has come. */
  readonly copy: { readonly done: boolean; readonly tables: readonly TableProgress[] };
  /** Why what was applied can't be relied on yet, as sentences: a partition that another member of
   * the group holds, a snapshot that began again, … */
  readonly holds: readonly string[];
  close(): Promise<void>;
}

/** How far the copy of one table has come. `rowsEstimated`: −1 when unknown. */
export interface TableProgress {
  table: string;
  rows: number;
  rowsEstimated: number;
  done: boolean;
}

/** A consistent copy of all tables, from which a stream goes on without gap or overlap. */
export interface Snapshot {
  readonly tables: readonly Table[];
  /** Where the stream goes on. */
  readonly position: Position;
  readonly progress: readonly TableProgress[];
  readonly bufferedBytes: number;
  /** Starts to read, into batches of these layouts (in the order of `tables`). */
  start(layouts: readonly TableLayout[], firstSeq: number): Promise<SnapshotReader>;
  close(): Promise<void>;
}

/** Reads a snapshot's rows. */
export interface SnapshotReader {
  /** The next rows of some table, with the decoder for them; null when all were read. */
  read(): Promise<SnapshotRows | null>;
  readonly nextSeq: number;
}

/** Rows lent until the next read. */
export interface SnapshotRows {
  readonly input: Input;
  decode(input: Input, batch: Batch): Stop;
}

/** Who the source is, and what our slot there is called. */
export interface SourceIdentity {
  readonly systemId: string;
  readonly database: string;
  readonly slot: string;
}

/** The source's health, looked at from time to time beside the stream. */
export interface SourceHealth {
  /** How much there is to decode, in a unit of the source's own that only grows: bytes of flushed
   * WAL (an LSN), or records of all partitions. */
  readonly end: number;
  /** How far the server's WAL is flushed; null: not known, since we read topics. */
  readonly serverLsn: Lsn | null;
  /** What the server says of our slot: `reserved`, `extended`, `unreserved` or `lost`, and how many
   * bytes of WAL may still be written before it is in danger (null: no limit). */
  readonly slot: { readonly walStatus: string; readonly safeWalBytes: number | null } | null;
}

/** The durable note that a slot of our name is ours, and that only a snapshot makes the warehouse
 * whole. */
export interface SnapshotIntent {
  /** Before it is made, or dropped. */
  announce(): Promise<void>;
  /** It was dropped: one of that name is another's. The warehouse still needs the snapshot. */
  release(): Promise<void>;
  /** It was not made after all: the warehouse needs what it needed before. */
  withdraw(): Promise<void>;
}

/** How a warehouse that has no position is filled. */
export type Filling =
  /** By a copy of all tables under one snapshot, after which the stream goes on. */
  | { readonly kind: "snapshot"; readonly source: SnapshotSource }
  /** By the stream itself, which begins with the copy. `beginning` is where; `last`: the position
   * that a new filling replaces. */
  | { readonly kind: "stream"; beginning(last: Position | null): Promise<Position> };

/** A source that can be copied. */
export interface SnapshotSource {
  /** Connects to ask who it is. */
  identify(): Promise<SourceIdentity>;
  /** Begins a snapshot. `mayReplaceSlot`: a slot of our name is ours, and is dropped. */
  snapshot(mayReplaceSlot: boolean, intent: SnapshotIntent): Promise<Snapshot>;
}

/** See the top of this file. */
export interface Source {
  readonly filling: Filling;
  /** Connects, checks that the position is of this source and not lost, and streams from it. */
  stream(position: Position, layouts: readonly TableLayout[], nextSeq: number): Promise<
    ChangeStream
  >;
  /** Throws a `schema-changed` fault when the table's key is not what it was; see `Stop`. */
  verify(table: Table): Promise<void>;
  health(): Promise<SourceHealth>;
  /** Tables that match the setting and are left out, with the reason. Known after the above. */
  readonly leftOut: readonly { table: string; reason: string }[];
  /** Cuts all connections; whatever waits for one is rejected. */
  close(): Promise<void>;
}
