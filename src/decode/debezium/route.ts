/**
 * The short way from a record's slots to a batch's columns, for rows in which every value is written
 * as it is found. What needs a second look (a value that may be a placeholder, anything bad) makes it
 * give up, before the row has become part of the batch: then plan.ts has the say.
 */
import type { Batch, Chunk } from "../../batch/batch.ts";
import { META_COUNT, type TableLayout } from "../../batch/column.ts";
import { type ColumnReader } from "./column_reader.ts";
import type { Columns } from "./columns.ts";
import type { DebeziumHead } from "./head.ts";
import { putTimestampText } from "./instants.ts";
import { INTEGER, NULL, STRING } from "./json.ts";
import { putDecimal, putWhole } from "./numbers.ts";
import type { SchemaBlock } from "./schema_block.ts";
import type { Shape } from "./shape.ts";
import { putUuidWords } from "./uuid.ts";
import { putValue } from "./values.ts";

/** How a column's usual values are written. */
const Code = { other: 0, text: 1, uuid: 2, instant: 3, decimal: 4, whole: 5 } as const;

/** See the top of this file. One for all records of one shape and schema of a table. */
export class Route {
  readonly #readers: readonly ColumnReader[];
  readonly #codes: Uint8Array;
  /** Where each column's slot begins among those of its object; and which that is. */
  readonly #places: Int32Array;
  readonly #inKey: Uint8Array;
  /** The least and the greatest length of a placeholder; of columns that have none, none. */
  readonly #shortest: Int32Array;
  readonly #longest: Int32Array;
  /** Whether it can be taken at all. */
  readonly isOpen: boolean;

  constructor(
    private readonly layout: TableLayout,
    columns: Columns,
    private readonly rowShape: Shape,
    private readonly rowBlock: SchemaBlock | null,
    private readonly keyShape: Shape,
    private readonly keyBlock: SchemaBlock | null,
  ) {
    const inKey = columns.placesInKey(keyShape);
    const inRow = columns.placesInRow(rowShape);
    const ofKey = columns.keyReaders(keyBlock);
    const ofRow = columns.valueReaders(rowBlock);
    this.#readers = layout.table.columns.map((_, i) => (inKey[i] >= 0 ? ofKey : ofRow)[i]!);
    this.#inKey = Uint8Array.from(inKey, (place) => place >= 0 ? 1 : 0);
    this.#places = Int32Array.from(inKey, (place, i) => 3 * (place >= 0 ? place : inRow[i]));
    this.#codes = Uint8Array.from(this.#readers, codeOf);
    const lengths = this.#readers.map(({ toast, placeholders }) =>
      toast < 0 ? [] : placeholders.map(({ length }) => length)
    );
    this.#shortest = Int32Array.from(lengths, (each) => Math.min(...each, 0x7fff_ffff));
    this.#longest = Int32Array.from(lengths, (each) => Math.max(...each, -1));
    this.isOpen = !this.#readers.some(({ isRendered }) => isRendered);
  }

  /** Whether a record takes it. */
  isOf(head: DebeziumHead): boolean {
    return head.after.shape === this.rowShape && head.key.shape === this.keyShape &&
      head.valueSchema === this.rowBlock && head.keySchema === this.keyBlock;
  }

  /**
   * Writes the row begun last; false: it gave up. Throws what `putValue` throws.
   */
  write(
    head: DebeziumHead,
    value: Uint8Array,
    key: Uint8Array,
    batch: Batch,
    chunk: Chunk,
  ): boolean {
    const codes = this.#codes;
    const readers = this.#readers;
    const isUpdate = head.op === "u";
    const row = chunk.rows;
    const { data } = chunk;
    const rowSlots = head.after.slots;
    const keySlots = head.key.slots;
    for (let i = 0; i < codes.length; i++) {
      const isKey = this.#inKey[i] === 1;
      const slots = isKey ? keySlots : rowSlots;
      const source = isKey ? key : value;
      const place = this.#places[i];
      const start = slots[place];
      const stop = slots[place + 1];
      const kind = slots[place + 2];
      const at = META_COUNT + i;
      if (kind === NULL) {
        batch.putNull(chunk, at, row, this.layout.columns[at].isString);
        continue;
      }
      if (kind === STRING) {
        const length = stop - start;
        const mayBe = isUpdate && length >= this.#shortest[i] && length <= this.#longest[i];
        switch (codes[i]) {
          case Code.text:
            if (mayBe) return false;
            batch.putString(chunk, at, row, source, start, stop);
            continue;
          case Code.uuid: {
            const view = isKey ? head.keyView : head.valueView;
            putUuidWords(batch, data[at] + row * 16, view, source.byteOffset + start, length);
            continue;
          }
          case Code.instant:
            putTimestampText(batch, data[at] + row * 8, source, start, stop);
            continue;
          case Code.decimal: {
            const { width, type, scale } = readers[i];
            if (type.kind !== "decimal" || mayBe) return false;
            const to = data[at] + row * width;
            putDecimal(batch, to, width, type.width, scale, source, start, stop);
            continue;
          }
        }
        if (mayBe) return false;
      } else if (kind === INTEGER && codes[i] === Code.whole) {
        const { width } = readers[i];
        putWhole(batch, data[at] + row * width, width, source, start, stop);
        continue;
      } else if (kind > STRING && readers[i].toast >= 0 && isUpdate) return false;
      putValue(batch, chunk, row, readers[i], source, start, stop, kind);
    }
    return true;
  }
}

function codeOf({ kind, form }: ColumnReader): number {
  switch (kind) {
    case "text":
      return Code.text;
    case "uuid":
      return Code.uuid;
    case "timestamp":
    case "timestamptz":
      return Code.instant;
    case "decimal":
      return form.kind === "plain" ? Code.decimal : Code.other;
    case "int2":
    case "int4":
    case "int8":
      return Code.whole;
  }
  return Code.other;
}
