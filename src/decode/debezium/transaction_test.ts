/** A scanner that knows the schema of a topic's marks must read what one that knows nothing reads. */
import assert from "node:assert/strict";
import { Fault } from "../../errors.ts";
import type { KafkaRecord, TransactionMark } from "../decoder.ts";
import { TransactionScanner } from "./transaction.ts";
import { amid } from "../../slice_fixture.ts";

const SCHEMA = JSON.stringify({
  type: "struct",
  fields: ["status", "id"].map((field) => ({ type: "string", optional: false, field })),
  name: "io.debezium.connector.common.TransactionMetadataValue",
});
const COUNTS = `[{"data_collection":"public.users","event_count":2},` +
  `{"data_collection":"public.wallets","event_count":1}]`;

function mark(status: string, tx: number, counts: string): string {
  return `{"status":"${status}","id":"${tx}:311630592","event_count":null,` +
    `"data_collections":${counts},"ts_ms":1795000000000}`;
}

function wrapped(payload: string, schema = SCHEMA): string {
  return `{"schema":${schema},"payload":${payload}}`;
}

function record(value: Uint8Array): KafkaRecord {
  return {
    topic: "bank.transaction",
    partition: 0,
    offset: 7,
    timestampMs: 0,
    key: null,
    value: amid(value),
    headers: {},
  };
}

const encode = (text: string) => new TextEncoder().encode(text);

/** What a scanner says, without what a message says of the bytes. */
function said(scanner: TransactionScanner, value: Uint8Array): TransactionMark | "fault" {
  const found = scanner.scan(record(value));
  return found instanceof Fault ? "fault" : found;
}

/** One that has read marks with a schema. */
function learnt(): TransactionScanner {
  const scanner = new TransactionScanner();
  for (const status of ["BEGIN", "END"]) {
    said(scanner, encode(wrapped(mark(status, 779, status === "END" ? COUNTS : "null"))));
  }
  return scanner;
}

Deno.test("transaction marks: with a known schema, as without", () => {
  const payload = mark("END", 780, COUNTS);
  const whole: TransactionMark = {
    status: "END",
    tx: 780,
    lsn: 311630592,
    counts: [{ table: "public.users", rows: 2 }, { table: "public.wallets", rows: 1 }],
  };
  const texts: [string, TransactionMark | "fault"][] = [
    [wrapped(payload), whole],
    [payload, whole],
    [wrapped(` ${payload} `), whole],
    [`{"payload":${payload},"schema":${SCHEMA}}`, whole],
    [`{"payload":${payload}}`, "fault"],
    [wrapped(payload, SCHEMA.replace("string", "int64 ")), whole],
    [wrapped("null"), "fault"],
    [wrapped("{}"), "fault"],
    [wrapped(payload).slice(0, -1), "fault"],
    [`${wrapped(payload)}}`, "fault"],
    [wrapped(payload, SCHEMA.slice(1)), "fault"],
    [wrapped(payload.replace('"END"', '"ABORT"')), "fault"],
  ];
  const scanner = learnt();
  for (const [text, expected] of texts) {
    assert.deepEqual(said(scanner, encode(text)), expected, text);
    assert.deepEqual(said(new TransactionScanner(), encode(text)), expected, text);
  }
});

Deno.test("transaction marks: the same answer on every damaged byte", () => {
  const bytes = encode(wrapped(mark("END", 780, COUNTS)));
  const scanner = learnt();
  for (let at = 0; at < bytes.length; at++) {
    for (const byte of ['"', "}", "{", ",", "\\", "0", " ", "\u0001", "x"]) {
      const damaged = bytes.slice();
      damaged[at] = byte.charCodeAt(0);
      assert.deepEqual(
        said(scanner, damaged),
        said(new TransactionScanner(), damaged),
        `${byte} at ${at}`,
      );
    }
  }
});
