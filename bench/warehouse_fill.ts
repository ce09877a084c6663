/** A warehouse that has the bank's rows already, as after a snapshot, for events of bank_events.ts. */
import { Pool } from "../src/batch/pool.ts";
import type { Table } from "../src/catalog/catalog.ts";
import { debeziumCodec } from "../src/decode/debezium/codec.ts";
import type { KafkaRecord } from "../src/decode/decoder.ts";
import { progressBar } from "../src/progress.ts";
import { Warehouse } from "../src/sink/warehouse/duckdb.ts";
import type { KafkaPosition } from "../src/source/position.ts";
import { idOf } from "./bank_events.ts";
import { BANK_TABLES, type BankTable, Values } from "./bank_tables.ts";
import { Slice } from "../src/slice.ts";

const MB = 1024 * 1024;
/** Rows that differ in more than their ids. */
const DIFFERENT = 1000;

/** What the warehouse is made from. */
export interface FillOptions {
  readonly dataDir: string;
  readonly memoryBytes: number;
  /** As the source's catalogue has them. */
  readonly tables: readonly Table[];
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
  readonly clusterId: string;
  readonly prefix: string;
}

/** Fills an empty warehouse. A `serve` on it goes on at the topics' beginning. */
export async function fillWarehouse(options: FillOptions): Promise<void> {
  const { dataDir, memoryBytes, tables, rows, clusterId, prefix } = options;
  const total = Object.values(rows).reduce((sum, n) => sum + n, 0);
  const warehouse = await Warehouse.open({ dataDir, memoryBytes });
  using pool = new Pool(128 * MB);
  const codec = debeziumCodec();
  const head = codec.head();
  const layouts = await warehouse.beginSnapshot(tables);
  using bar = progressBar("rows into the warehouse", total, { unit: "rows" });
  let batch = pool.take()!;
  let seq = 0;
  const write = async () => {
    batch.become("sealed");
    batch.become("applying");
    await warehouse.write(batch);
    pool.give(batch);
    bar.update(seq);
  };
  for (const [salt, table] of BANK_TABLES.entries()) {
    const layout = layouts.find(({ name }) => name === `public.${table.name}`)!;
    const decoder = codec.rows(layout);
    const different = recordsOf(table, prefix);
    for (let row = 0; row < rows[table.name]; row++) {
      const record = different[row % DIFFERENT];
      rename(record, idOf(salt, row));
      const fault = codec.scan(record, head);
      if (fault !== undefined) throw fault;
      let stop = decoder.decode(record, head, batch, seq + 1);
      if (stop?.kind === "full") {
        await write();
        batch = pool.take()!;
        stop = decoder.decode(record, head, batch, seq + 1);
      }
      if (stop !== undefined) throw new Error(`a row could not be decoded: ${stop.kind}`);
      seq++;
    }
  }
  await write();
  const position: KafkaPosition = {
    kind: "kafka",
    clusterId,
    prefix,
    topics: {},
    snapshot: { phase: "done", lsn: 1, again: null },
    lsn: 1,
  };
  await warehouse.commit(position, seq, null);
  await warehouse.maintain(true);
  await warehouse.close();
}

const ID = "00000000-0000-0000-0000-000000000000";

/** Rows of a snapshot whose ids are still to be written. */
function recordsOf(table: BankTable, prefix: string): KafkaRecord[] {
  const values = new Values(7);
  return Array.from({ length: DIFFERENT }, (_, i) => ({
    topic: `${prefix}.public.${table.name}`,
    partition: 0,
    offset: 0,
    timestampMs: 0,
    key: sliceOf(`{"id":"${ID}"}`),
    value: sliceOf(
      `{"before":null,"after":{"id":"${ID}"${table.rest(values, i)}},"source":{"version":` +
        `"2.3.4.Final","connector":"postgresql","name":"${prefix}","ts_ms":1794000000000,` +
        `"snapshot":"true","db":"bank","sequence":"[null,\\"1\\"]","schema":"public",` +
        `"table":"${table.name}","txId":700,"lsn":1,"xmin":null},"op":"r",` +
        `"ts_ms":1794000000070,"transaction":null}`,
    ),
    headers: {},
  }));
}

const VALUE_AT = `{"before":null,"after":{"id":"`.length;
const KEY_AT = `{"id":"`.length;

function sliceOf(text: string): Slice {
  return Slice.of(new TextEncoder().encode(text));
}

function rename({ key, value }: KafkaRecord, id: string): void {
  write(key!, KEY_AT, id);
  write(value!, VALUE_AT, id);
}

function write({ bytes, start }: Slice, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[start + at + i] = text.charCodeAt(i);
}
