/** Reads the topics of a real broker by the Kafka source: what it gives, and what it holds. */
import assert from "node:assert/strict";
import { bundle } from "../build/bundle.ts";
import { needs } from "./skip.ts";
import { TestKafka } from "./support/kafka.ts";
import {
  assertOrdered,
  beginning,
  clusterOptions,
  faultOf,
  lines,
  Reading,
  text,
} from "./support/kafka_reading.ts";
import { until } from "./support/until.ts";
import { Slice } from "../src/slice.ts";

const MB = 1024 * 1024;
const JAVA = needs("java", "").ignore === false;
let kafka: TestKafka;

if (JAVA) {
  Deno.test.beforeAll(async () => {
    kafka = await TestKafka.start();
  });
  Deno.test.afterAll(async () => {
    await kafka[Symbol.asyncDispose]();
  });
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ ...needs("java", `kafka feed: ${name}`), fn });
}

const options = (given = {}) => clusterOptions(kafka.addresses.plain, given);
const read = (topics: Record<string, number>, given = {}) =>
  Reading.start(options(given), beginning(topics));

test("every record once, in order, with all that it carries", async () => {
  await kafka.createTopic("all", { partitions: 3 });
  const sent = Array.from({ length: 3000 }, (_, i) => ({
    partition: i % 3,
    key: i % 5 === 0 ? null : `k${i}`,
    value: i % 7 === 0 ? null : `v${i}`,
    timestamp: String(1_700_000_000_000 + i),
    headers: i % 2 === 0 ? undefined : { one: `h${i}`, several: ["a", "b", `last${i}`], empty: "" },
  }));
  for (let i = 0; i < sent.length; i += 500) await kafka.produce("all", sent.slice(i, i + 500));
  await using reading = await read({ all: 3 });
  await reading.take(3000);
  assertOrdered(reading.taken);
  for (let partition = 0; partition < 3; partition++) {
    const given = reading.taken.filter((record) => record.partition === partition);
    const expected = sent.filter((message) => message.partition === partition);
    assert.deepEqual(
      given.map(({ offset, timestampMs, key, value, headers }) => ({
        offset,
        timestampMs,
        key: text(key),
        value: text(value),
        headers: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, text(v)])),
      })),
      expected.map(({ timestamp, key, value }, offset) => ({
        offset,
        timestampMs: Number(timestamp),
        key,
        value,
        headers: (Number(timestamp) % 2 === 0) ? {} : {
          one: `h${Number(timestamp) - 1_700_000_000_000}`,
          several: `last${Number(timestamp) - 1_700_000_000_000}`,
          empty: "",
        },
      })),
    );
    const feed = reading.feed("all", partition);
    assert.deepEqual([feed.next, feed.end, feed.bufferedBytes], [1000, 1000, 0]);
  }
  await kafka.produce("all", [{ partition: 1, value: "later" }]);
  await reading.take(3001);
  assert.deepEqual(lines(reading.taken.slice(3000)), ["all[1]@1000 later"]);
});

test("the cluster's id, topics and offsets; a topic that is missing is left out", async () => {
  await kafka.createTopic("offsets", { partitions: 2 });
  await kafka.produce("offsets", Array(5).fill({ partition: 1, value: "x" }));
  await kafka.deleteRecords("offsets", 1, 2);
  await using reading = await read({});
  const { cluster } = reading;
  assert.equal(await cluster.id(), (await kafka.admin.describeCluster()).clusterId);
  assert.ok((await cluster.topics()).includes("offsets"));
  assert.deepEqual(await cluster.offsets(["missing", "offsets"]), [
    { topic: "offsets", partitions: [{ first: 0, end: 0 }, { first: 2, end: 5 }] },
  ]);
  const later = [1000, 2000, 3000].map((ms) => ({
    partition: 0,
    value: "x",
    timestamp: String(Date.now() + 1_000_000 + ms),
  }));
  await kafka.produce("offsets", later);
  assert.deepEqual(
    await cluster.offsetsSince(["missing", "offsets"], Number(later[1].timestamp)),
    new Map([["offsets", [1, 5]]]),
    "where none is so young, the end",
  );
  await cluster.close();
  await faultOf(cluster.id(), "connection", /closed/);
  await faultOf(cluster.read(beginning({ offsets: 2 })), "connection", /closed/);
});

