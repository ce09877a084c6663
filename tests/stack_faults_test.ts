/**
 * What can go wrong between Debezium, Kafka and Sluice, on the real parts: each with what Sluice says
 * of it, and with what it does then.
 */
import assert from "node:assert/strict";
import { assertEqualToSource, openFile } from "./support/compare.ts";
import { cpuShare } from "./support/cpu.ts";
import type { TestDatabase } from "./support/postgres.ts";
import { type SluiceProcess, warehouseFile } from "./support/process.ts";
import { endOf, TestStack, untilReason, untilValue } from "./support/stack.ts";
import { kafkaClient } from "./support/topics.ts";
import { needs } from "./skip.ts";
import { until } from "./support/until.ts";

let stack: TestStack;

Deno.test.beforeAll(async () => {
  if (!needs("java", "").ignore) stack = await TestStack.start();
});
Deno.test.afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

/** A test with a database of its own, which has a table `t`. */
function test(name: string, id: string, fn: (database: TestDatabase) => Promise<void>) {
  Deno.test({
    ...needs("java", `stack: ${name}`),
    fn: async () => {
      await using database = await stack.database(id);
      await database.query(`CREATE TABLE t (id int PRIMARY KEY, note text);
        INSERT INTO t SELECT i, 'first' FROM generate_series(1, 100) i`);
      await fn(database);
    },
  });
}

const COUNT = "SELECT count(*)::VARCHAR FROM public.t";

async function stopped(sluice: SluiceProcess): Promise<void> {
  const { code, output } = await sluice.kill("SIGTERM");
  assert.equal(code, 0, output);
}

/** How many records were ever written to the topic, whichever partitions their keys put them in. */
async function recordsOf(topic: string): Promise<number> {
  const admin = kafkaClient(stack.brokers).admin();
  await admin.connect();
  try {
    const partitions = await admin.fetchTopicOffsets(topic);
    return partitions.reduce((records, { high }) => records + Number(high), 0);
  } finally {
    await admin.disconnect();
  }
}

test("retention overtakes the position", "ret", async (database) => {
  await stack.connector(database);
  {
    await using sluice = stack.sluice("ret");
    await sluice.ready();
    await untilValue(sluice, COUNT, "100");
    await stopped(sluice);
  }
  await database.query("INSERT INTO t SELECT i, 'later' FROM generate_series(101, 150) i");
  const topic = "ret.public.t";
  await until("the rows are in the topic", async () => await recordsOf(topic) === 150);
  const admin = kafkaClient(stack.brokers).admin();
  await admin.connect();
  await admin.fetchTopicOffsets(topic); // kafkajs deletes only where it knows the leader
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "120" }] });
  await admin.disconnect();
  await using lost = stack.sluice("ret");
  await endOf(
    lost,
    5,
    /ret\.public\.t\[0\] no longer has the changes after our position/,
    /offsets 120 to 150/,
    /offset 100 among them/,
    /--resnapshot/,
  );
  const env = { SLUICE_ON_BAD_RECORD: "dead-letter", SLUICE_TRANSACTION_TIMEOUT_SECONDS: "5" };
  await using again = stack.sluice("ret", { args: ["--resnapshot"], env });
  await again.ready();
  await untilValue(again, COUNT, "30");
  assert.match(again.output, /ret\.public\.t\[0\] begins at offset 120/);
  await database.query("INSERT INTO t VALUES (1000, 'after')");
  await untilValue(again, COUNT, "31");
});

