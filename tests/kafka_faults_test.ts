/** What goes wrong between the Kafka source and a real broker, and what it says and does then. */
import assert from "node:assert/strict";
import type { SaslOptions } from "../src/source/kafka/feed.ts";
import { connectCluster } from "../src/source/kafka/cluster.ts";
import { needs } from "./skip.ts";
import { PASSWORDS, TestKafka } from "./support/kafka.ts";
import {
  assertOrdered,
  beginning,
  clusterOptions,
  faultOf,
  lines,
  Reading,
} from "./support/kafka_reading.ts";
import { warningsOf } from "./support/log.ts";
import { until } from "./support/until.ts";

const CHILD = new URL("support/kafka_child.ts", import.meta.url).pathname;
let kafka: TestKafka;

if (needs("java", "").ignore === false) {
  Deno.test.beforeAll(async () => {
    kafka = await TestKafka.start();
  });
  Deno.test.afterAll(async () => {
    await kafka[Symbol.asyncDispose]();
  });
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ ...needs("java", `kafka faults: ${name}`), fn });
}

const options = (given = {}) => clusterOptions(kafka.addresses.plain, given);
const read = (topics: Record<string, number>, given = {}) =>
  Reading.start(options(given), beginning(topics));

const login = (user: string, password: string, mechanism: SaslOptions["mechanism"] = "plain") => ({
  sasl: { mechanism, username: user, password },
});
const stranger = () => login("stranger", PASSWORDS.stranger);

test("TLS, and every mechanism of SASL with and without it", async () => {
  await kafka.createTopic("secret");
  await kafka.produce("secret", [{ value: "x" }]);
  const { tls, saslPlain, saslTls } = kafka.addresses;
  const ca = { tls: { ca: kafka.authority } };
  const ways = (["plain", "scram-sha-256", "scram-sha-512"] as const).flatMap((mechanism) => {
    const sasl = login("reader", PASSWORDS.reader, mechanism);
    return [clusterOptions(saslPlain, sasl), clusterOptions(saslTls, { ...ca, ...sasl })];
  });
  await Promise.all([clusterOptions(tls, ca), ...ways].map(async (way) => {
    await using reading = await Reading.start(way, beginning({ secret: 1 }));
    await reading.take(1);
    assert.deepEqual(lines(reading.taken), ["secret[0]@0 x"]);
  }));
});