test("starts where it is told to, and commits that as a hint", async () => {
  await kafka.createTopic("start", { partitions: 2 });
  for (const partition of [0, 1]) {
    await kafka.produce(
      "start",
      Array.from({ length: 10 }, (_, i) => ({ partition, value: `${i}` })),
    );
  }
  const given = options();
  await using reading = await Reading.start(given, new Map([["start", [7, 10]]]));
  await reading.take(3);
  assert.deepEqual(lines(reading.taken), ["start[0]@7 7", "start[0]@8 8", "start[0]@9 9"]);
  const next = () => new Map([["start", reading.feeds.all.map((feed) => feed.next)]]);
  reading.feeds.commit(new Map([["start", [8, 10]]]));
  reading.feeds.commit(next());
  await until("the group's offsets are those", async () => {
    const [topic] = await kafka.admin.fetchOffsets({ groupId: given.group });
    const offsets = topic?.partitions.map(({ offset }) => offset);
    return String(offsets) === "10,10";
  });
});

for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
  test(`what Kafka's own producer has compressed with ${codec}`, async () => {
    await kafka.createTopic(codec);
    const sent = Array.from({ length: 4000 }, (_, i) => `${i} ${"äöü{}".repeat(i % 60)} ${i * 7}`);
    await kafka.produceByJava(codec, sent, codec);
    await using reading = await read({ [codec]: 1 });
    await reading.take(4000);
    assert.deepEqual(reading.taken.map(({ value }) => text(value)), sent);
  });
}

test("records that were compressed a hundredfold don't flood the memory", async () => {
  const sent = Array.from({ length: 40_000 }, (_, i) => `${i}`.padStart(600, "a row "));
  await kafka.createTopic("dense");
  await kafka.produceByJava("dense", sent, "zstd");
  await using reading = await read({ dense: 1 }, { bufferedBytesMax: 8 * MB });
  await reading.take(sent.length);
  assert.ok(reading.bufferedBytes <= 8 * MB, `${reading.bufferedBytes} bytes were held`);
  assert.equal(text(reading.taken.at(-1)!.value), sent.at(-1));
});

test("bundled, it reads compressed records, says nothing, and ends by itself", async () => {
  await kafka.createTopic("bundled");
  const sent = Array.from({ length: 500 }, (_, i) => `line ${i}`);
  await kafka.produceByJava("bundled", sent, "lz4");
  const script = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await bundle("tests/support/kafka_child.ts", script);
    const output = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-config",
        "--no-lock",
        "--allow-net",
        "--allow-env=SLUICE_*",
        "--ignore-env",
        script,
        kafka.addresses.plain,
        "bundled",
        "500",
      ],
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.equal(decode(output.stderr), "");
    assert.equal(decode(output.stdout), `read ${sent.join("").length}\nclosed\n`);
    assert.equal(output.code, 0);
  } finally {
    await Deno.remove(script);
  }
});

test("aborted transactions and control records are passed over", async () => {
  await kafka.createTopic("transactions");
  const transaction = async (values: string[], end: "commit" | "abort") => {
    const open = await kafka.transactional.transaction();
    for (const value of values) await open.send({ topic: "transactions", messages: [{ value }] });
    await open[end]();
  };
  await transaction(["a", "b"], "commit");
  await transaction(["c", "d"], "abort");
  await kafka.produce("transactions", [{ value: "plain" }]);
  await transaction(["e"], "abort");
  await using reading = await read({ transactions: 1 });
  const feed = reading.feed("transactions");
  await reading.takeUntil("the end", () => feed.next === 9);
  assert.deepEqual(reading.taken.map(({ value }) => text(value)), ["a", "b", "plain"]);
  assert.equal(feed.end, 9); // a b C c d A plain e A
  await transaction(["f"], "abort");
  await transaction(["g"], "commit");
  await reading.takeUntil("the end", () => feed.next === 13);
  assert.deepEqual(reading.taken.map(({ value }) => text(value)), ["a", "b", "plain", "g"]);
});

