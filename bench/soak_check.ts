/**
 * What must hold at the end of a soak: the current rows are the source's, the change log tells the
 * state at any time since its horizon, and before the horizon it has each living key's last version
 * and nothing else. It shares no code with what it checks.
 */
import assert from "node:assert/strict";
import type { DuckDBConnection } from "@duckdb/node-api";
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { SOAK_TABLES, type SoakTable } from "./soak_traffic.ts";

/** How many rows, and the sum of their hashes: which rows they are, in any order. */
type Fingerprint = [rows: string, hashes: string];

/** The tables as they are now at the source, kept there for {@linkcode assertLogTells}. */
export async function rememberState(sql: pg.Client): Promise<Date> {
  for (const { name } of SOAK_TABLES) {
    await sql.query(`CREATE TABLE soak.${name}_then AS TABLE public.${name}`);
  }
  const { rows: [{ now }] } = await sql.query("SELECT clock_timestamp() AS now");
  return now;
}

/** Throws unless every table's current rows are the source's. Returns how many were compared. */
export async function assertEqual(sql: pg.Client, file: DuckDBConnection): Promise<number> {
  let rows = 0;
  for (const table of SOAK_TABLES) {
    const theirs = await atSource(sql, table, `public.${table.name}`);
    assert.deepEqual(await here(file, table, `public.${table.name}`), theirs, table.name);
    rows += Number(theirs[0]);
  }
  return rows;
}

/** Throws unless the change logs tell the state that was remembered at `then`. */
export async function assertLogTells(sql: pg.Client, file: DuckDBConnection, then: Date) {
  for (const table of SOAK_TABLES) {
    const theirs = await atSource(sql, table, `soak.${table.name}_then`);
    const ours = await here(file, table, `(${stateAt(table, then)})`);
    assert.deepEqual(
      ours,
      theirs,
      `${table.name} as its change log tells of ${then.toISOString()}`,
    );
  }
}

/** What a change log holds of the time before its horizon. */
export interface Horizon {
  /** Changes in the logs. */
  logRows: number;
  /** Of those, the ones older than the horizon: each the last version of a key that lived then. */
  olderRows: number;
  /** Of those that a later version before the horizon has ended, and of deletes: none may be. */
  tooMany: number;
}

/** Throws when a change before `horizon` is there that a later one before it has ended. */
export async function assertBounded(file: DuckDBConnection, horizon: Date): Promise<Horizon> {
  const sum: Horizon = { logRows: 0, olderRows: 0, tooMany: 0 };
  for (const { name, key } of SOAK_TABLES) {
    const [[logRows, olderRows, keys]] = await rowsOf(
      file,
      `SELECT count(*)::VARCHAR, (count(*) FILTER (WHERE ${isBefore(horizon)}))::VARCHAR,
         (count(DISTINCT ${key}) FILTER (WHERE ${isBefore(horizon)} AND _op NOT IN ('d', 't')))
           ::VARCHAR FROM public__changes.${name}`,
    );
    sum.logRows += Number(logRows);
    sum.olderRows += Number(olderRows);
    sum.tooMany += Number(olderRows) - Number(keys);
  }
  assert.equal(sum.tooMany, 0, `changes that ended before ${horizon.toISOString()} are there`);
  return sum;
}

/** The state at a time, from the change log alone. */
function stateAt({ name, key }: SoakTable, then: Date): string {
  return `SELECT * FROM public__changes.${name} WHERE ${isBefore(then)} ` +
    `QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY _seq DESC) = 1 ` +
    "AND _op NOT IN ('d', 't')";
}

function isBefore(time: Date): string {
  return `_at < TIMESTAMPTZ '${time.toISOString()}'`;
}

async function atSource(sql: pg.Client, table: SoakTable, from: string): Promise<Fingerprint> {
  const text = rowText(
    table,
    (name, type) =>
      type === "timestamptz"
        ? `(extract(epoch FROM ${name}) * 1000000)::int8::text`
        : `${name}::text`,
  );
  const { rows: [{ count, sum }] } = await sql.query(
    `SELECT count(*), sum(('x' || left(md5(${text}), 15))::bit(60)::int8) FROM ${from} t`,
  );
  return [count, sum];
}

async function here(
  file: DuckDBConnection,
  table: SoakTable,
  from: string,
): Promise<Fingerprint> {
  const text = rowText(
    table,
    (name, type) => type === "timestamptz" ? `epoch_us(${name})::VARCHAR` : `${name}::VARCHAR`,
  );
  const [row] = await rowsOf(
    file,
    `SELECT count(*)::VARCHAR, sum(('0x' || left(md5(${text}), 15))::BIGINT)::VARCHAR FROM ${from} t`,
  );
  return row as Fingerprint;
}

function rowText({ columns }: SoakTable, text: (name: string, type: string) => string): string {
  return columns.map(({ name, type }) => `coalesce(${text(name, type)}, '~')`).join(" || '|' || ");
}

async function rowsOf(file: DuckDBConnection, sql: string): Promise<string[][]> {
  return (await file.runAndReadAll(sql)).getRowsJson() as string[][];
}
