/** The warehouse as a sink: see sink.ts for the contract, tables.ts for what is kept. */
import assert from "node:assert/strict";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import type { Batch } from "../../batch/batch.ts";
import { TableLayout } from "../../batch/column.ts";
import { literal, type Table, tableName } from "../../catalog/catalog.ts";
import { Fault } from "../../errors.ts";
import { logger } from "../../log.ts";
import { formatLsn, type Position } from "../../source/position.ts";
import type { Sink, SinkState, SnapshotOrigin } from "../sink.ts";
import { ChangeLog } from "./change_log.ts";
import { Folder } from "./fold.ts";
import { insertLetters } from "./letters.ts";
import { diskFull, FILE_NAME, isDiskFull, type OpenOptions, openWarehouse } from "./open.ts";
import { deletedRow } from "./merge.ts";
import { appliedSql, originalsSql } from "./recognise.ts";
import { Retention } from "./retention.ts";
import { SnapshotNote } from "./snapshot_note.ts";
import { fatal, Statements, warehouseFault } from "./statements.ts";
import { createTables, dropTables } from "./tables.ts";
import { Questions, Vacuum } from "./vacuum.ts";

/**
 * The write-ahead log of the warehouse is folded into its file when it is larger than this: commits
 * wait meanwhile, some 10 ms and 8 ms more for each MB…
 */
const WAL_BYTES_ENOUGH = 4 * 1024 * 1024;
/** …but not so soon after the last time, in ms, unless it is larger than this, or than this part of
 * DuckDB's memory, which holds until then what was appended. */
const CHECKPOINT_MS_MIN = 2500;
const WAL_BYTES_MAX = 128 * 1024 * 1024;
const WAL_PART_MAX = 1 / 3;

/** How large it is is looked at so often at most: the next commit waits for the answer. */
const LOOK_MS_MIN = 100;

/** A transaction is large in memory with rows of more bytes than this, on average in a batch, or with
 * more tables: each has blocks of its own. */
const LARGE_ROW_BYTES = 128 * 1024;
const LARGE_TABLES = 64;

/** No checkpoint with less room on the disk than this, and twice the write-ahead log. */
const ROOM_BYTES_MIN = 40 * 1024 * 1024;

const log = logger("warehouse");

/** What the warehouse needs of the settings and the budget. */
export interface WarehouseOptions extends OpenOptions {
  /** How old a change in the log may become; null, the default: as old as it gets. */
  retentionMs?: number | null;
  /** Told when a transaction turns out to be large in memory, before it is written, and after it. */
  onLarge?: (isLarge: boolean) => void;
}

/** See the top of this file. */
export class Warehouse implements Sink {
  /** The questions of those who read the file beside us. */
  readonly questions = new Questions();
  readonly #vacuum: Vacuum;
  #inTransaction = false;
  #layouts: TableLayout[] = [];
  #published: TableLayout[] = [];
  readonly #walFile: string;
  readonly #sql: Statements;
  readonly #log: ChangeLog;
  readonly #folder: Folder;
  /** The greatest `_seq` that is committed. */
  #seq = 0;
  /** A transaction was aborted, maybe in its commit: what the file holds must be read again. */
  #isUnsure = false;
  /** As `performance.now`: no clock that is set back puts off what is due. */
  #checkpointAtMs = -Infinity;
  #lookedAtMs = -Infinity;
  /** Tables written to since the last checkpoint, and how many columns their logs have in all. */
  readonly #written = new Set<TableLayout>();
  #writtenColumns = 0;
  /** The file's: what was appended takes two a column until a checkpoint (open.ts). */
  #blockBytes = 0;
  #retention: Retention | undefined;
  /** What is written belongs to a snapshot, so that no row of it was there before. */
  #isSnapshot = false;
  /** The one row of the position is there. */
  #hasPosition = false;
  readonly #note: SnapshotNote;
  /** The transaction is large in memory. */
  #isLarge = false;