test("gaps that compaction has left are passed over", async () => {
  await kafka.createTopic("compacted", {
    config: {
      "cleanup.policy": "compact",
      "segment.bytes": "2000",
      "min.cleanable.dirty.ratio": "0.01",
      "max.compaction.lag.ms": "100",
    },
  });
  const send = (value: string) =>
    kafka.produce("compacted", [0, 1, 2].map((key) => ({ key: `${key}`, value })));
  for (let i = 0; i < 40; i++) await send(`${i} ${"x".repeat(200)}`);
  await until("the first records are gone", async () => {
    await send("more"); // only closed segments are compacted
    await using reading = await read({ compacted: 1 });
    await reading.until("a head", () => reading.feed("compacted").head !== undefined);
    return reading.feed("compacted").head!.offset > 20;
  });
  await using reading = await read({ compacted: 1 });
  const feed = reading.feed("compacted");
  await reading.takeUntil("the end", () => feed.next === feed.end);
  assertOrdered(reading.taken);
  assert.equal(reading.taken.at(-1)!.offset, feed.end - 1);
  assert.equal(reading.taken.length < feed.end, true);
});

test("no more is fetched than may be held, and what is let go of comes again", async () => {
  const count = 3000;
  await kafka.createTopic("much", { partitions: 3 });
  for (let i = 0; i < count; i += 60) { // 200 KB a batch, which is never given in part
    const messages = Array.from({ length: 60 }, (_, j) => ({
      partition: (i + j) % 3,
      value: `${i + j} ${"x".repeat(10_000)}`,
    }));
    await kafka.produce("much", messages);
  }
  const max = 4 * MB;
  await using reading = await read({ much: 3 }, { bufferedBytesMax: max });
  const [first, second, third] = reading.feeds.all;
  // Nobody takes: it fills up, and stops.
  const isFull = () => reading.feeds.bufferedBytes >= reading.feeds.bufferedBytesMax;
  await reading.until("it is full", () => reading.feeds.bufferedBytes > max / 2);
  // Only the third is taken. Others are let go of when it is needed, as a merge would.
  for (let i = 0; i < count / 3; i++) {
    await reading.until("a head of the third", () => {
      if (third.head !== undefined) return true;
      if (isFull()) (first.bufferedBytes > second.bufferedBytes ? first : second).letGo();
      return false;
    });
    reading.takeHead(third);
  }
  assert.equal(third.next, third.end);
  first.letGo();
  assert.equal(first.next, 0);
  assert.equal(first.bufferedBytes, 0);
  await reading.take(count);
  assertOrdered(reading.taken);
  assert.ok(reading.bufferedBytes <= max, `${reading.bufferedBytes} bytes were held`);
  assert.equal(reading.feeds.bufferedBytes, 0);
});

test("more may be asked of one partition than the limit when nothing else is held", async () => {
  await kafka.createTopic("peeked");
  for (let i = 0; i < 8; i++) await kafka.produce("peeked", [{ value: "x".repeat(MB) }]);
  await using reading = await read({ peeked: 1 }, { bufferedBytesMax: 2 * MB });
  const feed = reading.feed("peeked");
  await reading.until("the eighth", () => feed.peek(7) !== undefined);
  assert.equal(feed.peek(7)!.offset, 7);
  assert.equal(feed.head!.offset, 0);
  await reading.take(8);
});

