/**
 * The short way of a segment into the warehouse, for one that needs nothing filled in: its rows are
 * appended to the change log as they lie in the batch, and the current table is made from them.
 *
 * - Only rows that are new: appended to the current table as well, without any SQL.
 * - A small segment: the keys that were there go by one DELETE that finds them in the change log,
 *   and the last row of each key is appended.
 * - A large one: the same by SQL on the rows that the change log has just got.
 *
 * No statement is prepared ahead. DuckDB 1.5.5 plans with the statistics of the moment, and runs a
 * kept plan after they have changed: a prepared `WHERE id = 1000` finds no row that came after it.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Batch, Segment } from "../../batch/batch.ts";
import { META, META_COUNT, type TableLayout } from "../../batch/column.ts";
import { identifier, literal, type Table } from "../../catalog/catalog.ts";
import { type Appender, OP_TEXT, type Target } from "./append.ts";
import { LastRows, SMALL_ROWS_MAX } from "./last_rows.ts";
import { currentTable, logSchema, logTable } from "./merge.ts";

/** Our columns of a change log, and where they come from. */
const LOG_SOURCES = new Map([
  ["_op", OP_TEXT],
  ["_seq", META.seq],
  ["_lsn", META.lsn],
  ["_tx", META.tx],
  ["_at", META.at],
]);

/** Where a table's rows go. */
interface Targets {
  readonly current: Target;
  readonly log: Target;
}

/** See the top of this file. */
export class DirectWriter {
  readonly #lastRows = new LastRows();
  /** By layout; null: the table can't be appended to, since its columns are others. */
  readonly #targets = new WeakMap<TableLayout, Targets | null>();

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly appender: Appender,
    private readonly run: (sql: string) => Promise<unknown>,
  ) {}

  /** Applies `segment` and returns true, or does nothing and returns false: it needs the long way. */
  async write(batch: Batch, segment: Segment): Promise<boolean> {
    if (segment.hasUnchanged) return false;
    const targets = await this.#targetsOf(segment.layout);
    if (targets === null) return false;
    const { counts, layout } = segment;
    if (counts.t > 0) await this.run(`DELETE FROM ${currentTable(layout.table)}`);
    await this.appender.all(targets.log, batch, segment);
    const onlyNew = counts.u + counts.d + counts.t === 0;
    if (onlyNew) await this.appender.all(targets.current, batch, segment);
    else if (segment.rows <= SMALL_ROWS_MAX) await this.#small(targets, batch, segment);
    else await this.#large(batch, segment);
    return true;
  }

  async #small({ current }: Targets, batch: Batch, segment: Segment): Promise<void> {
    const last = this.#lastRows;
    last.find(batch, segment);
    if (last.hasStored) await this.run(deleteTouched(batch, segment));
    await this.appender.some(current, batch, segment, last.rows, last.kept);
  }

  async #large(batch: Batch, segment: Segment): Promise<void> {
    const { counts, layout: { table } } = segment;
    if (counts.u + counts.d > 0) await this.run(deleteTouched(batch, segment));
    const names = table.columns.map(({ name }) => identifier(name)).join(", ");
    const between = seqBetween(batch, segment);
    await this.run(
      `INSERT INTO ${currentTable(table)} (${names}) SELECT ${names} FROM ${logTable(table)} ` +
        `WHERE ${between} AND _op NOT IN ('d', 't') AND _seq IN (SELECT max(_seq) ` +
        `FROM ${logTable(table)} WHERE ${between} AND _op <> 't' GROUP BY ${keyOf(table)})`,
    );
  }

  /** Finds out how the columns lie in the file: a column that came later is the last in the log. */
  async #targetsOf(layout: TableLayout): Promise<Targets | null> {
    let targets = this.#targets.get(layout);
    if (targets !== undefined) return targets;
    const { schema, name, columns } = layout.table;
    const sources = new Map(columns.map((column, i) => [column.name, META_COUNT + i]));
    const current = await this.#target(schema, name, sources);
    const log = await this.#target(logSchema(schema), name, new Map([...sources, ...LOG_SOURCES]));
    // What a batch holds of an array is its JSON text, which only SQL makes an array of.
    const hasArrays = columns.some(({ type }) => type.kind === "array");
    targets = current === null || log === null || hasArrays ? null : { current, log };
    this.#targets.set(layout, targets);
    return targets;
  }

  /** The table as a target, or null when its columns are not exactly those of `sources`. */
  async #target(schema: string, name: string, sources: Map<string, number>) {
    const rows = (await this.connection.runAndReadAll(
      `SELECT column_name FROM duckdb_columns() WHERE database_name = current_database() ` +
        `AND schema_name = ${literal(schema)} AND table_name = ${literal(name)} ` +
        `ORDER BY column_index`,
    )).getRowsJson() as string[][];
    const found = rows.map(([column]) => sources.get(column));
    if (found.length !== sources.size || found.includes(undefined)) return null;
    return { schema, name, sources: found as number[] };
  }
}

/**
 * Deletes what is stored under the keys that the segment changes. The LIMIT cuts nothing off; it
 * tells the planner how few rows there are, so that it doesn't build its hash table on the others.
 */
function deleteTouched(batch: Batch, segment: Segment): string {
  const { counts, layout: { table } } = segment;
  const match = table.key
    .map((i) => identifier(table.columns[i].name))
    .map((column) => `t.${column} = d.${column}`)
    .join(" AND ");
  return `DELETE FROM ${currentTable(table)} AS t USING (SELECT ${keyOf(table)} ` +
    `FROM ${logTable(table)} WHERE ${seqBetween(batch, segment)} AND _op IN ('u', 'd') ` +
    `LIMIT ${counts.u + counts.d}) AS d WHERE ${match}`;
}

function keyOf(table: Table): string {
  return table.key.map((i) => identifier(table.columns[i].name)).join(", ");
}

/** A condition that holds for the segment's rows in the change log, and for no others. */
function seqBetween(batch: Batch, segment: Segment): string {
  const chunks = segment.chunks.filter(({ rows }) => rows > 0);
  const [first, last] = [chunks[0], chunks[chunks.length - 1]];
  const from = batch.numberAt(first.data[META.seq]);
  const to = batch.numberAt(last.data[META.seq] + (last.rows - 1) * 8);
  return `_seq BETWEEN ${from} AND ${to}`;
}
