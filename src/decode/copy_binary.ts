/**
 * Decodes the CopyData messages of `COPY … TO STDOUT (FORMAT binary)` into rows of op `r`.
 *
 *     message := 'd' length:int32 payload
 *     payload := [ header ] { tuple } | trailer
 *     header  := "PGCOPY\n\xff\r\n\0" flags:int32 extension:int32 byte{extension}
 *     tuple   := fields:int16 { size:int32 byte{size} }      size −1: NULL
 *     trailer := −1:int16
 *
 * The server starts a message with a tuple, never in the middle of one. Columns whose type has no
 * binary form here are selected as text, so a value's form is known per column.
 *
 * Source: "COPY", binary format, in PostgreSQL 14's manual; `src/backend/commands/copyto.c`.
 */
import type { Batch, RowHead } from "../batch/batch.ts";
import type { TableLayout } from "../batch/column.ts";
import { identifier, type Table, tableName } from "../catalog/catalog.ts";
import { Fault } from "../errors.ts";
import { END, FULL, type Input, type RowDecoder, type Stop } from "./decoder.ts";
import {
  type ColumnDecoder,
  columnDecoders,
  EXPANSION_MAX,
  hasBinary,
  putBinary,
  putText,
} from "./values.ts";
import { badValue } from "./fault.ts";

const SIGNATURE_BYTES = 11;

/**
 * The column list for `COPY (SELECT …)`: what the decoder can't read in binary goes as text, by the
 * type's own output function, as in the stream. A cast would not do: `'::1'::inet::text` is
 * `::1/128`. And `IS NULL` would not do for a composite value whose fields are all NULL.
 */
export function copyColumns(table: Table): string {
  return table.columns
    .map((column) => {
      const name = identifier(column.name);
      if (hasBinary(column)) return name;
      return `CASE WHEN ${name} IS DISTINCT FROM NULL THEN format('%s', ${name}) END`;
    })
    .join(", ");
}

/** Decodes one table's COPY. `head` is the same for all rows: the snapshot's. */
export class CopyDecoder implements RowDecoder {
  readonly #columns: ColumnDecoder[];
  readonly #binary: boolean[];
  #headerSeen = false;

  constructor(readonly layout: TableLayout, private readonly head: RowHead) {
    this.#columns = columnDecoders(layout);
    this.#binary = layout.table.columns.map(hasBinary);
  }

  /** Decodes whole CopyData messages; rows are numbered from `seq.next` on. */
  decode(input: Input, batch: Batch, seq: { next: number }): Stop {
    const { view } = input;
    while (input.at < input.end) {
      const length = view.getInt32(input.at + 1);
      const end = input.at + 1 + length;
      let at = input.at + 5;
      if (!this.#headerSeen) {
        at += SIGNATURE_BYTES + 4;
        at += 4 + view.getInt32(at);
      }
      if (at < end && view.getInt16(at) !== -1) {
        // A batch that could not take the row must find the header again.
        const stop = this.#row(input, at, end, batch, seq);
        if (stop !== undefined) return stop;
      }
      this.#headerSeen = true;
      input.at = end;
    }
    return END;
  }

  #row(
    input: Input,
    at: number,
    end: number,
    batch: Batch,
    seq: { next: number },
  ): Stop | undefined {
    const { layout } = this;
    const bytes = (end - at) * (layout.mayExpand ? EXPANSION_MAX : 1);
    if (!batch.reserve(layout, 1, bytes)) {
      if (batch.rows > 0) return FULL;
      batch.enlarge(layout, 1, bytes);
      batch.reserve(layout, 1, bytes);
    }
    const tuple = at;
    const mark = batch.mark;
    const chunk = batch.beginRow(layout);
    const { view } = input;
    let column: ColumnDecoder | undefined;
    try {
      const fields = view.getInt16(at);
      at += 2;
      if (fields !== this.#columns.length) return this.#protocol(`${fields} fields`);
      for (let i = 0; i < fields; i++) {
        column = this.#columns[i];
        const size = view.getInt32(at);
        at += 4;
        if (size === -1) batch.putNull(chunk, column.at, chunk.rows, column.isString);
        else {
          if (this.#binary[i]) {
            putBinary(batch, chunk, chunk.rows, column, input.bytes, view, at, at + size);
          } else putText(batch, chunk, chunk.rows, column, input.bytes, at, at + size);
          at += size;
        }
      }
      if (at !== end) return this.#protocol(`${end - at} bytes after the last field`);
    } catch (error) {
      const fault = badValue(error, layout, chunk, column, batch, (index) => {
        let field = tuple + 2;
        for (let i = 0; i < index; i++) field += 4 + Math.max(0, view.getInt32(field));
        const to = field + 4 + view.getInt32(field);
        const key = this.#columns[index];
        if (!this.#binary[index]) {
          putText(batch, chunk, chunk.rows, key, input.bytes, field + 4, to);
        } else putBinary(batch, chunk, chunk.rows, key, input.bytes, view, field + 4, to);
      });
      batch.abandonRow(layout, mark);
      return { kind: "fault", fault };
    }
    batch.endRow(layout, "r", seq.next++, this.head);
    return undefined;
  }

  #protocol(received: string): Stop {
    const fault = new Fault("protocol", {
      what: `a COPY row of ${tableName(this.layout.table)} is not as the catalogue says`,
      received,
      allowed: `${this.#columns.length} fields`,
      todo: "Start again: the table may have changed since its columns were read.",
    });
    return { kind: "fault", fault };
  }
}
