/**
 * A source, a connector that crashes, and topics that come in pieces: what an order must make sense
 * of. Everything random comes from one seed.
 */
import type { KafkaRecord } from "../../decode/decoder.ts";
import type { PartitionFeed } from "./feed.ts";
import type { Slice } from "../../slice.ts";
import { amid } from "../../slice_fixture.ts";

/** A small generator with a seed (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** A change at the source. */
export interface SourceRow {
  readonly table: string;
  readonly key: number;
  readonly op: "c" | "u" | "d" | "t";
  readonly value: number;
  lsn: number;
  /** Null: there is none, or it is left out as unchanged. */
  text?: string | null;
  /** It is a half of a change of key: of the old one, or of the new one; and which the other is. */
  readonly half?: "old" | "new";
  readonly other?: number;
}

/** A transaction, in the order of commits. */
export interface SourceTransaction {
  readonly tx: number;
  readonly rows: SourceRow[];
}

/** Transactions that interleave: a row's LSN says when it was written, not when it was committed.
 * One that has a TRUNCATE, which locks its table, does not. */
export function makeTransactions(
  random: (below: number) => number,
  count: number,
  tables: readonly string[],
  mayTruncate: (table: string) => boolean,
): SourceTransaction[] {
  const makeRow = (): SourceRow => {
    const table = tables[random(tables.length)];
    if (random(25) === 0 && mayTruncate(table)) {
      return { table, key: 0, op: "t", value: 0, lsn: 0 };
    }
    const op = (["c", "u", "u", "d"] as const)[random(4)];
    return { table, key: random(KEYS.length), op, value: random(1000), lsn: 0 };
  };
  const transactions = Array.from({ length: count }, (_, i) => ({
    tx: 100 + i,
    rows: Array.from({ length: 1 + random(6) }, makeRow),
  }));
  const isAlone = ({ rows }: { rows: SourceRow[] }) => rows.some(({ op }) => op === "t");
  let lsn = 1000;
  const open: { rows: SourceRow[]; next: number }[] = [];
  const waiting = transactions.map((each) => ({ rows: each.rows, next: 0 }));
  while (open.length > 0 || waiting.length > 0) {
    while (
      waiting.length > 0 && (open.length === 0 ||
        (![waiting[0], ...open].some(isAlone) && open.length < 4 && random(2) === 0))
    ) {
      open.push(waiting.shift()!);
    }
    const each = open[random(open.length)];
    const mayShare = !isAlone(each) && random(3) === 0; // as rows of one COPY do
    each.rows[each.next++].lsn = lsn += mayShare ? 0 : 8;
    if (each.next === each.rows.length) open.splice(open.indexOf(each), 1);
  }
  const made = withoutTwins(transactions);
  changeKeys(random, made, mayTruncate); // both need a topic of one partition
  return made;
}

const KEYS = [0, 1, 2, 3, 4, 5, 6, 7];

/** Makes changes of keys of some updates, and texts, of which some are left out as unchanged. */
function changeKeys(
  random: (below: number) => number,
  transactions: readonly SourceTransaction[],
  mayOmit: (table: string) => boolean,
): void {
  const lsns = transactions.flatMap(({ rows }) => rows.map(({ lsn }) => lsn));
  const isShared = (lsn: number) => lsns.indexOf(lsn) !== lsns.lastIndexOf(lsn);
  const live = new Map<string, Set<number>>();
  let texts = 0;
  for (const { rows } of transactions) {
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      const { table, key, op } = row;
      if (!live.has(table)) live.set(table, new Set());
      const keys = live.get(table)!;
      const textOr = (isOmitted: boolean) => isOmitted ? null : `text ${++texts}`;
      const other = random(2) === 0 ? undefined : KEYS.find((free) => !keys.has(free));
      const omits = mayOmit(table) && keys.has(key) && random(2) === 0;
      if (op === "t") keys.clear();
      else if (op === "d") keys.delete(key);
      else if (other !== undefined && op === "u" && keys.has(key) && !isShared(row.lsn)) {
        keys.delete(key);
        keys.add(other);
        const old = { ...row, op: "d", half: "old", other } as const;
        const fresh = { ...row, op: "c", key: other, half: "new", other: key } as const;
        rows.splice(i++, 1, old, { ...fresh, text: textOr(omits) });
      } else {
        keys.add(key);
        row.text = textOr(op === "u" && omits);
      }
    }
  }
}

