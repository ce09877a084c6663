/**
 * A bare kafkajs consumer in an isolate of its own: when each transaction's END arrives from Kafka,
 * and when it was committed at the source. It does nothing else, so what it sees is what the
 * connector, and Kafka, take.
 */
import { Kafka, logLevel } from "kafkajs";
import { addCodecs } from "../src/source/kafka/codecs.ts";
import { mendRequestQueue } from "../src/source/kafka/request_queue.ts";

/** What the bench tells it. */
export type ToReader = { kind: "start"; brokers: string; prefix: string } | { kind: "take" };

/** What it answers: that it reads, or what has come since the last answer. */
export type FromReader = { kind: "started" } | { kind: "taken"; ends: End[] };

/** The end of a source transaction. Times in ms since 1970. */
export interface End {
  /** In the transaction topic. */
  readonly offset: number;
  /** At the source, as its rows say. */
  readonly committedMs: number;
  /** When the connector's producer made the record. */
  readonly producedMs: number;
  readonly arrivedMs: number;
}

interface Seen {
  committedMs?: number;
  end?: { offset: number; producedMs: number; arrivedMs: number };
}

const port = self as unknown as {
  postMessage(message: FromReader): void;
  addEventListener(type: "message", listener: (event: MessageEvent<ToReader>) => void): void;
};

/** By the transaction's number; removed when both its END and one of its rows have come. */
const seen = new Map<string, Seen>();
let ends: End[] = [];

async function start(brokers: string, prefix: string): Promise<void> {
  mendRequestQueue();
  addCodecs();
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: crypto.randomUUID(), maxWaitTimeInMs: 1000 });
  await consumer.connect();
  await consumer.subscribe({ topics: [new RegExp(`^${prefix}\\.`)], fromBeginning: false });
  const joined = new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.GROUP_JOIN, () => resolve());
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      reject(payload.error);
      reportError(payload.error);
    });
  });
  const transactions = `${prefix}.transaction`;
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      const arrivedMs = Date.now();
      for (const { value, offset, timestamp } of batch.messages) {
        if (value === null) continue;
        const text = value.toString();
        if (batch.topic === transactions) {
          const { status, id } = JSON.parse(text);
          if (status !== "END") continue;
          note(id, { end: { offset: Number(offset), producedMs: Number(timestamp), arrivedMs } });
        } else {
          const { source, transaction } = JSON.parse(text);
          if (transaction) note(transaction.id, { committedMs: source.ts_ms });
        }
      }
      return Promise.resolve();
    },
  });
  await joined;
}

function note(id: string, found: Seen): void {
  const [tx] = id.split(":"); // what follows differs between its records
  const { committedMs, end } = { ...seen.get(tx), ...found };
  if (committedMs === undefined || end === undefined) {
    seen.set(tx, { committedMs, end });
    return;
  }
  ends.push({ committedMs, ...end });
  seen.delete(tx);
}

port.addEventListener("message", ({ data }) => {
  if (data.kind === "start") {
    void start(data.brokers, data.prefix).then(() => port.postMessage({ kind: "started" }));
  } else {
    port.postMessage({ kind: "taken", ends });
    ends = [];
  }
});
