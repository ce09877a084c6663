/**
 * A kafkajs client: its settings, and the low-level cluster client inside of it. kafkajs hands that
 * one only to partition assigners, which is where we take it from; types and behaviour are those of
 * its published `Cluster` and `Broker`.
 */
import { type Cluster, type Consumer, Kafka, logLevel, PartitionAssigners } from "kafkajs";
import type { KafkaConfig } from "kafkajs";
import { logger } from "../../log.ts";
import { clientLog } from "./client_log.ts";
import { mendConnection } from "./answers.ts";
import { addCodecs } from "./codecs.ts";
import type { ClusterOptions } from "./feed.ts";
import { takeOverDecoding } from "./fetch_answer.ts";
import { mendRequestQueue } from "./request_queue.ts";
import { Sockets } from "./sockets.ts";

const log = logger("source");

/** Time for TCP and TLS to be set up. */
const CONNECT_MS = 10_000;

/** An answer that takes longer is an error. Joining a group and fetching have their own limits. */
const REQUEST_MS = 30_000;

/** No pause is longer than `close` may take. */
const RETRY = { initialRetryTime: 200, multiplier: 2, maxRetryTime: 1000 };

/** Of a reading: long enough for a broker to restart, since a member that comes back need not wait
 * for the end of its own old session. */
export const READING_RETRIES = 8;

/** Of a question: its caller is told soon, and has a loop of its own. */
export const ASKING_RETRIES = 3;

/** A member that is silent for this long has lost its partitions. So long waits, too, who reads anew
 * after a broken connection. */
const SESSION_MS = 10_000;
const HEARTBEAT_MS = 2_500;

/** How long a new partition, or a new leader nobody told us of, may stay unknown. */
const METADATA_AGE_MS = 30_000;

/** How long {@linkcode Client.close} waits for a good end before it cuts the sockets. */
const GRACE_MS = 2_000;

/** One client. Nothing is connected before it is used. */
export class Client {
  readonly consumer: Consumer;
  readonly cluster: Cluster;
  readonly #sockets = new Sockets();

  constructor(options: ClusterOptions, retries: number) {
    const retry = { ...RETRY, retries };
    mendConnection();
    mendRequestQueue();
    addCodecs();
    takeOverDecoding();
    const kafka = new Kafka({
      // No brokers is an error that kafkajs does not try again.
      brokers: () => this.#sockets.isCut ? [] : [...options.brokers],
      clientId: "sluice",
      ssl: options.tls === null ? undefined : { ca: options.tls.ca },
      sasl: options.sasl === null ? undefined : { ...options.sasl } as KafkaConfig["sasl"],
      connectionTimeout: CONNECT_MS,
      authenticationTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      retry,
      socketFactory: this.#sockets.factory,
      logLevel: logLevel.DEBUG,
      logCreator: clientLog,
    });
    let cluster: Cluster | undefined;
    this.consumer = kafka.consumer({
      groupId: options.group,
      sessionTimeout: SESSION_MS,
      heartbeatInterval: HEARTBEAT_MS,
      metadataMaxAge: METADATA_AGE_MS,
      allowAutoTopicCreation: false,
      retry: { ...retry, restartOnFailure: () => Promise.resolve(false) },
      partitionAssigners: [(given) => {
        cluster = given.cluster;
        return PartitionAssigners.roundRobin(given);
      }],
    });
    this.cluster = cluster!;
  }

  /** Leaves the group and ends all connections: in good order if the broker answers, else by force.
   * `running`: what else uses the client, and ends once it is cut off. */
  async close(running: Promise<unknown> = Promise.resolve()): Promise<void> {
    const disconnected = this.consumer.disconnect().catch((error) =>
      log.debug("disconnecting from Kafka failed: {error}", { error: String(error) })
    );
    const limit = setTimeout(() => this.cut(), GRACE_MS);
    await disconnected;
    this.cut();
    clearTimeout(limit);
    await running;
  }

  get isCut(): boolean {
    return this.#sockets.isCut;
  }

  /** Ends all connections now: whatever waits for an answer is rejected. */
  cut(): void {
    this.#sockets.cut();
  }
}