/** The same table, key, op and LSN twice does not occur: each row version is one WAL record. */
function withoutTwins(transactions: SourceTransaction[]): SourceTransaction[] {
  const seen = new Set<string>();
  for (const { rows } of transactions) {
    for (let i = rows.length - 1; i >= 0; i--) {
      const { table, key, op } = rows[i];
      const identity = () => `${table} ${key} ${op} ${rows[i].lsn}`;
      if (seen.has(identity()) && rows.length > 1) {
        rows.splice(i, 1);
        continue;
      }
      while (seen.has(identity())) rows[i].lsn += 1;
      seen.add(identity());
    }
  }
  return transactions;
}

/** The topics' partitions: `topic[partition]` → records. */
export type Topics = Map<string, KafkaRecord[]>;

/** Writes what a connector would, crashes and goes back as it does. */
export function runConnector(
  random: (below: number) => number,
  transactions: readonly SourceTransaction[],
  partitionsOf: (table: string) => number,
  options: { crashes: number; marks: boolean },
): Topics {
  const topics: Topics = new Map();
  const log = (topic: string, partition: number) => {
    const name = `${topic}[${partition}]`;
    if (!topics.has(name)) topics.set(name, []);
    return topics.get(name)!;
  };
  if (options.marks) log("p.transaction", 0);
  let sentMs = 1_000_000; // Each attempt of the connector's begins seconds after the last.
  const put = (
    topic: string,
    partition: number,
    key: unknown,
    value: unknown,
    headers: KafkaRecord["headers"] = {},
  ) => {
    const records = log(topic, partition);
    records.push({
      topic,
      partition,
      offset: records.length,
      timestampMs: sentMs++,
      key: key === null ? null : amid(JSON.stringify(key)),
      value: value === null ? null : amid(JSON.stringify(value)),
      headers,
    });
  };
  // A commit's record comes after those of its rows; commits are in the order of the list.
  const ends = new Map<number, number>();
  let end = 0;
  for (const { tx, rows } of transactions) {
    ends.set(tx, end = Math.max(end, ...rows.map((row) => row.lsn)) + 1);
  }
  /** Sends the rows from `resumed` on, which count anew. */
  const emit = (
    { tx, rows: all }: SourceTransaction,
    upTo: number,
    resumed: number,
    sent: (row: number) => void = () => {},
  ) => {
    const rows = all.slice(resumed);
    const orders = new Map<string, number>();
    const mark = (status: string, counts: unknown) => {
      if (!options.marks) return;
      const lsn = status === "END" ? ends.get(tx)! : Math.min(...all.map((row) => row.lsn)) - 1;
      const id = `${tx}:${lsn}`;
      const event_count = status === "END" ? rows.length : null;
      put("p.transaction", 0, { id }, {
        status,
        id,
        event_count,
        data_collections: counts,
        ts_ms: 1,
      });
    };
    mark("BEGIN", null);
    rows.slice(0, upTo).forEach((row, i) => {
      const order = (orders.get(row.table) ?? 0) + 1;
      orders.set(row.table, order);
      const id = `${tx}:${row.lsn}`;
      const transaction = { id, total_order: i + 1, data_collection_order: order };
      const key = row.op === "t" ? null : { id: row.key };
      const topic = `p.${row.table}`;
      const partition = row.key % partitionsOf(row.table);
      const text = row.text === null ? "__debezium_unavailable_value" : row.text;
      put(topic, partition, key, {
        before: row.op === "d" ? { id: row.key, n: 0, text: null } : null,
        after: row.op === "d" || row.op === "t" ? null : { id: row.key, n: row.value, text },
        source: sourceOf(row, tx),
        op: row.op,
        ts_ms: 1,
        transaction: options.marks ? transaction : null,
      }, headersOf(row));
      if (row.half === "old") put(topic, partition, key, null);
      else sent(resumed + i + 1); // the halves of a change are one event of the source's
    });
    if (upTo < rows.length) return;
    const counts = new Map<string, number>();
    for (const { table } of rows) counts.set(table, (counts.get(table) ?? 0) + 1);
    mark(
      "END",
      [...counts].map(([data_collection, event_count]) => ({
        data_collection,
        event_count,
      })),
    );
  };
  // Not in the last one: cut off behind its last row, it would only end when another does.
  const crashes = Array.from({ length: options.crashes }, () => random(transactions.length - 1));
  let [at, resumed] = [0, 0];
  for (const crashAt of crashes.sort((a, b) => a - b)) {
    if (crashAt < at || at === transactions.length) continue;
    const safe = new Map([...topics].map(([name, records]) => [name, records.length]));
    const [from, fromRow] = [at, resumed];
    /** What each partition held after each row: a flush means that all until then was written. */
    const flushes: { at: number; row: number; lengths: Map<string, number> }[] = [];
    const flush = (at: number, row: number) => {
      const lengths = new Map([...topics].map(([name, records]) => [name, records.length]));
      flushes.push({ at, row, lengths });
    };
    for (; at <= crashAt; at++) {
      const { length } = transactions[at].rows;
      const upTo = at < crashAt ? Infinity : random(length + 1 - resumed);
      const now = at;
      emit(transactions[at], Math.min(upTo, length - resumed), resumed, (row) => flush(now, row));
      resumed = 0;
    }
    const flushed = random(3) > 0 && flushes.length > 0
      ? flushes[random(flushes.length)]
      : { at: from, row: fromRow, lengths: safe };
    // Of what was written since, each partition has some beginning.
    for (const [name, records] of topics) {
      const kept = flushed.lengths.get(name) ?? 0;
      if (random(2) === 0) records.length = kept + random(records.length - kept + 1);
    }
    [at, resumed] = [flushed.at, flushed.row];
    if (resumed === transactions[at].rows.length) [at, resumed] = [at + 1, 0];
    sentMs += 5000;
  }
  for (; at < transactions.length; at++, resumed = 0) emit(transactions[at], Infinity, resumed);
  return topics;
}