  private constructor(
    readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    /** For questions beside a transaction of the first. */
    private readonly watcher: DuckDBConnection,
    private readonly options: WarehouseOptions,
  ) {
    this.#sql = new Statements(connection);
    this.#note = new SnapshotNote(this.#sql);
    this.#vacuum = new Vacuum(this.questions, (sql) => this.#sql.runPlain(sql));
    this.#walFile = join(options.dataDir, `${FILE_NAME}.wal`);
    if (options.retentionMs != null) {
      this.#retention = new Retention(
        options.retentionMs,
        (sql) => this.#sql.rows(sql),
        (sql) => this.#sql.run(sql),
      );
    }
    this.#log = new ChangeLog(connection, (sql) => this.#sql.run(sql));
    this.#folder = new Folder(connection, (sql) => this.#sql.run(sql));
  }

  /** Opens the file in `dataDir`. */
  static async open(options: WarehouseOptions): Promise<Warehouse> {
    const instance = await openWarehouse(options);
    const warehouse = new Warehouse(
      instance,
      await instance.connect(),
      await instance.connect(),
      options,
    );
    try {
      const [[bytes]] = await warehouse.#sql.rows("SELECT block_size FROM pragma_database_size()");
      warehouse.#blockBytes = Number(bytes);
      const { tables } = await warehouse.state();
      warehouse.#published = warehouse.#layouts = tables.map((table) => new TableLayout(table));
      await warehouse.#folder.load(warehouse.#layouts);
    } catch (error) {
      await warehouse.close();
      throw error;
    }
    return warehouse;
  }

  async state(): Promise<SinkState> {
    assert(!this.#inTransaction, "the state is read between transactions");
    const [position] = await this.#sql.rows("SELECT position, seq FROM _sluice.position");
    const tables = await this.#sql.rows(
      "SELECT definition FROM _sluice.tables ORDER BY schema, name",
    );
    const snapshot = await this.#note.read();
    const [[letters]] = await this.#sql.rows("SELECT count(*) FROM _sluice.dead_letters");
    const isWhole = position !== undefined && !this.#note.isThere;
    this.#hasPosition = position !== undefined;
    this.#seq = position === undefined ? 0 : Number(position[1]);
    const last: Position | null = position === undefined ? null : JSON.parse(position[0] as string);
    this.#folder.mayRepeat = last?.kind === "kafka";
    if (this.#isUnsure) await this.#folder.load(this.#layouts);
    this.#isUnsure = false;
    return {
      position: isWhole ? last : null,
      seq: this.#seq,
      tables: tables.map(([definition]) => JSON.parse(definition as string)),
      snapshot,
      letters: Number(letters),
    };
  }

  layouts(): readonly TableLayout[] {
    return this.#layouts;
  }

  async announceSnapshot(origin: SnapshotOrigin): Promise<void> {
    await this.#note.announce(origin);
  }

  async releaseSnapshot(): Promise<void> {
    await this.#note.release();
  }

  async withdrawSnapshot(): Promise<void> {
    await this.#note.withdraw();
  }

  async beginSnapshot(tables: readonly Table[]): Promise<TableLayout[]> {
    const before = (await this.state()).tables;
    this.#log.close();
    await this.#begin();
    for (const table of before) for (const sql of dropTables(table)) await this.#sql.run(sql);
    for (const name of ["tables", "folds", "retention", "dead_letters"]) {
      await this.#sql.run(`DELETE FROM _sluice.${name}`);
    }
    this.#retention?.restart();
    this.#folder.replace();
    this.#isSnapshot = true;
    this.#layouts = [];
    for (const table of tables) await this.#addTable(table);
    return this.#layouts;
  }

  async evolve(table: Table): Promise<TableLayout> {
    const held = this.#layouts.find((layout) => layout.name === tableName(table));
    if (held !== undefined) return held;
    if (!this.#inTransaction) await this.#begin();
    return await this.#addTable(table);
  }

  async recognise(batch: Batch): Promise<number[]> {
    const [segment] = batch.segments.values();
    if (segment === undefined) return [];
    if (!this.#inTransaction) await this.#begin();
    const delta = "recalled";
    await this.#log.stage(delta, batch, segment);
    const rows = await this.#sql.rows(originalsSql(segment.layout.table, delta));
    await this.#sql.run(`DROP TABLE ${delta}`);
    return rows.map(([, original]) => Number(original));
  }

  async hasDeleted(name: string, lsn: number, tx: number): Promise<boolean> {
    const layout = this.#layouts.find((layout) => layout.name === name);
    if (layout === undefined) return false;
    if (!this.#inTransaction) await this.#begin();
    const sql = deletedRow(layout.table, String(lsn), String(tx), "1");
    return (await this.#sql.rows(sql)).length > 0;
  }

  async appliedOf(txs: readonly number[], before: number): Promise<Set<number>> {
    const tables = this.#layouts.map((layout) => layout.table);
    if (tables.length === 0 || txs.length === 0) return new Set();
    const rows = await this.#sql.rows(appliedSql(tables, txs, before));
    return new Set(rows.map(([tx]) => Number(tx)));
  }

  async write(batch: Batch): Promise<void> {
    if (!this.#inTransaction) await this.#begin();
    const isLarge = batch.stringBytes > LARGE_ROW_BYTES * batch.rows ||
      batch.segments.size > LARGE_TABLES;
    if (isLarge && !this.#isLarge) this.options.onLarge?.(true);
    this.#isLarge ||= isLarge;
    for (const segment of batch.segments.values()) {
      if (segment.rows === 0) continue;
      try {
        await this.#log.write(batch, segment, () => this.#folder.current(segment.layout));
        await this.#folder.wrote(batch, segment, this.#isSnapshot);
        if (this.#written.has(segment.layout)) continue;
        this.#written.add(segment.layout);
        this.#writtenColumns += segment.layout.columns.length;
      } catch (error) {
        throw error instanceof Fault ? error : warehouseFault(error);
      }
    }
    if (batch.letters.length > 0) {
      await insertLetters(this.connection, batch.letters).catch((error) => {
        throw warehouseFault(error);
      });
    }
  }

  async commit(position: Position, seq: number, sourceTimeMs: number | null): Promise<void> {
    if (!this.#inTransaction) await this.#begin();
    const time = sourceTimeMs === null
      ? "NULL"
      : `make_timestamptz(${Math.round(sourceTimeMs * 1000)})`;
    await this.#note.clear();
    await this.#folder.beforeCommit();
    if (!this.#hasPosition) await this.#sql.run("INSERT INTO _sluice.position (id) VALUES (1)");
    await this.#commit(
      `UPDATE _sluice.position SET position = ${literal(JSON.stringify(position))}, ` +
        `lsn = ${literal(formatLsn(position.lsn))}, seq = ${seq}, source_time = ${time}, ` +
        "stored_at = now()",
    );
    this.#hasPosition = true;
    this.#folder.commit();
    this.#folder.mayRepeat = position.kind === "kafka";
    this.#seq = seq;
    this.#isSnapshot = false;
    this.#published = this.#layouts;
  }

  async abort(): Promise<void> {
    if (!this.#inTransaction) return;
    this.#ended();
    this.#isSnapshot = false;
    this.#layouts = this.#published;
    this.#folder.abort();
    this.#isUnsure = true;
    await this.connection.run("ROLLBACK").catch((error) => {
      // A commit that failed has rolled back already; anything else makes the next begin fail.
      log.debug("rollback: {error}", { error: String(error) });
    });
    this.#log.close(); // a table may have been made in vain
  }

  async maintain(idle: boolean): Promise<void> {
    assert(!this.#inTransaction, "housekeeping happens between transactions");
    await this.#foldDue(idle);
    await this.#retention?.maintain(Date.now(), () => this.#folder.folded());
    // What was appended to many tables since the last checkpoint fills DuckDB's memory as well.
    const isFull = 2 * this.#writtenColumns * this.#blockBytes > this.options.memoryBytes / 2;
    const nowMs = performance.now();
    if (!idle && !isFull && nowMs - this.#lookedAtMs < LOOK_MS_MIN) return;
    this.#lookedAtMs = nowMs;
    const bytes = await Deno.stat(this.#walFile).then((info) => info.size, () => 0);
    if (bytes < this.#walBytesEnough(idle, nowMs) && !isFull) return;
    const roomBytes = await this.#roomBytes(bytes);
    if (roomBytes === undefined) return;
    const plan = { nowMs, bytes, columns: this.#writtenColumns, roomBytes, isIdle: idle };
    try {
      await this.#vacuum.around(plan, () => this.#checkpoint(bytes));
    } catch (error) {
      if (error instanceof Fault) throw error;
      // A reader in mid-statement can stand in its way: it is tried again after the next commit.
      if (/FATAL Error|has been invalidated/.test(String(error))) throw fatal(String(error));
      if (isDiskFull(String(error))) throw diskFull(String(error));
      log.debug("checkpoint put off: {error}", { error: String(error) });
    }
  }

  /** From which size on the write-ahead log is worth a checkpoint. */
  #walBytesEnough(idle: boolean, nowMs: number): number {
    if (idle) return this.#vacuum.isWorthwhile ? 1 : WAL_BYTES_ENOUGH;
    const isSoon = nowMs - this.#checkpointAtMs < CHECKPOINT_MS_MIN;
    if (!isSoon) return WAL_BYTES_ENOUGH;
    return Math.min(WAL_BYTES_MAX, this.options.memoryBytes * WAL_PART_MAX);
  }

  /** Makes a checkpoint, if there is room still: the wait for it may have been long. Returns whether it did. */
  async #checkpoint(walBytes: number): Promise<boolean> {
    if (await this.#roomBytes(walBytes) === undefined) return false;
    this.#checkpointAtMs = performance.now();
    await this.connection.run("CHECKPOINT");
    this.#written.clear();
    this.#writtenColumns = 0;
    return true;
  }

  /**
   * How much room the disk has; undefined: not enough for a checkpoint. One that meets a full disk
   * makes DuckDB close its file for good; a commit that does is only rolled back, and waited for.
   */
  async #roomBytes(walBytes: number): Promise<number | undefined> {
    const { bavail, bsize } = await statfs(this.options.dataDir);
    const bytes = bavail * bsize;
    return bytes > 2 * walBytes + ROOM_BYTES_MIN ? bytes : undefined;
  }

  /** Folds one table's tail, if one is due. */
  async #foldDue(idle: boolean): Promise<void> {
    const layout = this.#folder.due(idle);
    if (layout === undefined) return;
    await this.#begin();
    await this.#folder.fold(layout, this.#seq);
    await this.#folder.beforeCommit();
    await this.#commit();
    this.#folder.commit();
  }

  async memoryBytes(): Promise<number> {
    const sql = "SELECT sum(memory_usage_bytes)::DOUBLE FROM duckdb_memory()";
    await this.watcher.run("BEGIN TRANSACTION READ ONLY");
    try {
      return (await this.watcher.runAndReadAll(sql)).getRowsJson()[0][0] as number;
    } finally {
      await this.watcher.run("ROLLBACK"); // no commit: see vacuum.ts
    }
  }

  async close(): Promise<void> {
    await this.abort();
    this.#log.close();
    this.connection.closeSync();
    this.watcher.closeSync();
    this.instance.closeSync();
  }

  async #addTable(table: Table): Promise<TableLayout> {
    for (const sql of createTables(table)) await this.#sql.run(sql);
    const [schema, name, definition] = [table.schema, table.name, JSON.stringify(table)]
      .map(literal);
    await this.#sql.run(`INSERT INTO _sluice.tables VALUES (${schema}, ${name}, ${definition})`);
    const layout = new TableLayout(table);
    this.#layouts = [...this.#layouts, layout];
    return layout;
  }

  async #begin(): Promise<void> {
    await this.#sql.runPlain("BEGIN TRANSACTION");
    this.#inTransaction = true;
  }

  /** Commits, after `last` if it is given: with both in one call, one way to DuckDB's thread. `last`
   * must return no rows: with some, the outcome of what comes after it would not be told. */
  async #commit(last?: string): Promise<void> {
    await this.#sql.runPlain(last === undefined ? "COMMIT" : `${last}; COMMIT`);
    this.#ended();
  }

  #ended(): void {
    this.#inTransaction = false;
    if (!this.#isLarge) return;
    this.#isLarge = false;
    this.options.onLarge?.(false);
  }
}
