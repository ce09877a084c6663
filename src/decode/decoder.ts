/**
 * The contract between a source's bytes and batches. A decoder is synchronous, keeps what it has
 * learnt of its stream (relations, the open transaction), and writes a record whole or not at all.
 */
import type { Batch, Op, RowHead } from "../batch/batch.ts";
import type { TableLayout } from "../batch/column.ts";
import type { DeadLetter } from "../batch/dead_letter.ts";
import type { Table } from "../catalog/catalog.ts";
import type { Fault } from "../errors.ts";
import type { Lsn } from "../source/position.ts";
import type { Slice } from "../slice.ts";

/** Bytes lent by a source until its next read: whole messages only, of which `at` is the next. */
export interface Input {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  readonly end: number;
}

/** Why a decoder returned. `input.at` stands at the first message that is not yet decoded. */
export type Stop =
  /** All of the input was decoded. */
  | { readonly kind: "end" }
  /** The batch has no room for the next record, or it must be the first of its batch. */
  | { readonly kind: "full" }
  /** A source transaction ended: what the batch holds is whole. */
  | { readonly kind: "commit" }
  /** Before this table's next row the source must be asked whether its key is what it was. */
  | { readonly kind: "verify"; readonly table: Table }
  /** The next record is of a table that the sink does not have: it must be made, then adopted. */
  | { readonly kind: "evolve"; readonly table: Table; adopt(layout: TableLayout): void }
  /** What was written before is for the sink to say: see {@linkcode Recall}. */
  | { readonly kind: "recall"; readonly recall: Recall }
  /** Which of these source transactions have a change that was written as a number (`_seq`) below
   * `before` is for it too. */
  | {
    readonly kind: "ask";
    readonly txs: readonly number[];
    readonly before: number;
    answer(applied: ReadonlySet<number>): void;
  }
  /** The next record can't be decoded; nothing of it is in the batch. With `setAside` it may be
   * passed over: that moves past it, and what it returns must be kept with what the batch holds.
   * `lacksOldRow`: it could be, if the sink has the row that a changed key had before. */
  | {
    readonly kind: "fault";
    readonly fault: Fault;
    readonly lacksOldRow?: boolean;
    setAside?(): DeadLetter;
  };

/** What was written before, in a run that no longer is in memory. */
export type Recall =
  /**
   * Rows that may have been. `fill` writes them into an empty batch, numbered from 1 on; `answer` is
   * told, for each, the `_seq` of the row that was applied with its table, key, LSN and op (for a
   * TRUNCATE that of a later change is as good, since it was applied or had nothing to empty), or 0
   * when there is none.
   */
  | {
    readonly of: "rows";
    fill(batch: Batch): void;
    answer(originals: readonly number[]): void;
  }
  /** Whether a `d` of table `schema.table` with this LSN and transaction was, and the row that it
   * deleted. */
  | {
    readonly of: "deleted";
    readonly table: string;
    readonly lsn: Lsn;
    readonly tx: number;
    answer(isThere: boolean): void;
  };

/** Decodes a stream of changes. */
export interface Decoder {
  /** Decodes from `input.at` on into `batch` until one of {@linkcode Stop}'s reasons. */
  decode(input: Input, batch: Batch): Stop;
  /** Whether a source transaction has begun and not ended. */
  readonly inTransaction: boolean;
  /** Up to where everything was decoded: the end of the last commit, or a later idle keepalive. */
  readonly decodedLsn: Lsn;
  /** How far the server's WAL was, as it last told us; 0 before. */
  readonly serverLsn: Lsn;
  /** The server has asked how far we are, and waits: it may be shutting down. */
  readonly serverWaits: boolean;
  /** The number that the next row gets in the order of application. */
  nextSeq: number;
}

/** Decodes one table's rows of a snapshot, in the order in which they come. */
export interface RowDecoder {
  /** Rows are numbered from `seq.next` on. */
  decode(input: Input, batch: Batch, seq: { next: number }): Stop;
}

/** What a PostgreSQL source needs to know of decoding; see codec.ts. */
export interface PostgresCodec {
  /** Whether the stream may carry all of these tables' values in binary. */
  isBinary(layouts: readonly TableLayout[]): boolean;
  /** For the stream, from a position on. `passOver`: tables that are not ours are expected. */
  stream(
    layouts: readonly TableLayout[],
    from: Lsn,
    nextSeq: number,
    passOver: boolean,
  ): Decoder;
  /** The select list for a table's COPY. */
  copyColumns(table: Table): string;
  /** For a table's COPY of that list. */
  copy(layout: TableLayout, head: RowHead): RowDecoder;
}