test("a topic that appears later, and one that gets more partitions", "later", async (database) => {
  await database.query("CREATE TABLE u (id int PRIMARY KEY, note text)");
  await stack.connector(database, { "producer.override.metadata.max.age.ms": "500" });
  await using sluice = stack.sluice("later");
  await sluice.ready();
  await database.query("INSERT INTO u SELECT i, 'x' FROM generate_series(1, 50) i");
  await untilValue(sluice, "SELECT count(*)::VARCHAR FROM public.u", "50");
  const admin = kafkaClient(stack.brokers).admin();
  await admin.connect();
  await admin.createPartitions({ topicPartitions: [{ topic: "later.public.u", count: 3 }] });
  await until("rows go to the new partitions", async () => {
    await database.query(`INSERT INTO u SELECT coalesce(max(id), 0) + i, 'y'
      FROM u, generate_series(1, 10) i GROUP BY i`);
    const offsets = await admin.fetchTopicOffsets("later.public.u");
    return offsets.length === 3 && offsets.every(({ high }) => Number(high) > 0);
  });
  await admin.disconnect();
  await assertEqualInTheEnd(database, sluice, "u");
});

const THREE = {
  "topic.creation.groups": "rows",
  "topic.creation.rows.include": ".*\\.public\\..*",
  "topic.creation.rows.partitions": "3",
  "topic.creation.rows.replication.factor": "1",
};

test("a topic of several partitions from the start", "three", async (database) => {
  await stack.connector(database, THREE);
  await using sluice = stack.sluice("three");
  await sluice.ready();
  await database.query("UPDATE t SET note = 'changed' WHERE id % 3 = 0");
  await database.query("DELETE FROM t WHERE id % 7 = 0");
  await database.query("UPDATE t SET id = id + 1000 WHERE id % 5 = 0");
  await database.query("INSERT INTO t SELECT i, 'new' FROM generate_series(200, 400) i");
  await assertEqualInTheEnd(database, sluice, "t");
  await using running = stack.sluice("three");
  await running.ready();
  await database.query("TRUNCATE t");
  await endOf(running, 12, /a TRUNCATE of public\.t came by a topic of several partitions/);
});

test("a transaction topic of several partitions is refused", "marks", async (database) => {
  await stack.connector(database, { "topic.creation.default.partitions": "2" });
  await database.query("INSERT INTO t VALUES (200, 'x')");
  await until("its topic is there", async () => {
    return await recordsOf("marks.transaction").then((end) => end > 0, () => false);
  });
  await using sluice = stack.sluice("marks");
  await endOf(sluice, 4, /marks\.transaction has several partitions/, /topic\.creation/);
});

test("without transaction metadata", "plain", async (database) => {
  await stack.connector(database, { "provide.transaction.metadata": "false" });
  await using sluice = stack.sluice("plain");
  await sluice.ready();
  await database.query(`UPDATE t SET note = 'changed' WHERE id < 50;
    DELETE FROM t WHERE id < 10; UPDATE t SET id = -id WHERE id > 90`);
  await assertEqualInTheEnd(database, sluice, "t");
});

test("two in one group: each says which partitions it lacks", "two", async (database) => {
  await stack.connector(database);
  await using first = stack.sluice("two");
  await first.ready();
  {
    await using second = stack.sluice("two", { data: "two-b" });
    for (const each of [first, second]) {
      const reason = await untilReason(each, /partitions are not ours/);
      assert.match(reason, /such as \S*two\S*\[0\]/);
      assert.match(reason, /SLUICE_KAFKA_GROUP/);
    }
    await stopped(second);
  }
  await first.ready();
  await database.query("INSERT INTO t VALUES (200, 'x')");
  await untilValue(first, COUNT, "101");
});

