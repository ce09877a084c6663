/** Compares a warehouse, its change logs too, with the fold of the topics (topic_fold.ts). */
import assert from "node:assert/strict";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { Audited } from "./audit.ts";
import type { TestDatabase } from "./postgres.ts";
import type { Folded, FoldedChange } from "./topic_fold.ts";

interface Column {
  name: string;
  /** SQL of its text form here. */
  duckdb: string;
  /** SQL of the same text at the source. */
  postgres: string;
  /** The same text from Debezium's JSON. */
  json: (value: unknown) => string;
  isKey: boolean;
}

/** Text forms by PostgreSQL's type; `$` is the column. The first pattern that fits. */
const FORMS: [RegExp, Pick<Column, "duckdb" | "postgres" | "json">][] = [
  [/^timestamp.*with time zone$/, {
    duckdb: "epoch_us($)::VARCHAR",
    postgres: "(extract(epoch FROM $) * 1000000)::bigint::text",
    json: (iso) => microsOf(iso as string),
  }],
  [/^date$/, {
    duckdb: "date_diff('day', DATE '1970-01-01', $)::VARCHAR",
    postgres: "($ - date '1970-01-01')::text",
    json: String,
  }],
  [/^bytea$/, {
    duckdb: "to_base64($)",
    postgres: "replace(encode($, 'base64'), E'\\n', '')",
    json: String,
  }],
  [/\[\]$/, {
    duckdb: "to_json($)::VARCHAR",
    postgres: "to_json($)::text",
    json: (list) => JSON.stringify(list),
  }],
  [/./, { duckdb: "$::VARCHAR", postgres: "$::text", json: String }],
];

function microsOf(iso: string): string {
  const fraction = /\.(\d+)Z$/.exec(iso)?.[1] ?? "";
  const seconds = Date.parse(iso.replace(/\.\d+Z$/, "Z")) / 1000;
  return `${seconds}${fraction.padEnd(6, "0")}`;
}

async function columnsOf(database: TestDatabase, table: string): Promise<Column[]> {
  const rows = await database.rows(`
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnum = ANY (i.indkey)
      FROM pg_attribute a JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
     WHERE a.attrelid = 'public.${table}'::regclass AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum`);
  return rows.map(([name, type, isKey]) => {
    const [, { duckdb, postgres, json }] = FORMS.find(([pattern]) => pattern.test(type!))!;
    const of = (sql: string) => sql.replaceAll("$", `"${name}"`);
    return {
      name: name!,
      duckdb: of(duckdb),
      postgres: of(postgres),
      json,
      isKey: isKey === "t",
    };
  });
}

function textOf(row: Readonly<Record<string, unknown>>, columns: Column[]): string {
  return JSON.stringify(
    columns.map(({ name, json }) => row[name] === null ? null : json(row[name])),
  );
}

/**
 * Throws unless every table and every change log is what the topics say: each change once, with its
 * LSN and transaction, in the order of its topic; but TRUNCATEs before a table's first row may lack.
 * Returns how many changes were compared.
 */
export async function assertEqualToFold(
  database: TestDatabase,
  warehouse: DuckDBConnection,
  folded: Folded,
): Promise<number> {
  let count = 0;
  const numbers = new Set<string>();
  for (const [table, each] of folded.tables) {
    const first = each.log.findIndex(({ op }) => op !== "t");
    if (first === -1) continue;
    const columns = await columnsOf(database, table);
    const query = async (sql: string) =>
      (await warehouse.runAndReadAll(sql)).getRowsJson() as (string | null)[][];
    const list = columns.map(({ duckdb }) => duckdb).join(", ");
    const log = await query(`SELECT _seq::VARCHAR, _op, _lsn::VARCHAR, _tx::VARCHAR, ${list}
      FROM public__changes.${table} ORDER BY _seq`);
    log.forEach(([seq]) => numbers.add(seq!));
    const rows = log.slice(log.findIndex(([, op]) => op !== "t"));
    assertSame(
      rows.map(([, op, lsn, tx, ...row]) => changeText(op!, lsn!, tx!, row, columns)),
      each.log.slice(first).map((change) => foldedText(change, columns)),
      `the change log of ${table}`,
    );
    const current = await query(`SELECT ${list} FROM public.${table}`);
    assertSame(
      current.map((row) => JSON.stringify(row)).sort(),
      [...each.rows.values()].map((row) => textOf(row, columns)).sort(),
      `rows of ${table}`,
    );
    count += log.length;
  }
  assert.equal(numbers.size, count, "_seq is given twice");
  return count;
}

