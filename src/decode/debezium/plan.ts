/** Where each value of one row comes from. Made for a record, then written; used again for each. */
import { GIVEN, KEPT } from "../../batch/batch.ts";
import type { KafkaRecord } from "../decoder.ts";
import { schemaChanged } from "../relation.ts";
import { tableName } from "../../catalog/catalog.ts";
import { isEvident } from "./before.ts";
import type { ColumnReader } from "./column_reader.ts";
import type { Columns } from "./columns.ts";
import type { Fields } from "./fields.ts";
import type { DebeziumHead } from "./head.ts";
import { NULL, STRING } from "./json.ts";
import { isPlaceholder } from "./placeholder.ts";
import { render } from "./render.ts";

/** Where a value is. */
export const From = {
  null: 0,
  /** Nowhere: it keeps its stored value. */
  unchanged: 1,
  key: 2,
  value: 3,
  /** In the value of the record of a changed key's old half. */
  old: 4,
  scratch: 5,
} as const;

/** JSON that is kept as it is takes its quotes along. */
const QUOTES = 2;

const NONE = new Uint8Array(0);
const encoder = new TextEncoder();

/** See the top of this file. */
export class Plan {
  /** Of each column. */
  readonly from: Uint8Array;
  readonly starts: Int32Array;
  readonly stops: Int32Array;
  readonly kinds: Uint8Array;
  /** By {@linkcode From}: the bytes that the offsets are into, and how the columns are read. */
  readonly sources: Uint8Array[] = [NONE, NONE, NONE, NONE, NONE, NONE];
  readonly readers: (readonly (ColumnReader | undefined)[])[] = [[], [], [], [], [], []];
  /** Texts that were made. */
  scratch = new Uint8Array(1024);
  #scratchUsed = 0;
  /** At most so many bytes of long strings the row takes in a batch. */
  bytes = 0;
  hasUnchanged = false;
  /** One ASCII character each toastable column: `1` for unchanged. */
  readonly flags: Uint8Array;
  /** The column that is being looked at; −1: none yet. */
  column = -1;

  constructor(private readonly columns: Columns) {
    const count = columns.layout.table.columns.length;
    this.from = new Uint8Array(count);
    this.starts = new Int32Array(count);
    this.stops = new Int32Array(count);
    this.kinds = new Uint8Array(count);
    this.flags = new Uint8Array(columns.layout.toastable.length);
  }

  /**
   * Plans the row of a record of op c, u, r or d. `mayOmit`: placeholders in it stand for unchanged
   * values; they may then be in `old`, the record of the same row's old key. Throws `Fault`s,
   * `BadValue`s, `BadForm`s and `Malformed`s; `column` is then what they are about.
   */
  make(
    record: KafkaRecord,
    head: DebeziumHead,
    mayOmit: boolean,
    old: KafkaRecord | null,
    oldHead: DebeziumHead | null,
  ): void {
    const { columns } = this;
    const { table } = columns.layout;
    this.column = -1;
    this.hasUnchanged = false;
    this.#scratchUsed = 0;
    if (record.key === null || !head.key.isPresent) {
      const key = table.key.map((i) => table.columns[i].name).join(", ");
      throw schemaChanged(tableName(table), [`its key was (${key}) and its records have none`]);
    }
    const value = record.value?.bytes ?? NONE;
    this.sources[From.key] = record.key.bytes;
    this.sources[From.value] = value;
    this.readers[From.key] = columns.keyReaders(head.keySchema);
    this.readers[From.value] = columns.valueReaders(head.valueSchema);
    const inKey = columns.placesInKey(head.key.shape);
    const { before, after } = head;
    let row: Fields | null = after;
    if (head.op === "d") row = this.#isRow(value, head) ? before : null;
    if (head.op === "u") columns.isFull = before.isPresent;
    const inRow = row === null ? null : columns.placesInRow(row.shape);
    this.bytes = record.key.length + (row === null ? 0 : row.stop - row.start);
    const count = table.columns.length;
    for (let i = 0; i < count; i++) {
      this.column = i;
      if (inKey[i] >= 0) this.#take(i, From.key, head.key, inKey[i]);
      else if (row === null) this.from[i] = From.null;
      else {
        this.#take(i, From.value, row, inRow![i]);
        if (mayOmit && this.#isPlaceholder(i)) {
          const found = this.#takeOld(i, From.value, value, head) ||
            oldHead !== null && this.#takeFrom(i, old!, oldHead);
          if (!found) this.#omit(i);
        }
      }
      const reader = this.readers[this.from[i]][i];
      if (reader !== undefined && reader.isRendered) this.#render(i, reader);
    }
    this.column = -1;
  }

