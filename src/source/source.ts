/**
 * The contract of whatever changes are read from. Pull only: one read outstanding, and what it
 * lends is valid until the next. Not reading is the whole of backpressure.
 */
import type { Batch } from "../batch/batch.ts";
import type { TableLayout } from "../batch/column.ts";
import type { Decoder, Input, Stop } from "../decode/decoder.ts";
import type { Lsn, Position } from "./position.ts";
import type { Table } from "../catalog/catalog.ts";

/** A stream of changes from a position on. */
export interface ChangeStream {
  /** Knows what this stream has said so far. */
  readonly decoder: Decoder;
  /** The next bytes; waits for them. Throws a fault: `connection`, `position-lost`, … */
  read(): Promise<Input>;
  /** Tells the source how far everything is durable here; it may let go of what is before. */
  confirm(lsn: Lsn): void;
  /** What the source was last told. */
  readonly confirmedLsn: Lsn;
  /** Bytes held that were read and not lent. */
  readonly bufferedBytes: number;
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
  /** How far the server's WAL is flushed. */
  readonly serverLsn: Lsn;
  /** What it says of our slot: `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string;
  /** WAL bytes that may still be written before the slot is in danger; null: no limit. */
  readonly safeWalBytes: number | null;
}

/** The durable note that a slot of our name is ours: there from before it is made until it is not. */
export interface SnapshotIntent {
  announce(): Promise<void>;
  withdraw(): Promise<void>;
}

/** See the top of this file. */
export interface Source {
  /** Connects, checks that the position is of this source and not lost, and streams from it. */
  stream(position: Position, layouts: readonly TableLayout[], nextSeq: number): Promise<
    ChangeStream
  >;
  /** Connects to ask who it is. */
  identify(): Promise<SourceIdentity>;
  /** Begins a snapshot. `mayReplaceSlot`: a slot of our name is ours, and is dropped. */
  snapshot(mayReplaceSlot: boolean, intent: SnapshotIntent): Promise<Snapshot>;
  /** Throws a `schema-changed` fault when the table's key is not what it was; see `Stop`. */
  verify(table: Table): Promise<void>;
  health(): Promise<SourceHealth>;
  /** Tables that match the setting and are left out, with the reason. Known after the above. */
  readonly leftOut: readonly { table: string; reason: string }[];
  /** Cuts all connections; whatever waits for one is rejected. */
  close(): Promise<void>;
}
