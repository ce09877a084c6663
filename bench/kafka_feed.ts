/**
 * Measures the Kafka source's reading beside a bare kafkajs consumer, in one process and on one
 * broker, and what it costs while nothing comes: `deno run -A bench/kafka_feed.ts [records]`.
 */
import { Kafka, logLevel } from "kafkajs";
import { TestKafka } from "../tests/support/kafka.ts";
import { beginning, clusterOptions, Reading } from "../tests/support/kafka_reading.ts";

const RECORDS = Number(Deno.args[0] ?? 400_000);
const VALUE = "x".repeat(640);
const ROUNDS = 5;
const IDLE_MS = 10_000;
const MB = 1024 * 1024;

/** Of one reading: records a second from the first to the last, and CPU time in ms. */
interface Measured {
  rate: number;
  cpuMs: number;
}

await using kafka = await TestKafka.start();
const brokers = kafka.addresses.plain;

async function measure(work: (first: () => void) => Promise<void>): Promise<Measured> {
  let [begun, cpu] = [0, process.cpuUsage()];
  await work(() => {
    begun = performance.now();
    cpu = process.cpuUsage();
  });
  const { user, system } = process.cpuUsage(cpu);
  return {
    rate: RECORDS / (performance.now() - begun) * 1000,
    cpuMs: (user + system) / 1000,
  };
}

function bare(topic: string): Promise<Measured> {
  return measure(async (first) => {
    const kafkajs = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
    const consumer = kafkajs.consumer({
      groupId: crypto.randomUUID(),
      maxBytesPerPartition: 8 * MB,
      maxBytes: 8 * MB,
      maxWaitTimeInMs: 100,
    });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    let [count, bytes] = [0, 0];
    await new Promise<void>((resolve) =>
      consumer.run({
        autoCommit: false,
        eachBatch: ({ batch }) => {
          if (count === 0) first();
          for (const { value } of batch.messages) bytes += value!.length;
          if ((count += batch.messages.length) === RECORDS) resolve();
          return Promise.resolve();
        },
      })
    );
    await consumer.disconnect();
  });
}

function ours(topic: string, partitions: number): Promise<Measured> {
  return measure(async (first) => {
    const options = clusterOptions(brokers, { bufferedBytesMax: 128 * MB });
    await using reading = await Reading.start(options, beginning({ [topic]: partitions }));
    for (let count = 0, bytes = 0; count < RECORDS;) {
      await reading.feeds.changed();
      for (const feed of reading.feeds.all) {
        for (let head; (head = feed.head) !== undefined; count++) {
          if (count === 0) first();
          bytes += head.value!.length;
          feed.take();
        }
      }
    }
  });
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1];
}

function report(name: string, all: Measured[]): void {
  const rate = Math.round(median(all.map((one) => one.rate)) / 1000);
  const cpu = median(all.map((one) => one.cpuMs)) * 1000 / RECORDS;
  console.log(`${name.padEnd(32)} ${rate},000 records/s, ${cpu.toFixed(2)} µs of CPU a record`);
}

for (const partitions of [1, 20]) {
  const topic = `rate-${partitions}`;
  await kafka.createTopic(topic, { partitions });
  for (let i = 0; i < RECORDS; i += 1000) {
    await kafka.produce(
      topic,
      Array.from({ length: 1000 }, (_, j) => ({
        partition: j % partitions,
        key: String(i + j),
        value: VALUE,
      })),
    );
  }
  const measured: Record<"bare" | "ours", Measured[]> = { bare: [], ours: [] };
  for (let round = 0; round < ROUNDS; round++) {
    measured.bare.push(await bare(topic));
    measured.ours.push(await ours(topic, partitions));
  }
  report(`kafkajs, ${partitions} partitions`, measured.bare);
  report(`this source, ${partitions} partitions`, measured.ours);
}

for (const codec of ["gzip", "snappy", "lz4", "zstd"]) {
  await kafka.createTopic(codec);
  const lines = Array.from({ length: RECORDS }, (_, i) => `${i}`.padStart(640, "row of a table "));
  await kafka.produceByJava(codec, lines, codec);
  const measured: Measured[] = [];
  for (let round = 0; round < 3; round++) measured.push(await ours(codec, 1));
  report(`this source, ${codec}`, measured);
}

const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`many.${i}`, 2]));
await kafka.admin.createTopics({
  waitForLeaders: true,
  timeout: 60_000,
  topics: Object.keys(many).map((topic) => ({ topic, numPartitions: 2 })),
});
const begun = performance.now();
await using reading = await Reading.start(clusterOptions(brokers), beginning(many));
await reading.until("all are ours", () => reading.feeds.all.every((feed) => feed.isOurs));
console.log(
  `300 topics, 600 partitions: reading after ${Math.round(performance.now() - begun)} ms`,
);
await kafka.disconnect(); // its clients have the busy timer until the source mends it
for (const ms of [2000, IDLE_MS]) {
  const cpu = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const { user, system } = process.cpuUsage(cpu);
  if (ms === IDLE_MS) {
    console.log(`idle: ${((user + system) / 10 / ms).toFixed(2)}% of a core`);
  }
}
