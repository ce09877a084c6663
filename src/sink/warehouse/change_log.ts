/**
 * Writes a segment into its table's change log: appended as it lies in the batch where that is
 * possible, else by a delta and SQL (merge.ts).
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Batch, Segment } from "../../batch/batch.ts";
import { META, META_COUNT, type TableLayout } from "../../batch/column.ts";
import { literal, type Table, tableName } from "../../catalog/catalog.ts";
import { Fault } from "../../errors.ts";
import { Appender, OP_TEXT, type Target } from "./append.ts";
import { isTextList } from "./list.ts";
import { createDelta, cutRow, logDelta } from "./merge.ts";
import { logSchema } from "./tables.ts";

/** Our columns of a change log, and where they come from. */
const LOG_SOURCES = new Map([
  ["_op", OP_TEXT],
  ["_seq", META.seq],
  ["_lsn", META.lsn],
  ["_tx", META.tx],
  ["_at", META.at],
]);

const DELTA = "delta";

/** See the top of this file. */
export class ChangeLog {
  readonly #appender: Appender;
  /** By layout; null: only SQL can write to the table. */
  readonly #targets = new WeakMap<TableLayout, Target | null>();
  /** By layout: the temporary table of its rows as they came. */
  readonly #staging = new WeakMap<TableLayout, Target>();

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly run: (sql: string) => Promise<unknown>,
  ) {
    this.#appender = new Appender(connection);
  }

  /** Lets go of what is kept for the tables: before they are dropped, or the file is closed. */
  close(): void {
    this.#appender.close();
  }

  /** Appends all of `segment`. `current` gives a SELECT of the current rows before it. */
  async write(batch: Batch, segment: Segment, current: () => string): Promise<void> {
    const target = segment.hasUnchanged ? null : await this.#target(segment.layout);
    if (target !== null) return await this.#appender.append(target, batch, segment);
    await this.stage(DELTA, batch, segment);
    if (segment.isCut) await this.#assertOldRow(segment.layout.table);
    const statements = [...logDelta(segment, DELTA, current()), `DROP TABLE ${DELTA}`];
    await this.run(statements.join(";\n")); // one call: one way to DuckDB's thread
  }

  /** Throws when the row of the first row's old key, which was there when it was asked for, is gone:
   * a commit may have come in between, and retention with it. It is asked for again then. */
  async #assertOldRow(table: Table): Promise<void> {
    const found = await this.connection.runAndReadAll(cutRow(table, DELTA, "1"));
    if (found.currentRowCount > 0) return;
    throw new Fault("bad-value", {
      what:
        `a row of ${tableName(table)} whose key changed leaves values out as unchanged, and the ` +
        "change log no longer has the row of its old key",
      todo: "Sluice looks again by itself; else fill the warehouse again (--resnapshot).",
    });
  }

  /** Makes the temporary table `name` of `segment`'s rows as they came. */
  async stage(name: string, batch: Batch, segment: Segment): Promise<void> {
    const { layout } = segment;
    await this.run(createDelta(layout, name));
    let target = this.#staging.get(layout);
    if (target?.name !== name) {
      const sources = layout.columns.map((_, i) => i);
      this.#staging.set(layout, target = { catalog: "temp", schema: "main", name, sources });
    }
    await this.#appender.append(target, batch, segment);
  }

  /** Finds out how the columns lie in the file: one that came later is behind our own. */
  async #target(layout: TableLayout): Promise<Target | null> {
    const known = this.#targets.get(layout);
    if (known !== undefined) return known;
    const { name, columns } = layout.table;
    const schema = logSchema(layout.table.schema);
    const sources = new Map(LOG_SOURCES);
    columns.forEach((column, i) => sources.set(column.name, META_COUNT + i));
    const rows = (await this.connection.runAndReadAll(
      `SELECT column_name FROM duckdb_columns() WHERE database_name = current_database() ` +
        `AND schema_name = ${literal(schema)} AND table_name = ${literal(name)} ` +
        `ORDER BY column_index`,
    )).getRowsJson() as string[][];
    const found = rows.map(([column]) => sources.get(column));
    const isKnown = found.length === sources.size && !found.includes(undefined);
    // What a batch holds of an array is its JSON text, of which most types need SQL to make a list.
    const needsSql = columns.some(({ type }) => type.kind === "array" && !isTextList(type));
    const lists = columns.flatMap(({ type }, i) => isTextList(type) ? [META_COUNT + i] : []);
    const target = isKnown && !needsSql
      ? { schema, name, sources: found as number[], lists, stays: true as const }
      : null;
    this.#targets.set(layout, target);
    return target;
  }
}
