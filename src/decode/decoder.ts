/**
 * The contract between a source's bytes and batches. A decoder is synchronous, keeps what it has
 * learnt of its stream (relations, the open transaction), and writes a record whole or not at all.
 */
import type { Batch, RowHead } from "../batch/batch.ts";
import type { TableLayout } from "../batch/column.ts";
import type { Table } from "../catalog/catalog.ts";
import type { Fault } from "../errors.ts";
import type { Lsn } from "../source/position.ts";

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
  /** The next record can't be decoded; nothing of it is in the batch. */
  | { readonly kind: "fault"; readonly fault: Fault };

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

export const END: Stop = { kind: "end" };
export const FULL: Stop = { kind: "full" };
export const COMMIT: Stop = { kind: "commit" };
