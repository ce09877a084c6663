/**
 * A backlog that is much larger than what may be read ahead, of tables of very different sizes and
 * with the transaction topic, from a real broker into a real warehouse.
 */
import assert from "node:assert/strict";
import { BankEvents } from "../bench/bank_events.ts";
import { BenchBroker } from "../bench/kafka_broker.ts";
import { Pool } from "../src/batch/pool.ts";
import { debeziumCodec } from "../src/decode/debezium/codec.ts";
import { Pipeline } from "../src/pipeline.ts";
import { Warehouse } from "../src/sink/warehouse/duckdb.ts";
import { KafkaSource } from "../src/source/kafka/kafka.ts";
import { needs } from "./skip.ts";
import { clusterOptions } from "./support/kafka_reading.ts";
import { until } from "./support/until.ts";

const MB = 1024 * 1024;
/** With their marks some 40 MB as they are counted when read ahead. */
const CHANGES = 30_000;

Deno.test({
  ...needs("java", "a backlog larger than the read-ahead is drained"),
  fn: async () => {
    await using broker = await BenchBroker.start();
    const events = new BankEvents({ prefix: "bank", withSchemas: false });
    await broker.fill(events, CHANGES, "changes into topics");

    const warehouse = await Warehouse.open({
      dataDir: broker.place("data"),
      memoryBytes: 256 * MB,
    });
    const source = new KafkaSource({
      ...clusterOptions(broker.brokers, { bufferedBytesMax: 4 * MB }),
      prefix: "bank",
      tables: ["public.*"],
      databaseUrl: undefined,
      patienceMs: 60_000,
      acceptSnapshot: false,
    }, debeziumCodec());
    using pool = new Pool(64 * MB);
    let changes = 0;
    const pipeline = new Pipeline({
      source,
      sink: warehouse,
      pool,
      resnapshot: false,
      onBadRecord: "stop",
      lettersMax: 0,
      idleCommitMs: 10_000,
      onApplied: ({ tables }) => {
        for (const { counts } of tables) for (const n of Object.values(counts)) changes += n;
      },
    });
    const run = pipeline.run();
    await Promise.race([run, until("all is applied", () => changes >= CHANGES)]);
    pipeline.stop();
    await run;
    assert.equal(changes, events.changes);
    const connection = await warehouse.instance.connect();
    for (const [table, rows] of Object.entries(events.rowsAfter)) {
      const sql = `SELECT count(*) FROM public.${table}`;
      const [[found]] = (await connection.runAndReadAll(sql)).getRows();
      assert.equal(Number(found), rows, table);
    }
    connection.closeSync();
    await source.close();
    await warehouse.close();
  },
});
