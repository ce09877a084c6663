/**
 * A table's columns as its records show them: where each is in an object of some shape, and how its
 * values are read under some schema. Both are found out once for each shape and schema, and compared
 * with what the table was made for.
 */
import type { TableLayout } from "../../batch/column.ts";
import { tableName } from "../../catalog/catalog.ts";
import { schemaChanged } from "../relation.ts";
import { type ColumnReader, columnReaders, type DebeziumOptions } from "./column_reader.ts";
import { typeDifferences } from "./compatible.ts";
import { Malformed } from "./json.ts";
import type { SchemaBlock } from "./schema_block.ts";
import type { Shape } from "./shape.ts";

/** Shapes and schemas that are remembered of one table. */
const REMEMBERED_MAX = 64;

type Readers = readonly (ColumnReader | undefined)[];

/** See the top of this file. */
export class Columns {
  /** Of each column, whether it is part of the key. */
  readonly inKey: readonly boolean[];
  /** Whether the last update had a `before`, as with REPLICA IDENTITY FULL; null: none was seen. */
  isFull: boolean | null = null;
  readonly keyNames: ReadonlySet<string>;
  readonly #rows = new Map<Shape, Int32Array>();
  readonly #keys = new Map<Shape, Int32Array>();
  readonly #valueReaders = new Map<SchemaBlock | null, Readers>();
  readonly #keyReaders = new Map<SchemaBlock | null, Readers>();
  #lastRow: { shape: Shape; places: Int32Array } | undefined;
  #lastKey: { shape: Shape; places: Int32Array } | undefined;

  constructor(readonly layout: TableLayout, private readonly options: DebeziumOptions) {
    const { table } = layout;
    this.inKey = table.columns.map((_, i) => table.key.includes(i));
    this.keyNames = new Set(table.key.map((i) => table.columns[i].name));
  }

  /** Of each column, its place in a row of this shape. Throws a `schema-changed` fault. */
  placesInRow(shape: Shape): Int32Array {
    if (this.#lastRow?.shape === shape) return this.#lastRow.places;
    const places = remember(this.#rows, shape, () => this.#findRow(shape));
    this.#lastRow = { shape, places };
    return places;
  }

  /** Of each column, its place in a key of this shape; −1: it is no part of it. */
  placesInKey(shape: Shape): Int32Array {
    if (this.#lastKey?.shape === shape) return this.#lastKey.places;
    const places = remember(this.#keys, shape, () => this.#findKey(shape));
    this.#lastKey = { shape, places };
    return places;
  }

  /** How the values of rows under this schema are read. */
  valueReaders(block: SchemaBlock | null): Readers {
    return remember(this.#valueReaders, block, () => this.#readers(block, "value"));
  }

  /** How a key's values under this schema are read. */
  keyReaders(block: SchemaBlock | null): Readers {
    return remember(this.#keyReaders, block, () => this.#readers(block, "key"));
  }

  #readers(block: SchemaBlock | null, part: "key" | "value"): Readers {
    const fields = block?.columns(part) ?? null;
    if (fields !== null) {
      const { table } = this.layout;
      const lost = table.columns.find(({ name }, i) =>
        (part === "value" || this.inKey[i]) && !fields.some(({ field }) => field === name)
      );
      if (lost !== undefined) throw new Malformed(`a schema without the column ${lost.name}`);
      const differences = typeDifferences(table, fields);
      if (differences.length > 0) throw schemaChanged(tableName(table), differences);
    }
    return columnReaders(this.layout, fields, this.options);
  }

  #findRow(shape: Shape): Int32Array {
    const { table } = this.layout;
    const differences: string[] = [];
    for (const { name } of table.columns) {
      if (shape.indexOf(name) < 0) differences.push(`column ${name} is gone`);
    }
    for (const name of shape.names()) {
      if (!table.columns.some((column) => column.name === name)) {
        differences.push(`column ${name} is new`);
      }
    }
    if (differences.length > 0) throw schemaChanged(tableName(table), differences);
    return Int32Array.from(table.columns, ({ name }) => shape.indexOf(name));
  }

  #findKey(shape: Shape): Int32Array {
    const { table } = this.layout;
    const before = table.key.map((i) => table.columns[i].name);
    const now = shape.names();
    if (now.toSorted().join() !== before.toSorted().join()) {
      throw schemaChanged(tableName(table), [
        `its key was (${before.join(", ")}) and is now (${now.join(", ")})`,
      ]);
    }
    return Int32Array.from(table.columns, ({ name }) => shape.indexOf(name));
  }
}

function remember<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    if (known.size === REMEMBERED_MAX) known.clear();
    known.set(key, value);
  }
  return value;
}
