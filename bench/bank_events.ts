/**
 * What Debezium 2.3 writes of a bank at work: rows of four tables, each in its topic, and BEGIN and
 * END of every transaction in the transaction topic. 70% updates, 25% creates, 5% deletes with their
 * tombstones. As the captured events in tests/fixtures/debezium are: the same fields in the same
 * order, `transaction.id` with each record's own LSN, a deleted row as zeros but for its key.
 */
import { Buffer } from "node:buffer";
import { BANK_TABLES, type BankTable, uuidOf, Values } from "./bank_tables.ts";

/** A message for kafkajs's producer. */
export interface Message {
  partition: 0;
  key: Buffer;
  value: Buffer | null;
  timestamp: string;
}

/** How the events are made. */
export interface EventOptions {
  readonly prefix: string;
  readonly withSchemas: boolean;
  /** Rows that the tables have before the first event, by table. */
  readonly already?: Readonly<Record<string, number>>;
}

/** In a table that has none yet, updates begin with a row of which no event told. */
const ALREADY = 50_000;
const CHANGES_A_TRANSACTION = 5;

/** A table's rows, by number. */
class Rows {
  /** Those that an update or a delete may be of. */
  readonly live: number[];
  /** Those of which an event came, and which were not deleted since. */
  readonly told = new Set<number>();
  #made: number;

  constructor(readonly table: BankTable, readonly topic: string, readonly salt: number, n: number) {
    this.live = Array.from({ length: n }, (_, i) => i);
    this.#made = n;
  }

  make(): number {
    this.live.push(this.#made);
    return this.#made++;
  }

  remove(at: number): number {
    const row = this.live[at];
    this.live[at] = this.live[this.live.length - 1];
    this.live.pop();
    return row;
  }
}

/** The id of a table's row by its number. `salt`: the table's place in {@linkcode BANK_TABLES}. */
export function idOf(salt: number, row: number): string {
  return uuidOf(row, salt + 1);
}

/** See the top of this file. */
export class BankEvents {
  readonly #values = new Values(42);
  readonly #rows: readonly Rows[];
  /** A table for each of a hundred changes. */
  readonly #byShare: readonly Rows[];
  readonly #schemas: Map<string, { key: string; value: string }>;
  #lsn = 311_630_592;
  #tx = 779;
  #ms = 1_795_000_000_000;
  /** Changes made so far. */
  changes = 0;

  constructor(private readonly options: EventOptions) {
    const { prefix, already = {} } = options;
    this.#rows = BANK_TABLES.map((table, salt) =>
      new Rows(table, `${prefix}.public.${table.name}`, salt, already[table.name] ?? ALREADY)
    );
    this.#byShare = this.#rows.flatMap((rows) => Array(rows.table.share).fill(rows));
    this.#schemas = new Map(BANK_TABLES.map((table) => [table.name, schemasOf(prefix, table)]));
  }