function headersOf({ half, other }: SourceRow): KafkaRecord["headers"] {
  if (half === undefined) return {};
  const key = new TextEncoder().encode(JSON.stringify({ id: other }));
  return half === "old" ? { "__debezium.newkey": key } : { "__debezium.oldkey": key };
}

function sourceOf({ table, lsn }: SourceRow, tx: number): unknown {
  const [schema, name] = table.split(".");
  return {
    version: "2.3.4.Final",
    connector: "postgresql",
    name: "p",
    ts_ms: 1_700_000_000_000,
    snapshot: "false",
    db: "bank",
    sequence: `[null,"${lsn}"]`,
    schema,
    table: name,
    txId: tx,
    lsn,
    xmin: null,
  };
}

/** A partition of which more and more is there. Its records are lent: each one's memory is detached,
 * and the object says another record, when it is taken or let go of. */
export class TestFeed implements PartitionFeed {
  next = 0;
  isOurs = true;
  #fetched = 0;
  readonly #lent = new Map<number, KafkaRecord>();

  constructor(
    readonly topic: string,
    readonly partition: number,
    private readonly records: readonly KafkaRecord[],
  ) {}

  get head(): KafkaRecord | undefined {
    return this.peek(0);
  }

  get end(): number {
    return this.records.length;
  }

  get bufferedBytes(): number {
    return Math.max(0, this.#fetched - this.next);
  }

  peek(ahead: number): KafkaRecord | undefined {
    const at = this.next + ahead;
    if (at >= this.#fetched) return undefined;
    const lent = this.#lent.get(at) ?? lentCopy(this.records[at]);
    this.#lent.set(at, lent);
    return lent;
  }

  take(): void {
    if (this.head === undefined) throw new Error("nothing to take");
    this.#giveBack(this.next++);
  }

  letGo(): void {
    for (const at of [...this.#lent.keys()]) this.#giveBack(at);
    this.#fetched = this.next;
  }

  #giveBack(at: number): void {
    const record = this.#lent.get(at)!;
    for (const part of [record.key, record.value]) {
      (part?.bytes.buffer as ArrayBuffer | undefined)?.transfer(0);
    }
    Object.assign(record, { topic: "another", partition: 99, offset: -1, timestampMs: NaN });
    this.#lent.delete(at);
  }

  /** Some more comes. False: all of it was there. */
  fetch(count: number): boolean {
    if (this.#fetched >= this.records.length) return false;
    this.#fetched = Math.min(this.records.length, this.#fetched + count);
    return true;
  }
}

/** The same record in memory of its own. */
function lentCopy(record: KafkaRecord): KafkaRecord {
  const copy = (part: Slice | null) => part === null ? null : amid(part.copy());
  return { ...record, key: copy(record.key), value: copy(record.value) };
}
