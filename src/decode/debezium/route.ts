/**
 * The short way from a record's slots to a batch's columns, for rows in which every value is written
 * as it is found. A placeholder, or anything bad, makes it give up, before the row has become part of
 * the batch: then plan.ts has the say.
 */
import type { Batch, Chunk } from "../../batch/batch.ts";
import { META_COUNT, type TableLayout } from "../../batch/column.ts";
import type { Columns } from "./columns.ts";
import { compileWrite, type Way, type Write } from "./compiled_write.ts";
import { compiling } from "./compiling.ts";
import type { DebeziumHead } from "./head.ts";
import { NULL } from "./json.ts";
import { isPlaceholder } from "./placeholder.ts";
import type { SchemaBlock } from "./schema_block.ts";
import type { Shape } from "./shape.ts";
import { putValue } from "./values.ts";

/** See the top of this file. One for all records of one shape and schema of a table. */
export class Route {
  readonly #ways: readonly Way[];
  /** Records that have taken it. */
  #uses = 0;
  #compiled: Write | undefined;
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
    this.#ways = layout.table.columns.map((_, i): Way => {
      const isKey = inKey[i] >= 0;
      const reader = (isKey ? ofKey : ofRow)[i]!;
      const lengths = reader.toast < 0 ? [] : reader.placeholders.map(({ length }) => length);
      return {
        reader,
        isKey,
        slot: 3 * (isKey ? inKey : inRow)[i],
        shortest: Math.min(...lengths, 0x7fff_ffff),
        longest: Math.max(...lengths, -1),
      };
    });
    this.isOpen = !this.#ways.some(({ reader }) => reader.isRendered);
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
    if (this.#compiled !== undefined) return this.#compiled(head, value, key, batch, chunk);
    if (++this.#uses === compiling.afterRecords) {
      this.#compiled = compileWrite(this.layout, this.#ways);
    }
    const isUpdate = head.op === "u";
    for (let i = 0; i < this.#ways.length; i++) {
      const { reader, isKey, slot } = this.#ways[i];
      const { slots } = isKey ? head.key : head.after;
      const start = slots[slot];
      const stop = slots[slot + 1];
      const kind = slots[slot + 2];
      if (kind === NULL) {
        const at = META_COUNT + i;
        batch.putNull(chunk, at, chunk.rows, this.layout.columns[at].isString);
        continue;
      }
      const source = isKey ? key : value;
      if (isUpdate && isPlaceholder(reader, source, start, stop, kind)) return false;
      putValue(batch, chunk, chunk.rows, reader, source, start, stop, kind);
    }
    return true;
  }
}
