/** Events of a table of transactions as Debezium writes them, with varied values. */
import type { Column, ColumnType, Table } from "../src/catalog/catalog.ts";
import type { KafkaRecord } from "../src/decode/decoder.ts";
import { Slice } from "../src/slice.ts";

function column(name: string, type: ColumnType, typeOid: number, typeMod = -1): Column {
  const toastable = type.kind === "text";
  return { name, type, sourceType: name, typeOid, typeMod, notNull: false, toastable };
}

const TEXT: ColumnType = { kind: "text", exact: true };

/** As `pg_catalog` would have it. */
export const TABLE: Table = {
  oid: 1,
  schema: "public",
  name: "transactions",
  columns: [
    column("id", { kind: "uuid" }, 2950),
    column("wallet_id", { kind: "uuid" }, 2950),
    column("kind", TEXT, 25),
    column("amount", { kind: "decimal", width: 18, scale: 2 }, 1700, (18 << 16 | 2) + 4),
    column("currency", TEXT, 1042, 7),
    column("description", TEXT, 25),
    column("is_pending", { kind: "bool" }, 16),
    column("version", { kind: "int8" }, 20),
    column("value_date", { kind: "date" }, 1082),
    column("created_at", { kind: "timestamptz" }, 1184),
    column("updated_at", { kind: "timestamptz" }, 1184),
  ],
  key: [0],
  identity: "default",
};

const FIELDS = [
  ["string", "id", "io.debezium.data.Uuid"],
  ["string", "wallet_id", "io.debezium.data.Uuid"],
  ["string", "kind"],
  ["string", "amount"],
  ["string", "currency"],
  ["string", "description"],
  ["boolean", "is_pending"],
  ["int64", "version"],
  ["int32", "value_date", "io.debezium.time.Date"],
  ["string", "created_at", "io.debezium.time.ZonedTimestamp"],
  ["string", "updated_at", "io.debezium.time.ZonedTimestamp"],
].map(([type, field, name]) => ({ type, optional: field !== "id", name, version: 1, field }));

const SOURCE_FIELDS = "version,connector,name,ts_ms,snapshot,db,sequence,schema,table,txId,lsn,xmin"
  .split(",").map((field) => ({ type: "string", optional: true, field }));

const VALUE_SCHEMA = JSON.stringify({
  type: "struct",
  fields: [
    {
      type: "struct",
      fields: FIELDS,
      optional: true,
      name: "bank.public.transactions.Value",
      field: "before",
    },
    {
      type: "struct",
      fields: FIELDS,
      optional: true,
      name: "bank.public.transactions.Value",
      field: "after",
    },
    {
      type: "struct",
      fields: SOURCE_FIELDS,
      optional: false,
      name: "io.debezium.connector.postgresql.Source",
      field: "source",
    },
    { type: "string", optional: false, field: "op" },
    { type: "int64", optional: true, field: "ts_ms" },
    {
      type: "struct",
      fields: ["id", "total_order", "data_collection_order"].map((field) => ({
        type: "string",
        optional: false,
        field,
      })),
      optional: true,
      name: "event.block",
      version: 1,
      field: "transaction",
    },
  ],
  optional: false,
  name: "bank.public.transactions.Envelope",
  version: 1,
});
const KEY_SCHEMA = JSON.stringify({
  type: "struct",
  fields: [{
    type: "string",
    optional: false,
    name: "io.debezium.data.Uuid",
    version: 1,
    field: "id",
  }],
  optional: false,
  name: "bank.public.transactions.Key",
});

/** Numbers from 0 to 1, the same in every run. */
function random(): () => number {
  let state = 42;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

/** `count` changes, their bytes side by side in a few buffers as a fetch has them. */
export function makeEvents(count: number, withSchema: boolean): KafkaRecord[] {
  const next = random();
  const int = (max: number) => Math.floor(next() * max);
  const pick = <T>(from: readonly T[]) => from[int(from.length)];
  const hex = (digits: number) => {
    let text = "";
    while (text.length < digits) text += int(16).toString(16);
    return text;
  };
  const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  const time = () =>
    `${new Date(1_750_000_000_000 + int(4_000_000) * 1000 + int(1000)).toISOString().slice(0, -1)}${
      int(900) + 100
    }Z`;
  const kinds = ["transfer", "card_payment", "salary", "fee", "cash_withdrawal"];
  const names = [
    "Grocery shop",
    "Coffee with Zoë",
    "Rent for the flat in the old town",
    "Train",
    "Gift",
  ];
  const ids = Array.from({ length: 20_000 }, uuid);
  const records: KafkaRecord[] = [];
  const put = fetchBuffers();
  for (let i = 0; i < count; i++) {
    const roll = next();
    const op = roll < 0.7 ? "u" : roll < 0.95 ? "c" : "d";
    const id = op === "c" ? uuid() : pick(ids);
    const row = `{"id":"${id}","wallet_id":"${pick(ids)}","kind":"${pick(kinds)}","amount":"` +
      `${int(2) === 0 ? "-" : ""}${int(100_000)}.${String(int(100)).padStart(2, "0")}",` +
      `"currency":"${pick(["EUR", "GBP", "USD"])}","description":"${pick(names)} no. ${
        int(1e6)
      }",` +
      `"is_pending":${int(2) === 0},"version":${int(1000)},"value_date":${20_000 + int(600)},` +
      `"created_at":"${time()}","updated_at":${int(10) === 0 ? "null" : `"${time()}"`}}`;
    const zero =
      `{"id":"${id}","wallet_id":"","kind":"","amount":"0","currency":"","description":"",` +
      `"is_pending":false,"version":0,"value_date":0,"created_at":"1970-01-01T00:00:00.000000Z","updated_at":null}`;
    const lsn = 311_630_592 + i * 144;
    const tx = 779 + Math.floor(i / 5);
    const ms = 1_760_000_000_000 + i;
    const envelope =
      `{"before":${op === "d" ? zero : "null"},"after":${op === "d" ? "null" : row},` +
      `"source":{"version":"2.3.4.Final","connector":"postgresql","name":"bank","ts_ms":${ms},` +
      `"snapshot":"false","db":"bank","sequence":"[\\"${
        lsn - 200
      }\\",\\"${lsn}\\"]","schema":"public",` +
      `"table":"transactions","txId":${tx},"lsn":${lsn},"xmin":null},"op":"${op}","ts_ms":${
        ms + 70
      },` +
      `"transaction":{"id":"${tx}:${lsn}","total_order":${i % 5 + 1},"data_collection_order":${
        i % 5 + 1
      }}}`;
    const wrap = (schema: string, payload: string) =>
      withSchema ? `{"schema":${schema},"payload":${payload}}` : payload;
    records.push({
      topic: "bank.public.transactions",
      partition: 0,
      offset: i,
      timestampMs: ms,
      key: put(wrap(KEY_SCHEMA, `{"id":"${id}"}`)),
      value: put(wrap(VALUE_SCHEMA, envelope)),
      headers: {},
    });
  }
  return records;
}

const FETCH_BYTES = 1 << 20;

/** Puts texts one behind the other. */
function fetchBuffers(): (text: string) => Slice {
  const encoder = new TextEncoder();
  let { bytes, view } = Slice.of(new Uint8Array(FETCH_BYTES));
  let at = 0;
  return (text) => {
    if (at + text.length * 3 > bytes.length) {
      ({ bytes, view } = Slice.of(new Uint8Array(FETCH_BYTES)));
      at = 0;
    }
    const { written } = encoder.encodeInto(text, bytes.subarray(at));
    at += written;
    return new Slice(bytes, view, at - written, at);
  };
}
