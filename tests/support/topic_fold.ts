/**
 * What a connector's topics say, folded by plain code that shares nothing with Sluice's: JSON.parse,
 * one record after the other in the order of its partition. A change of the same table, key, LSN and
 * op as one before is the same, sent again.
 *
 * For topics of one partition, and values that JSON.parse keeps: no integer beyond 2^53.
 */
import type { TopicRecord } from "./topics.ts";

type Row = Record<string, unknown>;

/** A change, as the change log should have it. */
export interface FoldedChange {
  op: string;
  /** JSON of the key's columns; "" for a truncate. */
  key: string;
  lsn: number;
  tx: number;
  /** The whole row after it; of a delete and a truncate nothing. */
  row: Row | null;
}

/** One table's. */
export interface FoldedTable {
  rows: Map<string, Row>;
  log: FoldedChange[];
}

export interface Folded {
  tables: Map<string, FoldedTable>;
  /** Records that had come before. */
  duplicates: number;
  /** Changes that share their LSN with another of their table. */
  sharing: number;
}

const UNAVAILABLE = "__debezium_unavailable_value";

/** `records`: of data topics. Tables by their names without the schema. */
export function foldTopics(records: readonly TopicRecord[]): Folded {
  const tables = new Map<string, FoldedTable>();
  const seen = new Set<string>();
  const lsns = new Set<string>();
  /** Rows before a change of key, which its second half may need. */
  const moved = new Map<string, Row | undefined>();
  let [duplicates, sharing] = [0, 0];
  for (const record of records) {
    if (record.value === null) continue;
    const event = payloadOf(record.value);
    const { op, source: { table, lsn, txId: tx } } = event;
    if (op === "m") continue;
    const key = record.key === null ? "" : JSON.stringify(payloadOf(record.key));
    const identity = `${table} ${key} ${lsn} ${op}`;
    if (seen.has(identity)) {
      duplicates++;
      continue;
    }
    seen.add(identity);
    if (lsns.has(`${table} ${lsn} ${op}`) && op === "c") sharing++;
    lsns.add(`${table} ${lsn} ${op}`);
    const folded: FoldedTable = tables.get(table) ?? { rows: new Map(), log: [] };
    tables.set(table, folded);
    const { rows, log } = folded;
    if (op === "t") {
      rows.clear();
      log.push({ op, key: "", lsn, tx, row: null });
      continue;
    }
    if (op === "d") {
      moved.set(`${table} ${key}`, rows.get(key));
      rows.delete(key);
      log.push({ op, key, lsn, tx, row: null });
      continue;
    }
    const oldKey = record.headers["__debezium.oldkey"];
    const before = oldKey === undefined
      ? rows.get(key)
      : moved.get(`${table} ${JSON.stringify(payloadOf(oldKey))}`);
    const row = filled(event.after, before);
    rows.set(key, row);
    log.push({ op, key, lsn, tx, row });
  }
  return { tables, duplicates, sharing };
}

/** The message itself, with a schema beside it or without. */
// deno-lint-ignore no-explicit-any
function payloadOf(text: string): any {
  const json = JSON.parse(text);
  return json.payload !== undefined && json.schema !== undefined ? json.payload : json;
}

/** With the values that were left out, as they were. */
function filled(after: Row, before: Row | undefined): Row {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [
      name,
      value === UNAVAILABLE ? before?.[name] ?? null : value,
    ]),
  );
}
