/**
 * The contract of whatever keeps the changes. One transaction of the sink is: any number of
 * `write`s, then one `commit` or `abort`.
 *
 * - Readers see nothing of a transaction before `commit` resolves, and all of it afterwards.
 * - The position commits in the same transaction as the rows that lead up to it.
 * - After a `commit` that threw, the outcome is unknown: read `state()` again and decide from it.
 * - One call at a time.
 */
import type { Batch } from "../batch/batch.ts";
import type { TableLayout } from "../batch/column.ts";
import type { Table } from "../catalog/catalog.ts";
import type { Position } from "../source/position.ts";

/** What the sink durably holds. */
export interface SinkState {
  /** How far its contents go; null before a snapshot was committed, and after one was announced. */
  readonly position: Position | null;
  /** The greatest `_seq` in it. */
  readonly seq: number;
  /** What its tables were made for; empty before the first snapshot was committed. */
  readonly tables: readonly Table[];
  /** Of a snapshot that was announced and not committed, whose slot is ours: it was cut off. */
  readonly snapshot: SnapshotOrigin | null;
  /** How many dead letters it keeps. */
  readonly letters: number;
}

/** Where a snapshot is taken from, recorded before its slot is made so that the slot can be told
 * from somebody else's. */
export interface SnapshotOrigin {
  readonly systemId: string;
  readonly database: string;
  readonly slot: string;
}

/** See the top of this file. */
export interface Sink {
  /** What it durably holds, read from it now. */
  state(): Promise<SinkState>;
  /** Durably notes that a snapshot begins. What was held stays readable until it is committed. */
  announceSnapshot(origin: SnapshotOrigin): Promise<void>;
  /** Durably notes that no slot is ours: `SnapshotIntent` says when. */
  releaseSnapshot(): Promise<void>;
  /** Durably takes the last note back. */
  withdrawSnapshot(): Promise<void>;
  /** Begins a transaction that replaces all tables by empty ones; returns their layouts. */
  beginSnapshot(tables: readonly Table[]): Promise<TableLayout[]>;
  /** The layouts of the tables held, in the order of `state().tables`. */
  layouts(): readonly TableLayout[];
  /** Adds a table, empty, within the transaction; one that is there is left as it is. */
  evolve(table: Table): Promise<TableLayout>;
  /** For each row of a batch (of one table, numbered from 1 on, which stays the caller's): the
   * `_seq` of the change with the same key, LSN and op that was written before, or 0; for a TRUNCATE
   * that of the first change at its LSN or after it. */
  recognise(batch: Batch): Promise<number[]>;
  /** Whether a `d` of table `schema.table` with this LSN and transaction was written, and the row
   * that it deleted is known. */
  hasDeleted(table: string, lsn: number, tx: number): Promise<boolean>;
  /** Which of these source transactions have a change that was written as a number (`_seq`) below
   * `before`. Rows of a snapshot don't count. */
  appliedOf(txs: readonly number[], before: number): Promise<Set<number>>;
  /** Takes a sealed batch, its dead letters included, and resolves when its memory is free again. */
  write(batch: Batch): Promise<void>;
  /** Resolves when all that was written, and the position, are durable and visible. */
  commit(position: Position, seq: number, sourceTimeMs: number | null): Promise<void>;
  /** Discards all that was written since the last commit. Does nothing when there is nothing. */
  abort(): Promise<void>;
  /** Housekeeping between transactions; `idle`: nothing else is waiting to be done. */
  maintain(idle: boolean): Promise<void>;
  /** Bytes of memory it uses beyond the JavaScript heap. */
  memoryBytes(): Promise<number>;
  close(): Promise<void>;
}
