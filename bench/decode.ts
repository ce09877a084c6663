/**
 * Debezium's JSON into columns and DuckDB, in memory, on one thread; beside `JSON.parse` with
 * DuckDB's row appender on the same events, in the same run.
 */
import { type DuckDBConnection, DuckDBInstance, DuckDBTimestampValue } from "@duckdb/node-api";
import { Batch } from "../src/batch/batch.ts";
import { TableLayout } from "../src/batch/column.ts";
import type {
  ChangeHead,
  DebeziumCodec,
  DebeziumRows,
  KafkaRecord,
} from "../src/decode/decoder.ts";
import { debeziumCodec } from "../src/decode/debezium/codec.ts";
import type { Slice } from "../src/slice.ts";
import { Appender } from "../src/sink/warehouse/append.ts";
import { createDelta } from "../src/sink/warehouse/merge.ts";
import { makeEvents, TABLE } from "./decode_events.ts";
import { type BenchOptions, type Row, Stopwatch } from "./report.ts";
import { allocatedBytes } from "./usage.ts";

const SLAB_BYTES = 32 * 1024 * 1024;
/** Events in memory; they are gone through as often as it takes. */
const EVENTS = 50_000;

/** Decodes records into a batch, and appends it when it is full. */
class Path {
  readonly codec: DebeziumCodec = debeziumCodec();
  readonly head: ChangeHead = this.codec.head();
  readonly layout = new TableLayout(TABLE);
  readonly rows: DebeziumRows = this.codec.rows(this.layout);
  readonly batch = new Batch(new ArrayBuffer(SLAB_BYTES));
  seq = 0;

  constructor(private readonly connection: DuckDBConnection | undefined) {
    this.batch.become("filling");
  }

  async run(records: readonly KafkaRecord[]): Promise<void> {
    const { codec, head, rows, batch } = this;
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      const fault = codec.scan(record, head);
      if (fault !== undefined) throw fault;
      if (head.op === null) continue;
      const stop = rows.decode(record, head, batch, this.seq + 1);
      if (stop === undefined) this.seq++;
      else if (stop.kind === "fault") throw stop.fault;
      else {
        await this.flush();
        i--;
      }
    }
  }

  async flush(): Promise<void> {
    const segment = this.batch.segments.get(this.layout);
    if (segment !== undefined && this.connection !== undefined) {
      const sources = segment.layout.columns.map((_, i) => i);
      const delta = { catalog: "temp", schema: "main", name: "delta", sources };
      await new Appender(this.connection).append(delta, this.batch, segment);
    }
    this.batch.discard();
    this.batch.become("filling");
  }
}

async function database(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  await connection.run(createDelta(new TableLayout(TABLE), "delta"));
  return connection;
}

/** Time, CPU time and what V8's heap was asked for, since it was made. */
class Meter {
  readonly #stopwatch = new Stopwatch();
  readonly #allocated = allocatedBytes();

  /** A line of the table for so many rows. */
  row(what: string, rows: number, note: string): Row {
    const { seconds, cpuSeconds } = this.#stopwatch.read();
    const figures = {
      "CPU ns a row": Math.round(cpuSeconds * 1e9 / rows),
      "heap B a row": Math.round((allocatedBytes() - this.#allocated) / rows * 10) / 10,
    };
    return { what, rows, seconds, cpuSeconds, figures, note };
  }
}

/** Rows a second of decode and append, or of decoding alone. */
async function ours(
  what: string,
  records: readonly KafkaRecord[],
  rows: number,
  append: boolean,
  note: string,
): Promise<Row> {
  const connection = append ? await database() : undefined;
  const path = new Path(connection);
  await path.run(records.slice(0, 20_000)); // warm
  await path.flush();
  const meter = new Meter();
  const from = path.seq;
  while (path.seq - from < rows) await path.run(records);
  await path.flush();
  const row = meter.row(what, path.seq - from, note);
  connection?.closeSync();
  return row;
}

// deno-lint-ignore no-explicit-any
type Any = any;

/** What the peer's decoder takes. */
function arrayOf({ bytes, start, stop }: Slice): Uint8Array {
  return bytes.subarray(start, stop);
}

/** The same rows by JSON.parse and the row appender. */
async function peer(records: readonly KafkaRecord[], rows: number): Promise<Row> {
  const connection = await database();
  const decoder = new TextDecoder();
  const appender = await connection.createAppender("delta", "main", "temp");
  let seq = 0;
  const meter = new Meter();
  while (seq < rows) {
    for (const { key, value } of records) {
      if (key === null || value === null) continue;
      const { after, source, op }: Any = JSON.parse(decoder.decode(arrayOf(value)));
      const row = after ?? JSON.parse(decoder.decode(arrayOf(key)));
      appender.appendUTinyInt(op.charCodeAt(0));
      appender.appendBigInt(BigInt(++seq));
      appender.appendUBigInt(BigInt(source.lsn));
      appender.appendBigInt(BigInt(source.txId));
      appender.appendTimestamp(new DuckDBTimestampValue(BigInt(source.ts_ms) * 1000n));
      appender.appendNull();
      appendRow(appender, row);
      appender.endRow();
    }
  }
  appender.flushSync();
  const note = "the same events by TextDecoder, JSON.parse and DuckDB's row appender, typed alike";
  const row = meter.row("JSON.parse", seq, note);
  appender.closeSync();
  connection.closeSync();
  return row;
}

/** What the appender has no call of its own for is given as text, which DuckDB casts: the faster way. */
function appendRow(appender: Any, row: Any): void {
  for (const { name, type } of TABLE.columns) {
    const value = row[name];
    if (value === null || value === undefined) appender.appendNull();
    else if (type.kind === "int8") appender.appendBigInt(BigInt(value));
    else if (type.kind === "bool") appender.appendBoolean(value);
    else if (type.kind === "date") appender.appendDate({ days: value });
    else appender.appendVarchar(value);
  }
}

export async function benchDecode({ rows = 1_000_000 }: BenchOptions): Promise<Row[]> {
  const plain = makeEvents(EVENTS, false);
  const withSchema = makeEvents(EVENTS, true);
  const bytes = (records: readonly KafkaRecord[]) =>
    Math.round(
      records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0) /
        records.length,
    );
  const mix = "70% updates, 25% creates, 5% deletes";
  return [
    await ours("sluice decode", plain, rows, false, `${mix}; ${bytes(plain)} bytes an event`),
    await ours("sluice", plain, rows, true, "the same, and appended to DuckDB in memory"),
    await ours(
      "sluice decode, schemas",
      withSchema,
      rows,
      false,
      `with schemas, ${bytes(withSchema)} bytes an event`,
    ),
    await ours("sluice, schemas", withSchema, rows, true, "the same, and appended"),
    await peer(plain, Math.min(rows, 300_000)),
  ];
}