/** A record of a topic. It is lent, with its bytes, until it is taken (source/kafka/feed.ts). */
export interface KafkaRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** ms since 1970. */
  readonly timestampMs: number;
  readonly key: Slice | null;
  readonly value: Slice | null;
  /** A header's value, or the last of several of that name. */
  readonly headers: Readonly<Record<string, Uint8Array>>;
}

/**
 * All that a record of Debezium's says but its row. One object serves many records: `scan` fills it
 * anew, and strings that stay the same are the same object.
 */
export interface ChangeHead extends RowHead {
  /** Lets go of the memory of the record read last, of which nothing may be written then. */
  letGo(): void;
  /** `m`: a logical message. Null: a tombstone, or an envelope that is no change (a heartbeat). */
  readonly op: Op | "m" | null;
  /** Of the source's table, from the `source` block. */
  readonly schema: string;
  readonly table: string;
  /** `lsn` of RowHead is that of the row's own WAL record; 0 when the event has none. */
  /** Commit time at the source, ms since 1970. */
  readonly commitTimeMs: number;
  /** The `snapshot` of the source block: `first`, `true`, `last`, `incremental`, …; `""` for a
   * change of the stream. */
  readonly snapshot: string;
  /** Whether the connector names the record's transaction, as the transaction topic does: by the
   * number that `tx` has (measured: Debezium 2.3.4 writes `779:311630592`, `779:311630640`, …, with
   * each record's own LSN). */
  readonly isInTransaction: boolean;
  /** `transaction.data_collection_order`: counts the transaction's changes of this table from 1 on,
   * anew when the connector resumes amid it after a crash. 0: there is none. */
  readonly transactionOrder: number;
  /** The key column's change that this record is a half of: `d` with the header
   * `__debezium.newkey`, or `c` with `__debezium.oldkey`. */
  readonly keyChange: "old" | "new" | null;
}

/** A message of the transaction topic. */
export interface TransactionMark {
  readonly status: "BEGIN" | "END";
  /** The source's number of the transaction, which its id begins with. */
  readonly tx: number;
  /** What stands behind the id's colon: of a BEGIN, an LSN before all of its rows; of an END, that of the
   * commit's end. 0: there is none. */
  readonly lsn: Lsn;
  /** At the END: how many changes of each `schema.table`. */
  readonly counts: readonly { readonly table: string; readonly rows: number }[] | null;
}

/** What a Kafka source needs to know of decoding Debezium's JSON; see codec.ts. */
export interface DebeziumCodec {
  /** A head to scan into. */
  head(): ChangeHead;
  /** Reads all of a record but its row, and checks that it is an envelope of Debezium's. What it
   * returns is why not. */
  scan(record: KafkaRecord, head: ChangeHead): Fault | undefined;
  /** Reads a record of the transaction topic. */
  scanTransaction(record: KafkaRecord): TransactionMark | Fault;
  /**
   * What a record (already scanned, of op c, u, r or d) says that its table is. `known`: the table
   * as the source's `pg_catalog` has it, whose types and key are then taken. `unsure`: what was
   * guessed, as sentences for the log. A table without a key is a `Fault` of kind `setup`.
   */
  describe(record: KafkaRecord, head: ChangeHead, known: Table | undefined):
    | { readonly table: Table; readonly unsure: readonly string[] }
    | Fault;
  /** A decoder for a table's rows. */
  rows(layout: TableLayout): DebeziumRows;
}

/** Decodes one table's records, which `scan` has read into `head`. */
export interface DebeziumRows {
  /** Writes the record's row as number `seq`, whole or not at all: `full` or `fault` when not.
   * `hasOldRow`: the sink can fill in what the `c` of a changed key leaves out, when it does not come
   * right behind its `d`. */
  decode(
    record: KafkaRecord,
    head: ChangeHead,
    batch: Batch,
    seq: number,
    hasOldRow?: boolean,
  ): Stop | undefined;
  /** Writes only the key's columns, and NULL into the others, for {@linkcode Recall}. */
  decodeKey(record: KafkaRecord, head: ChangeHead, batch: Batch, seq: number): Stop | undefined;
  /** A change of key: writes the `d` of the old key as `seq` and the `c` of the new one as
   * `seq + 1`, both or none. Values that `c` leaves out as unchanged are found under the old key. */
  decodeKeyChange(
    old: KafkaRecord,
    oldHead: ChangeHead,
    fresh: KafkaRecord,
    freshHead: ChangeHead,
    batch: Batch,
    seq: number,
  ): Stop | undefined;
}

export const END: Stop = { kind: "end" };
export const FULL: Stop = { kind: "full" };
export const COMMIT: Stop = { kind: "commit" };
