/**
 * Every fetch of a kafkajs consumer goes through here, between its loop and the broker. The loop
 * keeps the membership, the metadata and the connections; which partitions are fetched, from which
 * offset and how much is decided here, and what comes is taken here. kafkajs is told that nothing
 * has come, so its own offsets, its silent resets to the beginning or the end of a partition, and
 * its pauses (which drop what is under way) have no part in it. An answer is matched with its own
 * request: nothing that was not asked for can be accepted.
 */
import type { Broker, Cluster } from "kafkajs";
import { Fault } from "../../errors.ts";
import { isUndecodable, undecodable } from "./fault.ts";
import type { Partition } from "./partition.ts";
import type { Fetched } from "./fetched.ts";
import { Room } from "./room.ts";
import { Signal } from "./signal.ts";

type FetchRequest = Parameters<Broker["fetch"]>[0];
type Send = (request: FetchRequest) => Promise<FetchAnswer>;

interface FetchAnswer {
  readonly responses: readonly {
    readonly topicName: string;
    readonly partitions: readonly Fetched[];
  }[];
}

const NOTHING: FetchAnswer = { responses: [] };

/** How long a broker waits for a first record, which is what an idle reading costs: each question
 * names all partitions. When some are held back it is short, since they may be wanted at any time. */
const IDLE_MS = 1000;
const HOLDING_BACK_MS = 50;

/** Who is told. */
export interface FetchListener {
  /** Something has come, or an end is known. */
  changed(): void;
  /** The broker no longer has the partition's next record. */
  lost(partition: Partition): void;
  /** What was fetched can't be decoded, now or ever. */
  failed(error: unknown): void;
}

/** See the top of this file. */
export class Fetcher {
  readonly room: Room;
  readonly #hooked = new WeakSet<Broker>();
  /** Fetches that wait until they may begin: one for each broker at most. */
  readonly #waiting = new Set<Signal>();
  #bufferedBytes = 0;
  #brokers = 1;
  #isEnded = false;

  /** `partitions`: by topic, all that are read. */
  constructor(
    private readonly partitions: ReadonlyMap<string, readonly Partition[]>,
    bytesMax: number,
    private readonly listener: FetchListener,
  ) {
    this.room = new Room(bytesMax);
  }

  /** Puts this between `cluster` and its brokers. */
  hook(cluster: Cluster): void {
    const find = cluster.findBroker.bind(cluster);
    cluster.findBroker = async (node) => {
      const broker = await find(node);
      if (!this.#hooked.has(broker)) {
        this.#hooked.add(broker);
        const send = broker.fetch.bind(broker) as Send;
        broker.fetch = (request) => {
          this.#brokers = Math.max(1, cluster.getNodeIds().length);
          return this.#fetch(request, send);
        };
      }
      return broker;
    };
    // A lost broker is taken from kafkajs's list, and with an empty list it gives up at once. With
    // the broker still there it connects anew, and goes on as the member that it was.
    const list = cluster.getNodeIds.bind(cluster);
    let known: number[] = [];
    cluster.getNodeIds = () => {
      const now = list();
      if (now.length > 0) known = now;
      return known;
    };
  }

  /** What a partition has buffered has grown by so much; 0: more is wanted of it. */
  buffered(bytes: number): void {
    this.#bufferedBytes += bytes;
    if (bytes <= 0) { for (const waiting of this.#waiting) waiting.give(); }
  }

  /** Nothing is fetched from now on. */
  end(): void {
    this.#isEnded = true;
    for (const waiting of this.#waiting) waiting.give();
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  async #fetch(request: FetchRequest, send: Send): Promise<FetchAnswer> {
    const candidates = this.#candidates(request);
    const chosen = this.#isEnded ? [] : this.room.choose(candidates, this.bufferedBytes);
    if (chosen.length === 0) {
      const waiting = new Signal();
      this.#waiting.add(waiting);
      await waiting.wait(IDLE_MS);
      this.#waiting.delete(waiting);
      return NOTHING;
    }
    const sizes = this.room.sizes(chosen, this.#brokers);
    const offsets = new Map(chosen.map((partition) => [partition, partition.fetchNext]));
    const asked = {
      ...request,
      maxWaitTime: chosen.length < candidates.length ? HOLDING_BACK_MS : IDLE_MS,
      maxBytes: sizes.bytes,
      topics: chosen.map((each) => ({
        topic: each.topic,
        partitions: [{
          partition: each.partition,
          fetchOffset: String(each.fetchNext),
          maxBytes: sizes.bytesOf(each),
        }],
      })),
    };
    try {
      this.#accept(await send(asked), offsets, sizes.bytes);
    } catch (error) {
      const lost = this.#lostBy(error, offsets);
      if (lost !== undefined) this.listener.lost(lost);
      else if (isUndecodable(error)) this.listener.failed(await blame(asked, send, error));
      else throw error; // kafkajs knows what to do
    }
    return NOTHING;
  }

  #accept(answer: FetchAnswer, offsets: ReadonlyMap<Partition, number>, asked: number): void {
    let [got, isNews] = [0, false];
    for (const { topicName, partitions } of answer.responses) {
      for (const fetched of partitions) {
        const partition = this.partitions.get(topicName)?.[fetched.partition];
        const from = partition && offsets.get(partition);
        if (partition === undefined || from === undefined) {
          throw new Fault("protocol", {
            what: "the broker sent records of a partition that was not asked for",
            received: `${topicName}[${fetched.partition}]`,
          });
        }
        const bytes = partition.accept(fetched, from);
        if (bytes >= 0) isNews = true;
        got += Math.max(0, bytes);
      }
    }
    this.room.learn(asked, got, this.#brokers);
    if (isNews) this.listener.changed();
  }

  /** Ours of the request's partitions: those that have their leader on this broker. */
  #candidates({ topics }: FetchRequest): Partition[] {
    return topics.flatMap(({ topic, partitions }) =>
      partitions.flatMap(({ partition }) => {
        const known = this.partitions.get(topic)?.[partition];
        return known?.isOurs ? [known] : [];
      })
    );
  }

  /** The partition that an error of kafkajs says is out of range, if it still is where it was. */
  #lostBy(error: unknown, offsets: ReadonlyMap<Partition, number>): Partition | undefined {
    const { name, topic, partition } = error as { name: string; topic: string; partition: number };
    if (name !== "KafkaJSOffsetOutOfRange") return undefined;
    const known = this.partitions.get(topic)?.[partition];
    return known !== undefined && offsets.has(known) ? known : undefined;
  }
}

/** One partition's records spoil the whole answer: asks for each alone, to name it. */
async function blame(request: FetchRequest, send: Send, error: unknown): Promise<unknown> {
  for (const one of request.topics) {
    try {
      await send({ ...request, maxWaitTime: 0, topics: [one] });
    } catch (again) {
      if (!isUndecodable(again)) return again;
      const [{ partition, fetchOffset }] = one.partitions;
      return undecodable(`${one.topic}[${partition}], offset ${fetchOffset} or later`, again);
    }
  }
  return error;
}
