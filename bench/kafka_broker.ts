/** A broker of the bench's own, and its topics: filled, and read by bare kafkajs. */
import { join } from "node:path";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { freePort } from "../src/dev/embedded_postgres.ts";
import { fetchJars } from "../src/dev/stack/fetch.ts";
import type { Service } from "../src/dev/stack/service.ts";
import { mendRequestQueue } from "../src/source/kafka/request_queue.ts";
import { kraftBroker } from "../src/dev/stack/services.ts";
import { progressBar } from "../src/progress.ts";
import type { BankEvents } from "./bank_events.ts";
import { Stopwatch } from "./report.ts";

const MB = 1024 * 1024;
/** Changes in one request to the broker: kafkajs takes the square of it for a topic's messages. */
const REQUEST_CHANGES = 1000;

/** See the top of this file. */
export class BenchBroker implements AsyncDisposable {
  private constructor(
    readonly brokers: string,
    private readonly folder: string,
    private readonly service: Service,
    private readonly kafka: Kafka,
  ) {}

  static async start(): Promise<BenchBroker> {
    const jars = await fetchJars((step) => console.log(step));
    const folder = await Deno.makeTempDir({ prefix: "sluice-bench-kafka-" });
    mendRequestQueue();
    console.log("starting a Kafka broker");
    const service = await kraftBroker({ folder, jars }, freePort(), freePort());
    await service.start();
    const brokers = `127.0.0.1:${service.port}`;
    const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
    return new BenchBroker(brokers, folder, service, kafka);
  }

  /** Makes the topics, each with one partition, and writes `changes` changes. */
  async fill(events: BankEvents, changes: number, label: string): Promise<void> {
    const admin = this.kafka.admin();
    const producer = this.kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
    });
    await Promise.all([admin.connect(), producer.connect()]);
    try {
      await admin.createTopics({
        waitForLeaders: true,
        topics: events.topics.map((topic) => ({
          topic,
          numPartitions: 1,
          // The events have times of their own, which retention would find too old one day.
          configEntries: [{ name: "retention.ms", value: "-1" }],
        })),
      });
      using bar = progressBar(label, changes, { unit: "changes" });
      let sending: Promise<unknown> = Promise.resolve();
      while (events.changes < changes) {
        const made = events.next(Math.min(REQUEST_CHANGES, changes - events.changes));
        const topicMessages = [...made].map(([topic, messages]) => ({ topic, messages }));
        await sending;
        sending = producer.sendBatch({ topicMessages, acks: 1 });
        bar.update(events.changes);
      }
      await sending;
    } finally {
      await Promise.all([admin.disconnect(), producer.disconnect()]);
    }
  }

  async clusterId(): Promise<string> {
    const admin = this.kafka.admin();
    await admin.connect();
    const { clusterId } = await admin.describeCluster();
    await admin.disconnect();
    return clusterId;
  }

  /** Removes the topics. */
  async drop(events: BankEvents): Promise<void> {
    const admin = this.kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: events.topics });
    await admin.disconnect();
  }

  /** Reads all of the topics by kafkajs's own consumer, in this process, and throws it away: from
   * the first record to the last. */
  async bare(events: BankEvents) {
    const ends = await this.#ends(events.topics);
    const consumer = this.kafka.consumer({
      groupId: crypto.randomUUID(),
      maxBytesPerPartition: 8 * MB,
      maxBytes: 8 * MB,
      maxWaitTimeInMs: 100,
    });
    await consumer.connect();
    try {
      await consumer.subscribe({ topics: events.topics, fromBeginning: true });
      let watch: Stopwatch | undefined;
      let [bytes, messages] = [0, 0];
      const done = Promise.withResolvers<void>();
      await consumer.run({
        autoCommit: false,
        eachBatch: ({ batch }) => {
          watch ??= new Stopwatch();
          for (const { key, value } of batch.messages) {
            bytes += (key?.length ?? 0) + (value?.length ?? 0);
          }
          messages += batch.messages.length;
          if (Number(batch.lastOffset()) + 1 >= ends.get(batch.topic)!) ends.delete(batch.topic);
          if (ends.size === 0) done.resolve();
          return Promise.resolve();
        },
      });
      await done.promise;
      return { ...watch!.read(), bytes, messages };
    } finally {
      await consumer.disconnect();
    }
  }

  async #ends(topics: readonly string[]): Promise<Map<string, number>> {
    const admin = this.kafka.admin();
    await admin.connect();
    const ends = new Map<string, number>();
    for (const topic of topics) {
      const [{ high }] = await admin.fetchTopicOffsets(topic);
      if (Number(high) > 0) ends.set(topic, Number(high));
    }
    await admin.disconnect();
    return ends;
  }

  /** A folder that goes with the broker. */
  place(name: string): string {
    return join(this.folder, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}