/** Of a delete the key is compared, since of the rest the source tells what it will. */
function changeText(
  op: string,
  lsn: string,
  tx: string,
  row: (string | null)[],
  columns: Column[],
): string {
  const values = op === "t" ? [] : op === "d" ? row.filter((_, i) => columns[i].isKey) : row;
  return `${op} ${lsn} ${tx} ${JSON.stringify(values)}`;
}

function foldedText({ op, lsn, tx, key, row }: FoldedChange, columns: Column[]): string {
  const values = op === "t"
    ? "[]"
    : op === "d"
    ? textOf(JSON.parse(key), columns.filter(({ isKey }) => isKey))
    : textOf(row!, columns);
  return `${op} ${lsn} ${tx} ${values}`;
}

function assertSame(ours: string[], theirs: string[], what: string): void {
  const at = ours.findIndex((text, i) => text !== theirs[i]);
  if (at === -1 && ours.length === theirs.length) return;
  const from = at === -1 ? ours.length : at;
  const [mine, expected] = [new Set(ours), new Set(theirs)];
  assert.fail([
    `${what}: ${ours.length} here, ${theirs.length} in the topics; the first difference is at ` +
    `${from}`,
    `here:  ${short(ours[from])}`,
    `topic: ${short(theirs[from])}`,
    `missing: ${theirs.filter((text) => !mine.has(text)).slice(0, 3).map(short).join("; ")}`,
    `too many: ${ours.filter((text) => !expected.has(text)).slice(0, 3).map(short).join("; ")}`,
  ].join("\n"));
}

function short(text: string | undefined): string {
  return text === undefined ? "(nothing)" : text.slice(0, 300);
}

/** The changes that were committed and that the topics lack: Debezium's loss, a sentence each. */
export function lostChanges(audit: readonly Audited[], folded: Folded): string[] {
  const came = new Map<string, number>();
  for (const [table, { log }] of folded.tables) {
    for (const change of log) {
      if (change.op === "r") continue;
      const name = nameOf(table, change.op, idOf(change), change.tx);
      came.set(name, (came.get(name) ?? 0) + 1);
    }
  }
  const lost: string[] = [];
  for (const { table, op, id, tx } of audit) {
    const name = nameOf(table, op, id, tx);
    const left = came.get(name) ?? 0;
    if (left === 0) lost.push(name);
    else came.set(name, left - 1);
  }
  const invented = [...came].filter(([, left]) => left > 0).map(([name]) => name);
  assert.deepEqual(invented, [], "changes that nobody has committed");
  return lost;
}

function idOf({ key }: FoldedChange): string {
  return key === "" ? "" : String(JSON.parse(key).id);
}

function nameOf(table: string, op: string, id: string, tx: number): string {
  return `${op} of ${table} ${id} in transaction ${tx}`;
}

/**
 * Throws unless the folded rows equal the source's; but in tables of which changes were lost, what
 * differs is returned, a sentence each: the topics don't have it.
 */
export async function differencesFromSource(
  database: TestDatabase,
  folded: Folded,
  lost: readonly string[],
): Promise<string[]> {
  const differences: string[] = [];
  for (const [table, { rows }] of folded.tables) {
    const columns = await columnsOf(database, table);
    const list = columns.map(({ postgres }) => postgres).join(", ");
    const source = await database.rows(`SELECT ${list} FROM public.${table}`);
    const theirs = source.map((row) => JSON.stringify(row)).sort();
    const ours = [...rows.values()].map((row) => textOf(row, columns)).sort();
    if (!lost.some((name) => name.includes(` of ${table} `))) {
      assertSame(ours, theirs, `the topics' ${table}, of which no change was lost`);
      continue;
    }
    const [mine, expected] = [new Set(ours), new Set(theirs)];
    const missing = theirs.filter((row) => !mine.has(row));
    const extra = ours.filter((row) => !expected.has(row));
    differences.push(
      ...missing.map((row) => `${table}: only the source has ${short(row)}`),
      ...extra.map((row) => `${table}: only the topics have ${short(row)}`),
    );
  }
  return differences;
}
