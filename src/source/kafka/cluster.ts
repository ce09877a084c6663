/** Talks to a Kafka cluster by kafkajs: see `Cluster` in feed.ts. */
import type { Cluster as LowCluster } from "kafkajs";
import { Fault } from "../../errors.ts";
import { ASKING_RETRIES, Client } from "./client.ts";
import { toFault } from "./fault.ts";
import type { Cluster, ClusterOptions, Feeds, StartOffsets, TopicOffsets } from "./feed.ts";
import { checkGroup, describeCluster, topicOffsets, topicOffsetsSince } from "./offsets.ts";
import { Reader } from "./reader.ts";
import { confirmStart } from "./start.ts";

/** A cluster. Nothing is connected yet, and each call but `read` has a connection of its own: so
 * neither a topic that was deleted nor a broker that restarted is left behind in kafkajs's memory. */
export function connectCluster(options: ClusterOptions): Cluster {
  return new KafkaCluster(options);
}

class KafkaCluster implements Cluster {
  /** Of calls that wait for their answer. */
  readonly #asking = new Map<Client, Promise<unknown>>();
  readonly #readers = new Set<Reader>();
  #isClosed = false;

  constructor(private readonly options: ClusterOptions) {}

  async id(): Promise<string> {
    return (await this.#ask("asking for the cluster's id", describeCluster)).id;
  }

  async topics(): Promise<string[]> {
    return (await this.#ask("listing the topics", describeCluster)).topics;
  }

  offsets(topics: readonly string[]): Promise<TopicOffsets[]> {
    return this.#ask("reading the topics' offsets", (cluster) => topicOffsets(cluster, topics));
  }

  offsetsSince(topics: readonly string[], ms: number): Promise<Map<string, number[]>> {
    return this.#ask(
      "looking for offsets by time",
      (cluster) => topicOffsetsSince(cluster, topics, ms),
    );
  }

  async read(start: StartOffsets): Promise<Feeds> {
    const offsets = await confirmStart(this, start);
    const { group } = this.options;
    await this.#ask(`joining the group ${group}`, (cluster) => checkGroup(cluster, group));
    const reader: Reader = new Reader(this.options, start, offsets, {
      confirm: async (position) => void await confirmStart(this, position),
      closed: () => this.#readers.delete(reader),
    });
    this.#readers.add(reader);
    reader.start();
    return reader;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const client of this.#asking.keys()) client.cut();
    await Promise.all([...this.#readers].map((reader) => reader.close()));
    await Promise.allSettled(this.#asking.values());
  }

  async #ask<T>(doing: string, ask: (cluster: LowCluster) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw closedFault(doing);
    const client = new Client(this.options, ASKING_RETRIES);
    const answer = this.#answer(client, doing, ask);
    this.#asking.set(client, answer);
    try {
      return await answer;
    } finally {
      this.#asking.delete(client);
    }
  }

  async #answer<T>(
    client: Client,
    doing: string,
    ask: (cluster: LowCluster) => Promise<T>,
  ): Promise<T> {
    try {
      return await ask(client.cluster);
    } catch (error) {
      if (client.isCut) throw closedFault(doing);
      throw toFault(error, { where: this.options.brokers.join(","), doing });
    } finally {
      await client.close();
    }
  }
}

function closedFault(doing: string): Fault {
  return new Fault("connection", {
    what: `Sluice closed its connection to Kafka while ${doing}`,
    todo: "Nothing: it was asked to.",
  });
}
