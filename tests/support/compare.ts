/**
 * Compares the warehouse with its source, row by row and value by value. It shares no code with
 * what it checks: each side renders its values by its own SQL into one text form.
 */
import assert from "node:assert/strict";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import type { TestDatabase } from "./postgres.ts";

interface ColumnForm {
  name: string;
  postgres: string;
  duckdb: string;
}

/** Text forms by PostgreSQL's type name, `$` for the column; the first pattern that fits. */
const FORMS: [RegExp, postgres: string, duckdb: string][] = [
  [/^timestamp/, "(extract(epoch FROM $) * 1000000)::numeric(40,0)::text", "epoch_us($)::VARCHAR"],
  [/^date$/, "($ - date '1970-01-01')::text", "date_diff('day', DATE '1970-01-01', $)::VARCHAR"],
  [/^boolean$/, "$::int::text", "$::INT::VARCHAR"],
  [/^bytea$/, "encode($, 'hex')", "lower(hex($))"],
  [/\[\]$/, "to_json($)::text", "to_json($)::VARCHAR"],
  [/./, "$::text", "$::VARCHAR"],
];

/** The tables of schema `public` at the source, with their columns. */
async function sourceTables(database: TestDatabase): Promise<Map<string, ColumnForm[]>> {
  const rows = await database.rows(`
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
       AND NOT a.attisdropped ORDER BY c.relname, a.attnum`);
  const tables = new Map<string, ColumnForm[]>();
  for (const [table, name, type] of rows as string[][]) {
    const [, postgres, duckdb] = FORMS.find(([pattern]) => pattern.test(type))!;
    const column = (sql: string) => sql.replaceAll("$", `"${name}"`);
    const form = { name, postgres: column(postgres), duckdb: column(duckdb) };
    tables.set(table, [...tables.get(table) ?? [], form]);
  }
  return tables;
}

/** Opens a warehouse file that no process has open. */
export async function openFile(file: string): Promise<DuckDBConnection & AsyncDisposable> {
  const instance = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  return Object.assign(connection, {
    [Symbol.asyncDispose]() {
      connection.closeSync();
      instance.closeSync();
      return Promise.resolve();
    },
  });
}

/** Throws unless every table is equal; returns how many rows were compared, by table. */
export async function assertEqualToSource(
  database: TestDatabase,
  warehouse: DuckDBConnection,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [table, columns] of await sourceTables(database)) {
    const list = (side: "postgres" | "duckdb") => columns.map((column) => column[side]).join(", ");
    const theirs = texts(await database.rows(`SELECT ${list("postgres")} FROM public.${table}`));
    const sql = `SELECT ${list("duckdb")} FROM public.${table}`;
    const ours = texts((await warehouse.runAndReadAll(sql)).getRowsJson());
    const missing = difference(theirs, ours);
    const extra = difference(ours, theirs);
    assert.deepEqual(
      { missing: missing.slice(0, 3), extra: extra.slice(0, 3) },
      { missing: [], extra: [] },
      `${table}: ${missing.length} rows missing, ${extra.length} too many or different`,
    );
    assert.equal(ours.length, theirs.length, `${table}: a row is there more than once`);
    counts[table] = theirs.length;
  }
  return counts;
}

function texts(rows: unknown[][]): string[] {
  return rows.map((row) => JSON.stringify(row.map((value) => value === undefined ? null : value)));
}

function difference(a: string[], b: string[]): string[] {
  const other = new Set(b);
  return a.filter((row) => !other.has(row));
}

/** What a trigger writes for each change: the audit that no replication touches. */
export const AUDIT = `
  CREATE SCHEMA audit;
  CREATE TABLE audit.log (tbl text, op text, id text, tx bigint);
  CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit.log VALUES (TG_TABLE_NAME, lower(left(TG_OP, 1)),
      CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END::text, txid_current());
    RETURN NULL;
  END $$;`;

/** Makes the trigger of {@linkcode AUDIT} on a table with a key `id`. */
export function auditTrigger(table: string): string {
  return `CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.${table}
    FOR EACH ROW EXECUTE FUNCTION audit.note()`;
}

/**
 * Throws unless the change logs hold exactly what the audit holds: every change once, and of every
 * transaction all or nothing. Changes before the snapshot are in no log.
 */
export async function assertLogsEqualAudit(
  database: TestDatabase,
  warehouse: DuckDBConnection,
  tables: string[],
): Promise<number> {
  const inLogs: string[] = [];
  const transactions = new Set<string>();
  const numbers: number[] = [];
  for (const table of tables) {
    const sql = `SELECT '${table}', CASE _op WHEN 'c' THEN 'i' ELSE _op END, id::VARCHAR,
      _tx::VARCHAR, _seq::DOUBLE FROM public__changes.${table}`;
    for (const row of (await warehouse.runAndReadAll(sql)).getRowsJson()) {
      numbers.push(row[4] as number);
      if (row[1] === "r") continue;
      inLogs.push(row.slice(0, 4).join(" "));
      transactions.add(row[3] as string);
    }
  }
  assert.equal(new Set(numbers).size, numbers.length, "_seq is given twice");
  const audit = (await database.rows("SELECT tbl, op, id, tx FROM audit.log"))
    .filter((row) => transactions.has(row[3]!))
    .map((row) => row.join(" "));
  const sorted = (rows: string[]) => rows.toSorted();
  const [ours, theirs] = [sorted(inLogs), sorted(audit)];
  const at = ours.findIndex((row, i) => row !== theirs[i]);
  assert.equal(at === -1 ? ours.length : `${at}: ${ours[at]}`, theirs.length, `${theirs[at]}`);
  return ours.length;
}
