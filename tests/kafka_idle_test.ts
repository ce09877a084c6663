/** What is done while a record waits for another: a real broker, a real warehouse. */
import assert from "node:assert/strict";
import { DEBEZIUM, envelope, write } from "../src/decode/debezium/events_fixture.ts";
import { needs } from "./skip.ts";
import { TestKafka } from "./support/kafka.ts";
import { KafkaReplica } from "./support/kafka_replica.ts";

/** A row of table `t`. */
const row = (id: number) => [["id", String(id)], ["v", '"x"']] as [string, string][];

Deno.test({
  ...needs("java", "a first change of key whose second half is late"),
  fn: async () => {
    await using kafka = await TestKafka.start();
    await kafka.createTopic("bank.public.t");
    const folder = await Deno.makeTempDir();
    {
      await using replica = await KafkaReplica.start({
        brokers: kafka.addresses.plain,
        dataDir: folder,
        poolBytes: 16 * 1024 * 1024,
        idleCommitMs: 20,
      });
      // The table is made for this half, which waits: meanwhile there are idle moments.
      const old = write(envelope(row(1), "null", { op: "d", lsn: 100 }), DEBEZIUM);
      const header = { "__debezium.newkey": '{"id":2}' };
      await kafka.produce("bank.public.t", [{ key: '{"id":1}', value: old, headers: header }]);
      await replica.until("the table is there", async () => {
        const views = "SELECT 1 FROM duckdb_views() WHERE view_name = 't'";
        return (await replica.query(views)).length === 1;
      });
      await kafka.produce("bank.public.t", [
        { key: '{"id":1}', value: null },
        {
          key: '{"id":2}',
          value: write(envelope("null", row(2), { op: "c", lsn: 100 }), DEBEZIUM),
          headers: { "__debezium.oldkey": '{"id":1}' },
        },
      ]);
      const rows = () => replica.query("SELECT id::INT, v FROM public.t");
      await replica.until("the new key is there", async () => (await rows()).length === 1);
      assert.deepEqual(await rows(), [[2, "x"]]);
    }
    await Deno.remove(folder, { recursive: true });
  },
});
