/** What lands in DuckDB: a batch is appended and merged as the warehouse does it, and read back. */
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { Batch } from "../../batch/batch.ts";
import { TableLayout } from "../../batch/column.ts";
import { type Column, identifier, type Table } from "../../catalog/catalog.ts";
import { ChangeLog } from "../../sink/warehouse/change_log.ts";
import { createTables, dropTables, logTable } from "../../sink/warehouse/tables.ts";
import type { KafkaRecord } from "../decoder.ts";
import { amid } from "../../slice_fixture.ts";

/** A record of these texts; undefined and null: a tombstone's value, no key. */
export function recordOf(
  key: string | null,
  value: string | null,
  headers: Record<string, Uint8Array> = {},
  topic = "bank.public.t",
): KafkaRecord {
  return {
    topic,
    partition: 0,
    offset: 42,
    timestampMs: 0,
    key: key === null ? null : amid(key),
    value: value === null ? null : amid(value),
    headers,
  };
}

export function newBatch(bytes = 4 << 20): Batch {
  const batch = new Batch(new ArrayBuffer(bytes));
  batch.become("filling");
  return batch;
}

/** One row of a change log, with each value as a text that says it exactly. */
export type LandedRow = { op: string; seq: number; values: (string | null)[] };

/** A DuckDB in memory. */
export class Landing implements AsyncDisposable {
  private constructor(private readonly connection: DuckDBConnection) {}

  static async open(): Promise<Landing> {
    const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    return new Landing(connection);
  }

  /** Of each table that was made, the greatest `_seq` in its change log. */
  readonly #made = new Map<TableLayout, number>();

  /** Writes a batch's rows of one table to its change log, and gives what that has gained. */
  async land(layout: TableLayout, batch: Batch): Promise<LandedRow[]> {
    const { connection } = this;
    const segment = batch.segments.get(layout);
    if (segment === undefined || segment.rows === 0) return [];
    if (!this.#made.has(layout)) {
      await this.#run(["CREATE SCHEMA IF NOT EXISTS _sluice", ...createTables(layout.table)]);
    }
    const from = this.#made.get(layout) ?? 0;
    const log = new ChangeLog(connection, (sql) => connection.run(sql));
    await log.write(batch, segment, () => current(layout.table));
    const columns = layout.table.columns.map(exact).join(", ");
    const reader = await connection.runAndReadAll(
      `SELECT _op, _seq, ${columns} FROM ${logTable(layout.table)} WHERE _seq > ${from} ` +
        "ORDER BY _seq",
    );
    const rows = reader.getRowsJson().map(([op, seq, ...values]) => ({
      op: String(op),
      seq: Number(seq),
      values: values.map((value) => value === null ? null : String(value)),
    }));
    this.#made.set(layout, rows.at(-1)!.seq);
    return rows;
  }

  /** Forgets a table. */
  async drop(layout: TableLayout): Promise<void> {
    if (this.#made.delete(layout)) await this.#run(dropTables(layout.table));
  }

  async #run(statements: readonly string[]): Promise<void> {
    for (const sql of statements) await this.connection.run(sql);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.connection.closeSync();
    return Promise.resolve();
  }
}

/** The last version of each key in the change log, unless it is gone. */
function current(table: Table): string {
  const log = logTable(table);
  const key = table.key.map((i) => identifier(table.columns[i].name)).join(", ");
  return `SELECT * EXCLUDE (_op, _seq, _lsn, _tx, _at) FROM ${log} ` +
    `WHERE _seq > (SELECT coalesce(max(_seq), -1) FROM ${log} WHERE _op = 't') ` +
    `QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY _seq DESC) = 1 AND _op <> 'd'`;
}

/** SQL for a column's value as a text that says it exactly. */
function exact({ name, type }: Column): string {
  const c = identifier(name);
  switch (type.kind) {
    case "bytea":
      return `lower(hex(${c}))`;
    case "date":
      return `CASE WHEN isinf(${c}) THEN CAST(${c} AS VARCHAR) ` +
        `ELSE CAST(${c} - DATE '1970-01-01' AS VARCHAR) END`;
    case "timestamp":
    case "timestamptz":
      return `CASE WHEN isinf(${c}) THEN CAST(${c} AS VARCHAR) ` +
        `ELSE CAST(epoch_us(${c}) AS VARCHAR) END`;
    case "array": {
      const infinite = "CASE WHEN isinf(x) THEN CAST(x AS VARCHAR) ELSE 'µs ' ||";
      switch (type.of.kind) {
        case "bytea":
          return `to_json(list_transform(${c}, lambda x: lower(hex(x))))`;
        case "date":
          return `to_json(list_transform(${c}, lambda x: ${infinite} x - DATE '1970-01-01' END))`;
        case "timestamp":
        case "timestamptz":
          return `to_json(list_transform(${c}, lambda x: ${infinite} epoch_us(x) END))`;
      }
      return `to_json(CAST(${c} AS VARCHAR[]))`;
    }
  }
  return `CAST(${c} AS VARCHAR)`;
}

/** A layout of a table that stands in no catalogue. */
export function layoutOf(table: Table): TableLayout {
  return new TableLayout(table);
}
