/**
 * A backlog that is much larger than what may be read ahead, of tables of very different sizes and
 * with the transaction topic, from a real broker into a real warehouse.
 */
import assert from "node:assert/strict";
import { BankEvents } from "../bench/bank_events.ts";
import { BenchBroker } from "../bench/kafka_broker.ts";
import { needs } from "./skip.ts";
import { KafkaReplica } from "./support/kafka_replica.ts";

const MB = 1024 * 1024;
/** With their marks some 40 MB as they are counted when read ahead. */
const CHANGES = 30_000;

Deno.test({
  ...needs("java", "a backlog larger than the read-ahead is drained"),
  fn: async () => {
    await using broker = await BenchBroker.start();
    const events = new BankEvents({ prefix: "bank", withSchemas: false });
    await broker.fill(events, CHANGES, "changes into topics");

    let changes = 0;
    await using replica = await KafkaReplica.start({
      brokers: broker.brokers,
      dataDir: broker.place("data"),
      bufferedBytesMax: 4 * MB,
      poolBytes: 64 * MB,
      idleCommitMs: 10_000,
      onApplied: ({ tables }) => {
        for (const { counts } of tables) for (const n of Object.values(counts)) changes += n;
      },
    });
    await replica.until("all is applied", () => changes >= CHANGES);
    await replica.stop();
    assert.equal(changes, events.changes);
    for (const [table, rows] of Object.entries(events.rowsAfter)) {
      const [[found]] = await replica.query(`SELECT count(*) FROM public.${table}`);
      assert.equal(Number(found), rows, table);
    }
  },
});
