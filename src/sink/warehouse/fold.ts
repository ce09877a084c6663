/**
 * Folding: what a change log has beyond its table's base (its tail, see tables.ts) is brought into
 * the base, in bulk. Rows of every key that was changed go, then the last version of each comes.
 * There is no primary key index: deleting by hash join is faster, and DuckDB's indexes refuse a key
 * that is deleted and inserted again in one transaction.
 *
 * No statement is prepared ahead. DuckDB 1.5.5 plans with the statistics of the moment, and runs a
 * plan that was kept after they have changed: a prepared `WHERE id = 1000` does not find a row that
 * came after it.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Batch, Segment } from "../../batch/batch.ts";
import { META, type TableLayout } from "../../batch/column.ts";
import { literal, type Table } from "../../catalog/catalog.ts";
import {
  baseTable,
  columnList,
  createView,
  keyList,
  logTable,
  sameKey,
  selectCurrent,
  selectLast,
} from "./tables.ts";

/** A tail is folded, between commits, when it has more changes than this, or than this part of its
 * base's rows: a fold looks at all keys of the base, however few have changed… */
const TAIL_ROWS_ENOUGH = 10_000;
const TAIL_PART_ENOUGH = 0.02;
/** …after commits of so small a part of that already a quarter of it, since what arrives waits while
 * a fold is made… */
const SMALL_PART = 1 / 64;
const SMALL_ENOUGH_PART = 1 / 4;
/** …and inside the commit that would make it so much longer: readers pay for it. */
const TAIL_MAX = 3;

/** How far a table's base goes, and what is behind it. */
class Tail {
  /** Changes in it, and how many of them may be of a key that the base has. */
  rows = 0;
  rowsOfStored = 0;
  /** How many of them the last batch brought. */
  rowsLately = 0;
  /** Rows of the base. */
  baseRows = 0;
  /** The view in the file is of an older base. */
  isViewStale = false;

  constructor(public foldedSeq: number) {}

  copy(): Tail {
    return Object.assign(new Tail(this.foldedSeq), this);
  }

  /** How many changes are worth a fold. */
  get enough(): number {
    return Math.max(TAIL_ROWS_ENOUGH, this.baseRows * TAIL_PART_ENOUGH);
  }

  /** Whether there are as many, between commits. */
  get isDue(): boolean {
    const { enough } = this;
    const isSmall = this.rowsLately < enough * SMALL_PART;
    return this.rows > (isSmall ? enough * SMALL_ENOUGH_PART : enough);
  }

  clear(foldedSeq: number): void {
    this.rows = this.rowsOfStored = 0;
    this.foldedSeq = foldedSeq;
  }
}