test("a wrong address, listener, certificate or login is named, with what to do", async () => {
  const { plain, tls, saslPlain, saslTls } = kafka.addresses;
  const ca = { tls: { ca: kafka.authority } };
  const refused = (brokers: string, given: object, kind: "setup" | "connection", says: RegExp) =>
    faultOf(ask(clusterOptions(brokers, given)), kind, says, new RegExp(brokers));
  const ask = async (given: ReturnType<typeof clusterOptions>) => {
    const cluster = connectCluster(given);
    try {
      return await cluster.id();
    } finally {
      await cluster.close();
    }
  };
  const wrong = (["plain", "scram-sha-256", "scram-sha-512"] as const).flatMap((mechanism) => [
    refused(saslPlain, login("reader", "wrong", mechanism), "setup", /user or its password/),
    refused(
      saslTls,
      { ...ca, ...login("nobody", "x", mechanism) },
      "setup",
      /user or its password/,
    ),
  ]);
  await Promise.all([
    ...wrong,
    refused(plain, stranger(), "setup", /listener wants no login/),
    refused(saslPlain, {}, "connection", /closed the connection.*may want TLS or a login/),
    refused(tls, {}, "connection", /closed the connection.*may want TLS or a login/),
    refused(plain, ca, "connection", /TLS was being set up.*may have no TLS/),
    refused(tls, { tls: {} }, "setup", /certificate can't be verified.*SLUICE_KAFKA_TLS_CA/),
    refused(tls.replace("127.0.0.1", "localhost"), ca, "setup", /for another host name/),
    refused("127.0.0.1:1", {}, "connection", /nothing listens/),
    refused("no-such-host.invalid:9092", {}, "connection", /host name is not known/),
  ]);
});

test("a user without a right on a topic or the group is told which", async () => {
  await kafka.createTopic("rights");
  await kafka.produce("rights", [{ value: "x" }]);
  const given = clusterOptions(kafka.addresses.saslPlain, stranger());
  const start = beginning({ rights: 1 });
  await faultOf(Reading.start(given, start), "setup", /may not read a topic/, /rights/);
  await kafka.allow("stranger", "topic", "rights", "describe");
  await faultOf(Reading.start(given, start), "setup", /may not join the consumer group/);
  await kafka.allow("stranger", "group", given.group, "read");
  {
    await using reading = await Reading.start(given, start);
    await reading.fault("setup", /may not read a topic/);
  }
  await kafka.allow("stranger", "topic", "rights", "read");
  await using reading = await Reading.start(given, start);
  await reading.take(1);
});

test("a position that the broker can't go on from is refused at the start", async () => {
  await kafka.createTopic("lost", { partitions: 2 });
  await kafka.produce("lost", Array(10).fill({ partition: 1, value: "x" }));
  await kafka.deleteRecords("lost", 1, 4);
  const start = (offsets: number[]) => Reading.start(options(), new Map([["lost", offsets]]));
  await faultOf(
    start([0, 3]),
    "position-lost",
    /retention.* lost\[1\].*position 3.*has 4 to 10.*--resnapshot/,
  );
  await faultOf(start([1, 4]), "position-lost", /lost\[0\].*made again.*position 1.*0 to 0/);
  await faultOf(start([0, 4, 0]), "position-lost", /lost\[2\].*is gone.*--resnapshot/);
  await faultOf(start([0]), "connection", /more partitions/);
  await faultOf(read({ nowhere: 1 }), "position-lost", /nowhere\[0\].*is gone.*--resnapshot/);
  await using reading = await start([0, 4]);
  await reading.take(6);
});

test("retention that overtakes a reading ends it; nothing of what follows is given", async () => {
  await kafka.createTopic("overtaken");
  const value = "x".repeat(100_000);
  for (let i = 0; i < 10; i++) await kafka.produce("overtaken", Array(5).fill({ value }));
  await using reading = await read({ overtaken: 1 }, { bufferedBytesMax: 1024 * 1024 });
  const feed = reading.feed("overtaken");
  await reading.until(
    "it is full",
    () => reading.feeds.bufferedBytes >= reading.feeds.bufferedBytesMax,
  );
  await kafka.deleteRecords("overtaken", 0, 40);
  await reading.fault("position-lost", /overtaken\[0\].*has 40 to 50/, /--resnapshot/);
  assertOrdered(reading.taken);
  assert.ok(reading.taken.length > 0 && reading.taken.length < 40, `${reading.taken.length}`);
  assert.equal(feed.next, reading.taken.length);
  assert.ok((await reading.feeds.changed().catch((error) => error)).kind === "position-lost");
});

test("retention that empties an idle partition behind our back is seen as well", async () => {
  await kafka.createTopic("emptied");
  const value = "x".repeat(100_000);
  for (let i = 0; i < 4; i++) await kafka.produce("emptied", Array(5).fill({ value }));
  await using reading = await read({ emptied: 1 }, { bufferedBytesMax: 1024 * 1024 });
  await reading.until(
    "it is full",
    () => reading.feeds.bufferedBytes >= reading.feeds.bufferedBytesMax,
  );
  await kafka.deleteRecords("emptied", 0, 20);
  await reading.fault("position-lost", /has 20 to 20/);
});

test("a topic that is deleted, or made again, ends the reading", async () => {
  const readings = await Promise.all(["deleted", "again"].map(async (topic) => {
    await kafka.createTopic(topic);
    await kafka.produce(topic, Array(5).fill({ value: "x" }));
    const reading = await read({ [topic]: 1 });
    await reading.take(5);
    return reading;
  }));
  await kafka.deleteTopic("deleted");
  await kafka.deleteTopic("again");
  await kafka.createTopic("again");
  await Promise.all(readings.map(async (reading) => {
    const name = new RegExp(`${reading.feeds.all[0].topic}\\[0\\]`);
    await reading.fault("position-lost", name, /--resnapshot/);
    await reading[Symbol.asyncDispose]();
  }));
});

for (const codec of ["zstd", "none"]) {
  test(`a damaged batch (${codec}) is named, and ends the reading`, async () => {
    const topic = `damaged-${codec}`;
    await kafka.createTopic(topic, { partitions: 2 });
    await kafka.createTopic(`sound-${codec}`);
    await kafka.produce(`sound-${codec}`, [{ value: "x" }]);
    await kafka.produce(topic, [{ partition: 1, value: "before" }]);
    await kafka.damage(topic, async () => {
      await kafka.produceByJava(topic, Array(50).fill("a row ".repeat(40)), codec);
    });
    await using reading = await read({ [`sound-${codec}`]: 1, [topic]: 2 });
    await reading.fault("protocol", new RegExp(`${topic}\\[\\d\\], offset \\d`), /can't be de/);
    assert.ok(reading.feeds.all.every((feed) => feed.next <= 1));
  });
}

test("a topic with more partitions is read anew, with all of them", async () => {
  await kafka.createTopic("grows");
  const given = options();
  await using reading = await Reading.start(given, beginning({ grows: 1 }));
  await reading.until("it is ours", () => reading.feed("grows").isOurs);
  await kafka.admin.createPartitions({ topicPartitions: [{ topic: "grows", count: 3 }] });
  await kafka.produce("grows", [{ partition: 2, value: "x" }]);
  // Whoever joins makes the group look at the topic again, as does half a minute.
  await using other = await Reading.start(given, beginning({ grows: 3 }));
  await reading.fault("connection", /grows has more partitions/);
  await reading.feeds.close();
  await other.take(1);
});

test("a broker that is killed and comes back: nothing lost, nothing doubled", async () => {
  await kafka.createTopic("killed", { partitions: 3 });
  const produce = async (from: number) => {
    for (let i = from; i < from + 30; i += 3) {
      await kafka.produce(
        "killed",
        [0, 1, 2].map((partition) => ({ partition, value: `${i + partition}` })),
      );
    }
  };
  const warnings: string[] = [];
  await using _ = await warningsOf("source", warnings);
  await produce(0);
  const given = options();
  const taken: string[] = [];
  let reading = await Reading.start(given, beginning({ killed: 3 }));
  await reading.take(30);
  const other = await Reading.start(options(), beginning({ killed: 3 }));
  await kafka.broker.kill();
  const begun = performance.now();
  await other[Symbol.asyncDispose]();
  const closingMs = performance.now() - begun;
  const restarted = kafka.restart().then(() => produce(30));
  // As the pipeline does: what kafkajs gives up on is read anew, from where it was.
  while (taken.length + reading.taken.length < 60) {
    try {
      await reading.takeUntil("60 records", () => taken.length + reading.taken.length >= 60);
    } catch (error) {
      const fault = await faultOf(Promise.reject(error), "connection");
      console.log(`it gave up: ${fault.message}`);
      const start = new Map([["killed", reading.feeds.all.map((feed) => feed.next)]]);
      taken.push(...lines(reading.taken));
      await reading[Symbol.asyncDispose]();
      await until("it can be read again", async () => {
        const next = await Reading.start(given, start).catch((error) => error);
        if (next instanceof Reading) reading = next;
        else await faultOf(Promise.reject(next), "connection");
        return next instanceof Reading;
      });
    }
  }
  taken.push(...lines(reading.taken));
  await restarted;
  await reading[Symbol.asyncDispose]();
  const expected = Array.from(
    { length: 60 },
    (_, i) => `killed[${i % 3}]@${Math.floor(i / 3)} ${i}`,
  );
  assert.deepEqual(taken.toSorted(), expected.toSorted());
  assert.ok(closingMs < 10_000, `closing took ${closingMs} ms`);
  // What passes is not for the operator; what lasts is a fault.
  assert.deepEqual(warnings, []);
});

test("closing takes seconds when the broker hangs", async () => {
  await kafka.createTopic("hangs");
  const reading = await read({ hangs: 1 });
  await reading.until("it is ours", () => reading.feed("hangs").isOurs);
  Deno.kill(kafka.broker.pid, "SIGSTOP");
  try {
    const begun = performance.now();
    const asked = faultOf(reading.cluster.id(), "connection");
    await reading[Symbol.asyncDispose]();
    await asked;
    const ms = performance.now() - begun;
    assert.ok(ms < 10_000, `${ms} ms`);
  } finally {
    Deno.kill(kafka.broker.pid, "SIGCONT");
  }
});

test("a process that reads ends by itself when the broker is gone", async () => {
  await kafka.createTopic("orphan");
  await kafka.produce("orphan", [{ value: "x" }]);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CHILD, kafka.addresses.plain, "orphan", "1"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await said.read()).value, "read 1\n");
  await kafka.broker.kill();
  const begun = performance.now();
  await child.stdin.close();
  assert.equal((await said.read()).value, "closed\n");
  const { code } = await child.status;
  const ms = performance.now() - begun;
  assert.equal(await new Response(child.stderr).text(), "");
  assert.equal(code, 0);
  assert.ok(ms < 10_000, `${ms} ms`);
  await said.cancel();
});
