/** What is done while a record waits for another: a real broker, a real warehouse. */
import assert from "node:assert/strict";
import { Pool } from "../src/batch/pool.ts";
import { debeziumCodec } from "../src/decode/debezium/codec.ts";
import { DEBEZIUM, envelope, write } from "../src/decode/debezium/events_fixture.ts";
import { Pipeline } from "../src/pipeline.ts";
import { Warehouse } from "../src/sink/warehouse/duckdb.ts";
import { KafkaSource } from "../src/source/kafka/kafka.ts";
import { needs } from "./skip.ts";
import { TestKafka } from "./support/kafka.ts";
import { clusterOptions } from "./support/kafka_reading.ts";
import { until } from "./support/until.ts";

const MB = 1024 * 1024;

/** A row of table `t`. */
const row = (id: number) => [["id", String(id)], ["v", '"x"']] as [string, string][];

Deno.test({
  ...needs("java", "a first change of key whose second half is late"),
  fn: async () => {
    await using kafka = await TestKafka.start();
    await kafka.createTopic("bank.public.t");
    const folder = await Deno.makeTempDir();
    const warehouse = await Warehouse.open({ dataDir: folder, memoryBytes: 256 * MB });
    const source = new KafkaSource({
      ...clusterOptions(kafka.addresses.plain),
      prefix: "bank",
      tables: ["public.*"],
      databaseUrl: undefined,
      patienceMs: 60_000,
      acceptSnapshot: false,
    }, debeziumCodec());
    using pool = new Pool(16 * MB);
    const pipeline = new Pipeline({
      source,
      sink: warehouse,
      pool,
      resnapshot: false,
      onBadRecord: "stop",
      lettersMax: 0,
      idleCommitMs: 20,
      onApplied: () => {},
    });
    const run = pipeline.run();
    const reader = await warehouse.instance.connect();
    const rows = async (sql: string) => (await reader.runAndReadAll(sql)).getRowsJson();
    try {
      // The table is made for this half, which waits: meanwhile there are idle moments.
      const old = write(envelope(row(1), "null", { op: "d", lsn: 100 }), DEBEZIUM);
      const header = { "__debezium.newkey": '{"id":2}' };
      await kafka.produce("bank.public.t", [{ key: '{"id":1}', value: old, headers: header }]);
      const isMade = async () =>
        (await rows("SELECT 1 FROM duckdb_views() WHERE view_name = 't'")).length === 1;
      await Promise.race([run, until("the table is there", isMade)]);
      await kafka.produce("bank.public.t", [
        { key: '{"id":1}', value: null },
        {
          key: '{"id":2}',
          value: write(envelope("null", row(2), { op: "c", lsn: 100 }), DEBEZIUM),
          headers: { "__debezium.oldkey": '{"id":1}' },
        },
      ]);
      const isThere = async () => (await rows("SELECT id FROM public.t")).length === 1;
      await Promise.race([run, until("the new key is there", isThere)]);
      assert.deepEqual(await rows("SELECT id::INT, v FROM public.t"), [[2, "x"]]);
    } finally {
      reader.closeSync();
      pipeline.stop();
      await run.finally(async () => {
        await source.close();
        await warehouse.close();
        await Deno.remove(folder, { recursive: true });
      });
    }
  },
});
