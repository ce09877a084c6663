/** Reads whole topics, for tests that look at what Debezium wrote. */
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import kafkajs, { type IHeaders, Kafka, type KafkaMessage, logLevel } from "kafkajs";

// The connector's batches are compressed by zstd, which kafkajs leaves to its user.
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) =>
    Buffer.from(await promisify(zstdCompress)(buffer)),
  decompress: async (buffer: Buffer) => Buffer.from(await promisify(zstdDecompress)(buffer)),
});

/** A record of Kafka; bytes as the UTF-8 text that they are. */
export interface TopicRecord {
  topic: string;
  partition: number;
  offset: string;
  /** ms since 1970, as text. */
  timestamp: string;
  key: string | null;
  value: string | null;
  headers: Record<string, string>;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function kafkaClient(brokers: string): Kafka {
  return new Kafka({ clientId: "sluice-test", brokers: [brokers], logLevel: logLevel.NOTHING });
}

/** Names of the topics that begin with `prefix`. */
export async function topicsOf(brokers: string, prefix: string): Promise<string[]> {
  const admin = kafkaClient(brokers).admin();
  await admin.connect();
  try {
    return (await admin.listTopics()).filter((topic) => topic.startsWith(prefix)).sort();
  } finally {
    await admin.disconnect();
  }
}

/**
 * Calls `each` for every record of `topics` from the beginning, until it returns true. Within a
 * partition in order.
 */
export async function followTopics(
  brokers: string,
  topics: string[],
  each: (record: TopicRecord) => boolean,
): Promise<void> {
  const consumer = kafkaClient(brokers).consumer({
    groupId: `sluice-test-${crypto.randomUUID()}`,
    maxWaitTimeInMs: 200,
  });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer.run({
        autoCommit: false,
        // deno-lint-ignore require-await
        eachMessage: async ({ topic, partition, message }) => {
          try {
            if (each(toRecord(topic, partition, message))) resolve();
          } catch (error) {
            reject(error); // kafkajs would try again for ever
          }
        },
      }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

/** Every record that `topics` hold now. */
export async function readTopics(brokers: string, topics: string[]): Promise<TopicRecord[]> {
  const missing = new Set<string>();
  const admin = kafkaClient(brokers).admin();
  await admin.connect();
  try {
    for (const topic of topics) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        if (BigInt(high) > BigInt(low)) missing.add(`${topic}/${partition}/${BigInt(high) - 1n}`);
      }
    }
  } finally {
    await admin.disconnect();
  }
  const records: TopicRecord[] = [];
  if (missing.size === 0) return records;
  await followTopics(brokers, topics, (record) => {
    records.push(record);
    missing.delete(`${record.topic}/${record.partition}/${record.offset}`);
    return missing.size === 0;
  });
  return records;
}

function toRecord(topic: string, partition: number, message: KafkaMessage): TopicRecord {
  return {
    topic,
    partition,
    offset: message.offset,
    timestamp: message.timestamp,
    key: text(message.key),
    value: text(message.value),
    headers: headersOf(message.headers),
  };
}

function text(bytes: Buffer | null): string | null {
  return bytes === null ? null : decoder.decode(bytes);
}

function headersOf(headers: IHeaders | undefined): Record<string, string> {
  const pairs = Object.entries(headers ?? {}).map(([name, value]) => {
    if (!Buffer.isBuffer(value)) throw new Error(`header ${name} is ${typeof value}`);
    return [name, decoder.decode(value)];
  });
  return Object.fromEntries(pairs);
}