/** See the top of this file. Follows the sink's transaction: `commit` or `abort` ends what it did. */
export class Folder {
  #tails = new Map<TableLayout, Tail>();
  /** As it was before the transaction, of those that it changed. */
  #before = new Map<TableLayout, Tail | undefined>();
  /** Rows that are created or read may be of a key that is there: so it is with topics, where a
   * snapshot may come again, and deletes may be missing. */
  mayRepeat = false;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly run: (sql: string) => Promise<number>,
  ) {}

  /** Forgets all tables; new ones become known when they are written to. */
  replace(): void {
    for (const [layout, tail] of this.#tails) this.#before.set(layout, tail);
    this.#tails = new Map();
  }

  /** Learns the state of tables that are in the file. */
  async load(layouts: readonly TableLayout[]): Promise<void> {
    this.#tails.clear();
    for (const layout of layouts) {
      const { schema, name } = layout.table;
      const [[folded] = ["0"]] = await this.#rows(
        `SELECT seq::VARCHAR FROM _sluice.folds WHERE schema = ${literal(schema)} ` +
          `AND name = ${literal(name)}`,
      );
      const tail = new Tail(Number(folded));
      const [[rows, stored]] = await this.#rows(
        `SELECT count(*)::VARCHAR, count(*) FILTER (WHERE ${this.#mayBeStored})::VARCHAR ` +
          `FROM ${logTable(layout.table)} WHERE _seq > ${folded}`,
      );
      const [[base]] = await this.#rows(`SELECT count(*)::VARCHAR FROM ${baseTable(layout.table)}`);
      tail.baseRows = Number(base);
      tail.rows = Number(rows);
      tail.rowsOfStored = Number(stored);
      this.#tails.set(layout, tail);
    }
  }

  /** A SELECT of a table's current rows, as of now in the transaction. */
  current(layout: TableLayout): string {
    return selectCurrent(layout.table, this.#tail(layout).foldedSeq);
  }

  /**
   * Takes note of a segment that was just written to the change log, and folds it if it is large.
   * `isNew`: no row of it was there before, as in a snapshot, so that it need not be a tail at all.
   */
  async wrote(batch: Batch, segment: Segment, isNew: boolean): Promise<void> {
    const { layout, counts } = segment;
    const tail = this.#touch(layout);
    if (counts.t > 0) { // it is the first of its batch
      await this.run(`DELETE FROM ${baseTable(layout.table)}`);
      tail.baseRows = 0;
      tail.clear(firstSeq(batch, segment) - 1);
    }
    tail.rows += tail.rowsLately = segment.rows;
    tail.rowsOfStored += this.mayRepeat ? segment.rows - counts.t : counts.u + counts.d;
    if (isNew || counts.t > 0 || tail.rows > tail.enough * TAIL_MAX) {
      await this.#fold(layout, tail, lastSeq(batch, segment));
    }
  }

  /** The layout whose tail is worth folding between commits; with `idle`, any that has one. */
  due(idle: boolean): TableLayout | undefined {
    let due: TableLayout | undefined;
    let rows = 0;
    for (const [layout, tail] of this.#tails) {
      if (tail.rows > rows && (idle || tail.isDue)) [due, rows] = [layout, tail.rows];
    }
    return due;
  }

  /** Every table, and up to which `_seq` of its change log the base has it all. */
  folded(): { table: Table; untilSeq: number; mayRepeat: boolean }[] {
    const { mayRepeat } = this;
    return [...this.#tails].map(([{ table }, tail]) => {
      return { table, untilSeq: tail.foldedSeq, mayRepeat };
    });
  }

  /** Folds all of a tail, up to `seq`. */
  async fold(layout: TableLayout, seq: number): Promise<void> {
    await this.#fold(layout, this.#touch(layout), seq);
  }

  /** To be called in the transaction, before it is committed. */
  async beforeCommit(): Promise<void> {
    for (const [layout, tail] of this.#tails) {
      if (!tail.isViewStale) continue;
      const { schema, name } = layout.table;
      const updated = await this.run(
        `UPDATE _sluice.folds SET seq = ${tail.foldedSeq} WHERE schema = ${literal(schema)} ` +
          `AND name = ${literal(name)}`,
      );
      if (updated === 0) {
        await this.run(
          `INSERT INTO _sluice.folds VALUES (${literal(schema)}, ${
            literal(name)
          }, ${tail.foldedSeq})`,
        );
      }
      await this.run(createView(layout.table, tail.foldedSeq));
      tail.isViewStale = false;
    }
  }

  commit(): void {
    this.#before = new Map();
  }

  abort(): void {
    for (const [layout, tail] of this.#before) {
      if (tail === undefined) this.#tails.delete(layout);
      else this.#tails.set(layout, tail);
    }
    this.#before = new Map();
  }

  async #fold({ table }: TableLayout, tail: Tail, seq: number): Promise<void> {
    const { foldedSeq, rows, rowsOfStored } = tail;
    if (rowsOfStored > 0) {
      tail.baseRows -= await this.run(
        deleteChanged(table, foldedSeq, this.#mayBeStored, rowsOfStored),
      );
    }
    const last = rowsOfStored > 0 ? selectLast(table, foldedSeq) : selectNew(table, foldedSeq);
    const insert = `INSERT INTO ${baseTable(table)} (${columnList(table)}) ${last}`;
    if (rows > 0) tail.baseRows += await this.run(insert);
    tail.clear(seq);
    tail.isViewStale = true;
  }

  /** Which changes may be of a key that the base has. A source that is read from its log says so. */
  get #mayBeStored(): string {
    return this.mayRepeat ? "_op <> 't'" : "_op IN ('u', 'd')";
  }

  #tail(layout: TableLayout): Tail {
    const tail = this.#tails.get(layout) ?? new Tail(0);
    this.#tails.set(layout, tail);
    return tail;
  }

  /** The tail, remembered for `abort`. */
  #touch(layout: TableLayout): Tail {
    if (!this.#before.has(layout)) this.#before.set(layout, this.#tails.get(layout)?.copy());
    return this.#tail(layout);
  }

  async #rows(sql: string): Promise<string[][]> {
    return (await this.connection.runAndReadAll(sql)).getRowsJson() as string[][];
  }
}

/**
 * Deletes from the base what a tail changes. The LIMIT cuts nothing off; it tells the planner how
 * few rows there are, so that it builds its hash table on them and not on the base.
 */
function deleteChanged(table: Table, foldedSeq: number, which: string, rows: number): string {
  return `DELETE FROM ${baseTable(table)} AS b USING (SELECT ${keyList(table)} ` +
    `FROM ${logTable(table)} WHERE ${which} AND _seq > ${foldedSeq} LIMIT ${rows}) AS d ` +
    `WHERE ${sameKey(table, "b", "d")}`;
}

/** All rows of a tail in which every key is new. */
function selectNew(table: Table, foldedSeq: number): string {
  return `SELECT ${columnList(table)} FROM ${logTable(table)} ` +
    `WHERE _seq > ${foldedSeq} AND _op <> 't'`;
}

function firstSeq(batch: Batch, segment: Segment): number {
  return batch.numberAt(segment.chunks[0].data[META.seq]);
}

function lastSeq(batch: Batch, segment: Segment): number {
  const chunk = segment.chunks.findLast(({ rows }) => rows > 0)!;
  return batch.numberAt(chunk.data[META.seq] + (chunk.rows - 1) * 8);
}
