/**
 * The topics of one connector as a stream of changes: feeds (what Kafka has), in the order of
 * order.ts. New topics and partitions are looked for from time to time, and join the others.
 */
import type { Batch } from "../../batch/batch.ts";
import type { Stop } from "../../decode/decoder.ts";
import { logger } from "../../log.ts";
import type { KafkaPosition, Lsn, Position } from "../position.ts";
import type { ChangeStream } from "../source.ts";
import type { Cluster, Feeds, TopicOffsets } from "./feed.ts";
import type { Order } from "./order.ts";
import type { TopicNames } from "./topics.ts";

/** How often new topics are looked for, and how often while there is none yet. */
const TOPICS_MS = 5000;
const TOPICS_MS_FIRST = 1000;

const log = logger("source");

/** What a stream is made of. */
export interface StreamParts {
  readonly cluster: Cluster;
  readonly order: Order;
  readonly names: TopicNames;
  readonly group: string;
  /** What the topics have, looked at just now. */
  readonly offsets: readonly TopicOffsets[];
}

/** See the top of this file. */
export class KafkaStream implements ChangeStream {
  confirmedLsn: Lsn = 0;
  #feeds: Feeds | undefined;
  /** How many partitions each topic that is read has. */
  #known = new Map<string, number>();
  /** What was found beyond that, until it is read. */
  #found: readonly TopicOffsets[] | undefined;
  #isRebinding = false;
  /** Topics are being looked for. */
  #isLooking = false;
  #failure: unknown;
  /** Something has changed since the last read. */
  #isNews = true;
  #wake: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  private constructor(private readonly parts: StreamParts) {}

  /** Joins the group and begins to read. */
  static async start(parts: StreamParts): Promise<KafkaStream> {
    const stream = new KafkaStream(parts);
    try {
      await stream.#bind(parts.offsets);
    } catch (error) {
      await stream.close();
      throw error;
    }
    stream.#watch(TOPICS_MS_FIRST);
    return stream;
  }

  get hasInput(): boolean {
    return !this.#isRebinding && this.parts.order.hasInput;
  }

  get inTransaction(): boolean {
    return this.parts.order.inTransaction;
  }

  get position(): KafkaPosition {
    return this.parts.order.position;
  }

  get nextSeq(): number {
    return this.parts.order.nextSeq;
  }

  get decoded(): number {
    return this.parts.order.taken;
  }

  get bufferedBytes(): number {
    return this.#feeds?.bufferedBytes ?? 0;
  }

  /** Nobody waits: what the group is told is a hint. */
  get isAsked(): boolean {
    return false;
  }

  get copy() {
    const { snapshot } = this.parts.order;
    return { done: snapshot.isDone, tables: snapshot.tables };
  }

  get holds(): string[] {
    const { order, names, group } = this.parts;
    const holds: string[] = [];
    const all = this.#feeds?.all ?? [];
    if (all.length === 0) holds.push(`There is no topic of ${names.prefix} yet.`);
    const others = all.filter((feed) => !feed.isOurs);
    if (others.length > 0) {
      holds.push(
        `${others.length} of ${all.length} partitions are not ours, such as ${others[0].topic}` +
          `[${others[0].partition}]: the group ${group} is being balanced, or another member has ` +
          "them, which must be stopped or given its own SLUICE_KAFKA_GROUP.",
      );
    }
    const { againAtMs } = order.snapshot;
    if (againAtMs !== null) {
      holds.push(
        `The connector has taken a new snapshot (seen ${
          new Date(againAtMs).toISOString()
        }): what ` +
          "was deleted at the source before it has no event, and may still be here. Start with " +
          "--resnapshot to fill the warehouse from that snapshot on, or with --accept-snapshot " +
          "to take it as it is.",
      );
    }
    const { incomplete } = order;
    if (incomplete !== null) holds.push(`Waiting: ${incomplete}.`);
    return holds;
  }

  isAhead(of: Position): boolean {
    return JSON.stringify(this.position) !== JSON.stringify(of);
  }

  async read(): Promise<void> {
    const { order } = this.parts;
    this.#lookAround();
    if (!this.#isNews && this.#failure === undefined) {
      // What waits for another's records must not keep those from coming.
      const { bufferedBytes = 0, bufferedBytesMax = 0 } = this.#feeds ?? {};
      if (bufferedBytes >= bufferedBytesMax) order.letGo();
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    this.#isNews = false;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#found !== undefined) await this.#bind(this.#found);
    this.#lookAround();
    order.wake();
  }

  decode(batch: Batch): Stop {
    return this.parts.order.decode(batch);
  }

  confirm(position: Position): void {
    if (position.kind !== "kafka") return;
    this.confirmedLsn = position.lsn;
    this.#feeds?.commit(
      new Map(
        Object.entries(position.topics).map(([topic, each]) => [topic, each.map((p) => p.next)]),
      ),
    );
  }

