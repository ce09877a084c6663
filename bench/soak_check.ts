/**
 * What must hold at the end of a soak: the current rows are the source's, the change log tells the
 * state at a time since its horizon, and before the horizon it has each living key's last version
 * and little else. It shares no code with what it checks.
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

/** What the change logs hold of the time before their horizon. */
export interface Horizon {
  /** Changes in the logs. */
  logRows: number;
  /** Of those, the ones that were ended before the horizon, and wait for the next pass. */
  ended: number;
  /** How long before the horizon the first of these was ended, in s. */
  lateSeconds: number;
  /** The last versions of keys that lived at the horizon: kept for what they tell. */
  kept: number;
}

/** Counts what is older than the horizon, by the times of the changes themselves. */
export async function readHorizon(file: DuckDBConnection, horizon: Date): Promise<Horizon> {
  const sum: Horizon = { logRows: 0, ended: 0, lateSeconds: 0, kept: 0 };
  for (const { name, key } of SOAK_TABLES) {
    // A delete ends itself; another version is ended by the next one of its key.
    const [[logRows, ended, lateSeconds, kept]] = await rowsOf(
      file,
      `SELECT count(*)::VARCHAR, (count(*) FILTER (WHERE end_at < ${literal(horizon)}))::VARCHAR,
         coalesce(epoch(${literal(horizon)} - min(end_at)), 0)::VARCHAR,
         (count(*) FILTER (WHERE _at < ${literal(horizon)} AND
           coalesce(end_at >= ${literal(horizon)}, true)))::VARCHAR
         FROM (SELECT _at, CASE WHEN _op = 'd' THEN _at ELSE
           lead(_at) OVER (PARTITION BY ${key} ORDER BY _seq) END AS end_at
           FROM public__changes.${name})`,
    );
    sum.logRows += Number(logRows);
    sum.ended += Number(ended);
    sum.lateSeconds = Math.max(sum.lateSeconds, Number(lateSeconds));
    sum.kept += Number(kept);
  }
  return sum;
}

/** The state at a time, from the change log alone. */
function stateAt({ name, key }: SoakTable, then: Date): string {
  return `SELECT * FROM public__changes.${name} WHERE _at < ${literal(then)} ` +
    `QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY _seq DESC) = 1 ` +
    "AND _op NOT IN ('d', 't')";
}

function literal(time: Date): string {
  return `TIMESTAMPTZ '${time.toISOString()}'`;
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