test("a message larger than every limit is given, and those around it", async () => {
  const large = "x".repeat(20_000_000);
  await kafka.createTopic("large", { partitions: 2 });
  for (const partition of [0, 1]) {
    await kafka.produce("large", [{ partition, value: "before" }]);
    await kafka.produce("large", [{ partition, value: large }]);
    await kafka.produce("large", [{ partition, value: "after" }]);
  }
  await using reading = await read({ large: 2 }, { bufferedBytesMax: 2 * MB });
  await reading.take(6);
  assertOrdered(reading.taken);
  assert.equal(reading.taken.filter(({ value }) => value!.length === large.length).length, 2);
  // Alone: both at once would be 40 MB.
  assert.ok(reading.bufferedBytes < 24 * MB, `${reading.bufferedBytes} bytes were held`);
});

test("a quiet partition's record does not hold the memory of a busy one's", async () => {
  await kafka.createTopic("quiet");
  await kafka.createTopic("busy");
  const much = Array(100).fill({ value: "x".repeat(5000) });
  for (let i = 0; i < 6; i++) await kafka.produce("busy", much.slice(0, 20));
  for (let i = 0; i < 6; i++) await kafka.produce("busy", much);
  await using reading = await read({ quiet: 1, busy: 1 });
  await reading.take(720); // so that more is asked for at once
  await kafka.producer.sendBatch({ // appended together, and so of one answer
    topicMessages: [
      { topic: "quiet", messages: [{ key: "k", value: "small", headers: { h: "v" } }] },
      { topic: "busy", messages: much },
    ],
  });
  const heads = () => ["quiet", "busy"].map((topic) => reading.feed(topic).head);
  await reading.until("both have come", () => heads().every((head) => head !== undefined));
  const { value, key, headers } = heads()[0]!;
  assert.deepEqual([text(key), text(value), text(headers.h)], ["k", "small", "v"]);
  for (const { bytes } of [key!, value!, Slice.of(headers.h)]) assert.ok(bytes.length < 4096);
});

test("300 topics", async () => {
  const topics = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`many.${i}`, 1] as [string, number]),
  );
  await kafka.admin.createTopics({
    waitForLeaders: true,
    timeout: 60_000,
    topics: Object.keys(topics).map((topic) => ({ topic })),
  });
  await kafka.producer.sendBatch({
    topicMessages: Object.keys(topics).map((topic) => ({
      topic,
      messages: Array(3).fill({ value: topic }),
    })),
  });
  await using reading = await read(topics);
  assert.equal(reading.feeds.all.length, 300);
  await reading.take(900);
  assertOrdered(reading.taken);
  assert.ok(reading.feeds.all.every((feed) => feed.isOurs && feed.next === 3 && feed.end === 3));
});

test("a member that joins takes partitions over; when it leaves, they go on where they were", async () => {
  await kafka.createTopic("shared", { partitions: 4 });
  const produce = async (from: number) => {
    for (let partition = 0; partition < 4; partition++) {
      await kafka.produce("shared", [0, 1, 2].map((i) => ({ partition, value: `${from + i}` })));
    }
  };
  await produce(0);
  const given = options();
  await using reading = await Reading.start(given, beginning({ shared: 4 }));
  await reading.take(12);
  const ours = () => reading.feeds.all.filter((feed) => feed.isOurs).length;
  assert.equal(ours(), 4);
  {
    await using other = await Reading.start(given, beginning({ shared: 4 }));
    await Promise.all([
      reading.until("two are the other's", () => ours() === 2),
      other.until("two are its", () => other.feeds.all.filter((f) => f.isOurs).length === 2),
    ]);
    await produce(3);
    await reading.take(18);
    await other.take(12);
    const theirs = reading.feeds.all.find((feed) => !feed.isOurs)!;
    assert.deepEqual([theirs.next, theirs.head], [3, undefined]);
  }
  await reading.until("all are ours again", () => ours() === 4);
  await reading.take(24);
  assertOrdered(reading.taken);
  for (const { next, end } of reading.feeds.all) assert.deepEqual([next, end], [6, 6]);
});
