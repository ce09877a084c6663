/** Debezium's codec as the Kafka source takes it, so that neither stage knows the other's inside. */
import type { DebeziumCodec } from "../decoder.ts";
import type { DebeziumOptions } from "./column_reader.ts";
import { describe } from "./describe.ts";
import { Scanner } from "./envelope.ts";
import { DebeziumHead } from "./head.ts";
import { TableRows } from "./rows.ts";
import { TransactionScanner } from "./transaction.ts";

export type { DebeziumOptions };

/** Debezium's own defaults, but for decimals, which only text keeps exact without a schema. */
export const DEFAULT_OPTIONS: DebeziumOptions = {
  decimal: "string",
  time: "adaptive",
  binary: "base64",
  placeholder: "__debezium_unavailable_value",
};

/** A codec for a connector that was set up like this. */
export function debeziumCodec(options: Partial<DebeziumOptions> = {}): DebeziumCodec {
  const all: DebeziumOptions = { ...DEFAULT_OPTIONS, ...options };
  const scanner = new Scanner();
  const transactions = new TransactionScanner();
  return {
    head: () => new DebeziumHead(),
    scan: (record, head) => scanner.scan(record, head as DebeziumHead),
    scanTransaction: (record) => transactions.scan(record),
    describe: (record, head, known) => describe(record, head as DebeziumHead, known),
    rows: (layout) => new TableRows(layout, all),
  };
}