  /** All topics. */
  get topics(): string[] {
    return [...this.#rows.map(({ topic }) => topic), this.#marksTopic];
  }

  /** Rows that each table has when all events were applied to empty tables, or, with `already`, to
   * tables with these. */
  get rowsAfter(): Record<string, number> {
    const { already } = this.options;
    return Object.fromEntries(this.#rows.map(({ table, live, told }) => [
      table.name,
      already === undefined ? told.size : live.length,
    ]));
  }

  /** Whole transactions with `changes` changes in all, or a few more: messages by topic. */
  next(changes: number): Map<string, Message[]> {
    const made = new Map<string, Message[]>(this.topics.map((topic) => [topic, []]));
    for (const until = this.changes + changes; this.changes < until;) this.#transaction(made);
    return made;
  }

  get #marksTopic(): string {
    return `${this.options.prefix}.transaction`;
  }

  #transaction(made: Map<string, Message[]>): void {
    const marks = made.get(this.#marksTopic)!;
    const tx = this.#tx++;
    this.#ms += 3;
    marks.push(this.#mark(tx, "BEGIN", null));
    const counts = new Map<string, number>();
    for (let order = 1; order <= CHANGES_A_TRANSACTION; order++) {
      const rows = this.#values.pick(this.#byShare);
      const { name } = rows.table;
      const inTable = (counts.get(name) ?? 0) + 1;
      counts.set(name, inTable);
      this.#change(
        rows,
        `{"id":"${tx}:${this.#nextLsn()}","total_order":${order},` +
          `"data_collection_order":${inTable}}`,
        tx,
        made.get(rows.topic)!,
      );
    }
    this.#lsn += 48;
    marks.push(this.#mark(tx, "END", counts));
  }

  #change(rows: Rows, transaction: string, tx: number, into: Message[]): void {
    const values = this.#values;
    const { table, salt, live, told } = rows;
    const roll = values.int(100);
    const op = roll < 70 && live.length > 0 ? "u" : roll < 95 || live.length === 0 ? "c" : "d";
    const at = values.int(live.length);
    const row = op === "c" ? rows.make() : op === "u" ? live[at] : rows.remove(at);
    if (op === "d") told.delete(row);
    else told.add(row);
    const id = `"id":"${idOf(salt, row)}"`;
    const text = `{${id}${op === "d" ? table.restOfDeleted : table.rest(values, this.changes)}}`;
    const lsn = this.#lsn;
    const value = `{"before":${op === "d" ? text : "null"},"after":${op === "d" ? "null" : text},` +
      `"source":{"version":"2.3.4.Final","connector":"postgresql","name":"${this.options.prefix}",` +
      `"ts_ms":${this.#ms},"snapshot":"false","db":"bank","sequence":"[\\"${lsn - 400}\\",` +
      `\\"${lsn}\\"]","schema":"public","table":"${table.name}","txId":${tx},"lsn":${lsn},` +
      `"xmin":null},"op":"${op}","ts_ms":${this.#ms + 70},"transaction":${transaction}}`;
    const message = this.#message(table.name, `{${id}}`, value);
    into.push(message);
    if (op === "d") into.push({ ...message, value: null });
    this.changes++;
  }

  #message(table: string, key: string, value: string): Message {
    const schemas = this.#schemas.get(table)!;
    const wrap = (schema: string, payload: string) =>
      Buffer.from(
        this.options.withSchemas ? `{"schema":${schema},"payload":${payload}}` : payload,
      );
    return {
      partition: 0,
      key: wrap(schemas.key, key),
      value: wrap(schemas.value, value),
      timestamp: String(this.#ms + 80),
    };
  }

  /** `counts`: changes of each table, at the END. */
  #mark(tx: number, status: string, counts: Map<string, number> | null): Message {
    const id = `"id":"${tx}:${this.#lsn}"`;
    const collections = counts &&
      [...counts].map(([name, count]) =>
        `{"data_collection":"public.${name}","event_count":${count}}`
      );
    const value = `{"status":"${status}",${id},"event_count":${
      counts && CHANGES_A_TRANSACTION
    },"data_collections":${collections && `[${collections}]`},"ts_ms":${this.#ms}}`;
    const wrap = (schema: string, payload: string) =>
      Buffer.from(
        this.options.withSchemas ? `{"schema":${schema},"payload":${payload}}` : payload,
      );
    return {
      partition: 0,
      key: wrap(MARK_KEY_SCHEMA, `{${id}}`),
      value: wrap(MARK_SCHEMA, value),
      timestamp: String(this.#ms + 80),
    };
  }

  #nextLsn(): number {
    return this.#lsn += 144;
  }
}

type Field = Record<string, unknown>;

function simple(type: string, field: string, optional = false): Field {
  return { type, optional, field };
}

function struct(name: string, fields: readonly Field[], more: Field = {}): Field {
  return { type: "struct", fields, optional: false, name, ...more };
}

/** The schema texts of a table's keys and values. */
function schemasOf(prefix: string, { name, fields }: BankTable): { key: string; value: string } {
  const table = `${prefix}.public.${name}`;
  const row = (field: string) => struct(`${table}.Value`, fields, { optional: true, field });
  const source = struct("io.debezium.connector.postgresql.Source", [
    ...["version", "connector", "name"].map((field) => simple("string", field)),
    simple("int64", "ts_ms"),
    {
      ...simple("string", "snapshot", true),
      name: "io.debezium.data.Enum",
      version: 1,
      parameters: { allowed: "true,last,false,incremental" },
      default: "false",
    },
    simple("string", "db"),
    simple("string", "sequence", true),
    simple("string", "schema"),
    simple("string", "table"),
    ...["txId", "lsn", "xmin"].map((field) => simple("int64", field, true)),
  ], { field: "source" });
  const block = struct("event.block", [
    simple("string", "id"),
    simple("int64", "total_order"),
    simple("int64", "data_collection_order"),
  ], { optional: true, version: 1, field: "transaction" });
  return {
    key: JSON.stringify(struct(`${table}.Key`, [fields[0]])),
    value: JSON.stringify(
      struct(`${table}.Envelope`, [
        row("before"),
        row("after"),
        source,
        simple("string", "op"),
        simple("int64", "ts_ms", true),
        block,
      ], { version: 1 }),
    ),
  };
}

const MARK_KEY_SCHEMA = JSON.stringify(
  struct("io.debezium.connector.common.TransactionMetadataKey", [simple("string", "id")], {
    version: 1,
  }),
);
const MARK_SCHEMA = JSON.stringify(
  struct("io.debezium.connector.common.TransactionMetadataValue", [
    simple("string", "status"),
    simple("string", "id"),
    simple("int64", "event_count", true),
    {
      type: "array",
      items: struct("event.collection", [
        simple("string", "data_collection"),
        simple("int64", "event_count"),
      ], { version: 1 }),
      optional: true,
      field: "data_collections",
    },
    simple("int64", "ts_ms"),
  ], { version: 1 }),
);