  /** Plans a row of which only the key's columns are written. Throws as {@linkcode make} does. */
  makeKey(record: KafkaRecord, head: DebeziumHead): void {
    const { columns } = this;
    this.column = -1;
    this.hasUnchanged = false;
    this.#scratchUsed = 0;
    this.sources[From.key] = record.key?.bytes ?? NONE;
    this.readers[From.key] = columns.keyReaders(head.keySchema);
    const inKey = columns.placesInKey(head.key.shape);
    this.bytes = record.key?.length ?? 0;
    for (let i = 0; i < inKey.length; i++) {
      this.column = i;
      this.from[i] = From.null;
      if (inKey[i] < 0) continue;
      this.#take(i, From.key, head.key, inKey[i]);
      const reader = this.readers[From.key][i];
      if (reader !== undefined && reader.isRendered) this.#render(i, reader);
    }
    this.column = -1;
  }

  /** Whether `before` is the row as it was. */
  #isRow(source: Uint8Array, head: DebeziumHead): boolean {
    const { before } = head;
    if (!before.isPresent) return false;
    const { columns } = this;
    const { identity } = columns.layout.table;
    if (identity !== "unknown") return identity === "full";
    if (columns.isFull !== null) return columns.isFull;
    return isEvident(source, before, columns.keyNames, head.valueSchema?.columns("value") ?? null);
  }

  #take(column: number, from: number, fields: Fields, place: number): void {
    const kind = fields.kindOf(place);
    this.from[column] = kind === NULL ? From.null : from;
    this.starts[column] = fields.startOf(place);
    this.stops[column] = fields.stopOf(place);
    this.kinds[column] = kind;
  }

  /** Takes a column's value from the old record of a changed key, if its `before` has it. */
  #takeFrom(column: number, old: KafkaRecord, head: DebeziumHead): boolean {
    const value = old.value?.bytes ?? NONE;
    this.sources[From.old] = value;
    this.readers[From.old] = this.columns.valueReaders(head.valueSchema);
    return this.#takeOld(column, From.old, value, head);
  }

  /** Takes a column's value from `before`, if it is a row and has it. */
  #takeOld(column: number, from: number, source: Uint8Array, head: DebeziumHead): boolean {
    if (!this.#isRow(source, head)) return false;
    const { before } = head;
    const place = this.columns.placesInRow(before.shape)[column];
    if (before.kindOf(place) === NULL) return false;
    const [start, stop, kind] = [this.starts[column], this.stops[column], this.kinds[column]];
    const was = this.from[column];
    this.#take(column, from, before, place);
    if (!this.#isPlaceholder(column)) {
      this.bytes += this.stops[column] - this.starts[column] + QUOTES;
      return true;
    }
    this.from[column] = was;
    this.starts[column] = start;
    this.stops[column] = stop;
    this.kinds[column] = kind;
    return false;
  }

  #omit(column: number): void {
    if (!this.hasUnchanged) this.flags.fill(GIVEN);
    this.hasUnchanged = true;
    this.flags[this.readers[From.value][column]!.toast] = KEPT;
    this.from[column] = From.unchanged;
  }

  /** Whether the value that was taken says that it did not change. */
  #isPlaceholder(column: number): boolean {
    const from = this.from[column];
    if (from === From.null) return false;
    const reader = this.readers[from][column]!;
    const { starts, stops, kinds } = this;
    return isPlaceholder(
      reader,
      this.sources[from],
      starts[column],
      stops[column],
      kinds[column],
    );
  }

  #render(column: number, reader: ColumnReader): void {
    const from = this.from[column];
    const isText = this.kinds[column] === STRING && reader.form.kind === "numeric";
    if (isText && isPlainDecimal(this.sources[from], this.starts[column], this.stops[column])) {
      return;
    }
    const text = render(
      reader,
      this.sources[from],
      this.starts[column],
      this.stops[column],
      this.kinds[column],
    );
    const room = this.#scratchUsed + text.length * 3;
    if (room > this.scratch.length) {
      const wider = new Uint8Array(room * 2);
      wider.set(this.scratch.subarray(0, this.#scratchUsed));
      this.scratch = wider;
    }
    const { written } = encoder.encodeInto(text, this.scratch.subarray(this.#scratchUsed));
    this.from[column] = From.scratch;
    this.starts[column] = this.#scratchUsed;
    this.#scratchUsed += written;
    this.stops[column] = this.#scratchUsed;
    this.bytes += written;
  }
}

/** Whether a decimal's text is already as PostgreSQL writes it. */
function isPlainDecimal(source: Uint8Array, start: number, stop: number): boolean {
  let at = source[start] === 0x2d ? start + 1 : start;
  const whole = at;
  while (at < stop && source[at] >= 0x30 && source[at] <= 0x39) at++;
  if (at === whole) return false;
  if (at === stop) return true;
  if (source[at++] !== 0x2e || at === stop) return false;
  while (at < stop && source[at] >= 0x30 && source[at] <= 0x39) at++;
  return at === stop;
}