test("the broker is down, while Sluice runs and when it starts", "down", async (database) => {
  const connector = await stack.connector(database);
  const { broker } = stack.stack;
  {
    await using sluice = stack.sluice("down");
    await sluice.ready();
    await broker.kill();
    await untilReason(sluice, /Waiting: .*|The source is not connected/);
    assert.equal((await sluice.sql(COUNT))?.rows[0][0], "100");
    assert.equal((await sluice.fetch("/healthz"))?.status, 200);
    await broker.start();
    await connector.revive();
    await database.query("INSERT INTO t VALUES (200, 'x')");
    await untilValue(sluice, COUNT, "101");
    await sluice.ready();
    await stopped(sluice);
  }
  await broker.kill();
  await using sluice = stack.sluice("down");
  const reason = await untilReason(sluice, /Waiting: /);
  assert.match(reason, new RegExp(stack.brokers.replaceAll(".", "\\.")));
  assert.equal((await sluice.sql(COUNT))?.rows[0][0], "101");
  await broker.start();
  await connector.revive();
  await database.query("INSERT INTO t VALUES (201, 'y')");
  await untilValue(sluice, COUNT, "102");
  await sluice.ready();
});

test("the connector takes a second snapshot", "twice", async (database) => {
  const connector = await stack.connector(database);
  await using first = stack.sluice("twice", { env: { SLUICE_KAFKA_GROUP: "twice-a" } });
  const filled = { data: "twice-b", env: { SLUICE_KAFKA_GROUP: "twice-b" } };
  await using second = stack.sluice("twice", filled);
  await Promise.all([first.ready(), second.ready()]);
  await database.query("INSERT INTO t VALUES (500, 'streamed')");
  await Promise.all([untilValue(first, COUNT, "101"), untilValue(second, COUNT, "101")]);
  await connector.remove();
  await database.query("DELETE FROM t WHERE id <= 10; UPDATE t SET note = 'gap' WHERE id = 11");
  await stack.connector(database, {}, "twice_again");
  for (const each of [first, second]) {
    const reason = await untilReason(each, /The connector has taken a new snapshot/);
    assert.match(reason, /--resnapshot .*--accept-snapshot/);
    await untilValue(each, "SELECT note FROM public.t WHERE id = 11", "gap");
    await stopped(each);
  }
  await using stillThere = stack.sluice("twice", { env: { SLUICE_KAFKA_GROUP: "twice-a" } });
  await untilReason(stillThere, /The connector has taken a new snapshot/);
  await stopped(stillThere);
  await using accepted = stack.sluice("twice", {
    args: ["--accept-snapshot"],
    env: { SLUICE_KAFKA_GROUP: "twice-a" },
  });
  await accepted.ready();
  await untilValue(accepted, COUNT, "101"); // the deleted rows have no event
  await using again = stack.sluice("twice", { ...filled, args: ["--resnapshot"] });
  await again.ready();
  await untilValue(again, COUNT, "91");
  await database.query("INSERT INTO t VALUES (501, 'after')");
  await untilValue(accepted, COUNT, "102");
  await assertEqualInTheEnd(database, again, "t", "twice-b");
});

test("idle, it takes next to nothing of the CPU", "idle", async (database) => {
  await stack.connector(database, { "heartbeat.interval.ms": "10000" });
  await using sluice = stack.sluice("idle", { env: { SLUICE_IDLE_COMMIT_SECONDS: "10" } });
  await sluice.ready();
  const share = await cpuShare(sluice.pid, 20_000);
  console.log(`idle: ${(share * 100).toFixed(2)}% of a core`);
  assert.ok(share < 0.1, `${share}`); // it is to be 2%; machines are noisy
});

/** Waits until all is read, stops, and compares with the source, row by row. */
async function assertEqualInTheEnd(
  database: TestDatabase,
  sluice: SluiceProcess,
  table: string,
  data = database.name,
): Promise<void> {
  const [[rows]] = await database.rows(
    `SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM ${table} t`,
  );
  await until(`${table} is equal`, async () => {
    const sql =
      `SELECT md5(string_agg('(' || id || ',' || note || ')', ',' ORDER BY id)) FROM public.${table}`;
    return (await sluice.sql(sql))?.rows[0][0] === rows;
  });
  await sluice.ready();
  await stopped(sluice);
  await using warehouse = await openFile(warehouseFile(stack.dataDir(data)));
  await assertEqualToSource(database, warehouse);
}