  /** The end of all partitions that are read, added up. Throws a `connection` fault. */
  async end(): Promise<number> {
    const offsets = await this.parts.cluster.offsets([...this.#known.keys()]);
    return offsets.flatMap((topic) => topic.partitions).reduce((sum, { end }) => sum + end, 0);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#feeds?.close();
    await this.parts.cluster.close();
  }

  /** Reads these topics, each from where it was read to, or from its first offset. */
  async #bind(found: readonly TopicOffsets[]): Promise<void> {
    const { order, cluster } = this.parts;
    this.#isRebinding = true;
    this.#found = undefined;
    const closing = this.#feeds;
    this.#feeds = undefined; // its end is no failure
    await closing?.close();
    const { topics } = order.position;
    const start = new Map(found.map(({ topic, partitions }) => [
      topic,
      partitions.map(({ first }, partition) => topics[topic]?.[partition]?.next ?? first),
    ]));
    if (start.size > 0) {
      this.#feeds = await cluster.read(start);
      this.#listen(this.#feeds);
    }
    this.#known = new Map(found.map(({ topic, partitions }) => [topic, partitions.length]));
    order.bind(this.#feeds?.all ?? []);
    this.#isRebinding = false;
  }

  /** Wakes the reader at each change of the feeds. */
  #listen(feeds: Feeds): void {
    const next = () => {
      if (this.#isClosed || this.#feeds !== feeds) return;
      feeds.changed().then(() => {
        this.#news();
        next();
      }, (error) => {
        if (this.#feeds === feeds) this.#fail(error);
      });
    };
    next();
  }

  #news(): void {
    this.#isNews = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#news();
  }

  /** Looks for topics after a while, and then again and again. */
  #watch(pauseMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      try {
        this.#isLooking = true;
        await this.#lookForTopics();
        this.#isLooking = false;
        const isSoon = this.#known.size === 0 || this.#isWanted;
        if (!this.#isClosed) this.#watch(isSoon ? TOPICS_MS_FIRST : TOPICS_MS);
      } catch (error) {
        if (!this.#isClosed) this.#fail(error);
      }
    }, pauseMs);
  }

  /** Whether the order waits for what a look at the topics tells. */
  get #isWanted(): boolean {
    const { order } = this.parts;
    return order.sought.length > 0 || order.wantsEnds;
  }

  async #lookForTopics(): Promise<void> {
    const { cluster, names, order } = this.parts;
    // Before: what is asked for meanwhile may not be there yet.
    const { sought, wantsEnds } = order;
    const topics = (await cluster.topics()).filter((topic) => names.isRead(topic));
    const offsets = await cluster.offsets(topics);
    const missing = sought.filter((topic) => !topics.includes(topic));
    if (missing.includes(names.transactions)) {
      log.warn(
        "changes name their transactions, and there is no topic {topic}: a read may see half of " +
          "a transaction",
        { topic: names.transactions },
      );
    }
    if (missing.length > 0) {
      order.goWithout(missing);
      this.#news();
    }
    const fresh = offsets.filter(({ topic, partitions }) =>
      partitions.length > (this.#known.get(topic) ?? 0)
    );
    if (fresh.length === 0) {
      if (wantsEnds) this.#tellEnds(offsets);
      return;
    }
    if (this.#found !== undefined) return;
    log.info("reads {count} more topics or partitions: {topics}", {
      count: fresh.length,
      topics: fresh.map(({ topic }) => topic).join(", "),
    });
    this.#found = offsets;
    this.#news();
  }

  /** Tells where the topics end, which are all read. */
  #tellEnds(offsets: readonly TopicOffsets[]): void {
    this.parts.order.endsAt(
      new Map(offsets.map(({ topic, partitions }) => [topic, partitions.map(({ end }) => end)])),
    );
    this.#news();
  }

  /** Asks for what the order has to know: which topics there are, and where they end. */
  #lookAround(): void {
    const { order } = this.parts;
    if (this.#isWanted && !this.#isLooking) this.#watch(0);
    const { all = [] } = this.#feeds ?? {};
    order.snapshot.look((topic, partition) =>
      all.find((feed) => feed.topic === topic && feed.partition === partition)?.next ?? 0
    );
  }
}
