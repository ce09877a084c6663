/** Changes of keys whose records a crash of the connector's has cut apart: a real broker, a real
 * warehouse. */
import assert from "node:assert/strict";
import { DEBEZIUM, envelope, write } from "../src/decode/debezium/events_fixture.ts";
import { needs } from "./skip.ts";
import { TestKafka } from "./support/kafka.ts";
import { KafkaReplica } from "./support/kafka_replica.ts";

const TOPIC = "bank.public.t";

/** A row of table `t`. `text`: JSON. */
function row(id: number, text: string): [string, string][] {
  return [["id", String(id)], ["seq", text]];
}

const UNCHANGED = '"__debezium_unavailable_value"';

const made = {
  key: '{"id":1}',
  value: write(envelope("null", row(1, '"kept"'), { op: "c", lsn: 50 }), DEBEZIUM),
};
const deleted = {
  key: '{"id":1}',
  value: write(envelope(row(1, "null"), "null", { op: "d", lsn: 100 }), DEBEZIUM),
  headers: { "__debezium.newkey": '{"id":2}' },
};
const tombstone = { key: '{"id":1}', value: null };
/** The second half of the change of key. */
const moved = (table: string) => ({
  key: '{"id":2}',
  value: write(envelope("null", row(2, UNCHANGED), { op: "c", lsn: 100, table }), DEBEZIUM),
  headers: { "__debezium.oldkey": '{"id":1}' },
});
const again = {
  key: '{"id":1}',
  value: write(envelope("null", row(1, '"another"'), { op: "c", lsn: 120 }), DEBEZIUM),
};

Deno.test({
  ...needs(
    "java",
    "a change of key that a crash has cut in two keeps what it leaves out, or says so",
  ),
  fn: async () => {
    await using kafka = await TestKafka.start();
    await kafka.createTopic(TOPIC);
    const folder = await Deno.makeTempDir();
    const start = (onBadRecord: "stop" | "dead-letter" = "stop") =>
      KafkaReplica.start({
        onBadRecord,
        brokers: kafka.addresses.plain,
        dataDir: folder,
        poolBytes: 16 * 1024 * 1024,
        idleCommitMs: 20,
      });
    const seeing = async (replica: KafkaReplica, ops: string, rows: unknown[][]) => {
      await replica.until(`the change log has ${ops}`, async () => {
        const log = await replica.query("SELECT _op FROM public__changes.t ORDER BY _seq")
          .catch(() => []); // the table is not there yet
        return log.join("") === ops;
      });
      assert.deepEqual(await replica.query("SELECT id::INT, seq FROM public.t ORDER BY id"), rows);
    };
    {
      await using replica = await start();
      const cut = [made, deleted, tombstone];
      await kafka.produce(TOPIC, [...cut, ...cut, moved("t")]);
      await seeing(replica, "cdc", [[2, "kept"]]);
    }
    await Deno.remove(folder, { recursive: true });
    {
      await using replica = await start(); // the same, and what comes after it, in one batch
      await kafka.produce(TOPIC, [again]);
      await seeing(replica, "cdcc", [[1, "another"], [2, "kept"]]);
    }
    await Deno.remove(folder, { recursive: true });
    await kafka.createTopic("bank.public.lost");
    await kafka.produce("bank.public.lost", [moved("lost")]);
    {
      await using replica = await start();
      const ends = replica.until("it ends", () => false);
      await assert.rejects(ends, /"seq" of public.lost .*row of its old key is not known/);
    }
    {
      await using replica = await start("dead-letter");
      await replica.until("it is a dead letter", async () => {
        const letters = await replica.query('SELECT "table" FROM _sluice.dead_letters');
        return letters.join() === "public.lost";
      });
      await seeing(replica, "cdcc", [[1, "another"], [2, "kept"]]);
    }
    await Deno.remove(folder, { recursive: true });
  },
});
