/** Topics that are written record by record, and an order that reads them: for single cases. */
import { Pool } from "../../batch/pool.ts";
import { debeziumCodec } from "../../decode/debezium/codec.ts";
import type { KafkaRecord, Stop } from "../../decode/decoder.ts";
import { Order } from "./order.ts";
import { TestFeed } from "./order_fixture.ts";
import { TestSink } from "./order_sink_fixture.ts";
import { TopicNames } from "./topics.ts";
import { amid } from "../../slice_fixture.ts";

const encoder = new TextEncoder();

/** A row as it is written to a topic. `of`: its transaction. */
export interface Written {
  table: string;
  key: number;
  lsn: number;
  op?: string;
  of?: number;
  /** Its `data_collection_order`. */
  order?: number;
  text?: string | null;
  partition?: number;
  snapshot?: string;
  headers?: Record<string, string>;
}

/** See the top of this file. The prefix is `p`. */
export class Case {
  sink = new TestSink();
  readonly feeds: TestFeed[] = [];
  nowMs = 1_000_000;
  order!: Order;
  /** What was set aside: the kinds of the faults. */
  readonly letters: string[] = [];
  readonly #records = new Map<string, KafkaRecord[]>();
  readonly #pool = new Pool(4 * 1024 * 1024);

  constructor(readonly onBadRecord: "stop" | "dead-letter" = "stop") {}

  [Symbol.dispose](): void {
    this.#pool[Symbol.dispose]();
  }

  begin(tx: number, lsn: number): void {
    this.put("p.transaction", 0, {}, {
      status: "BEGIN",
      id: `${tx}:${lsn}`,
      event_count: null,
      data_collections: null,
    });
  }

  end(tx: number, lsn: number, counts: Record<string, number>): void {
    const data_collections = Object.entries(counts)
      .map(([data_collection, event_count]) => ({ data_collection, event_count }));
    this.put("p.transaction", 0, {}, { status: "END", id: `${tx}:${lsn}`, data_collections });
  }

  row({ table, key, lsn, op = "c", of, text = "", partition = 0, ...more }: Written): void {
    const [schema, name] = table.split(".");
    const id = of === undefined
      ? null
      : { id: `${of}:${lsn}`, data_collection_order: more.order ?? 1 };
    const isRow = op !== "d" && op !== "t";
    this.put(`p.${table}`, partition, op === "t" ? null : { id: key }, {
      before: op === "d" ? { id: key, n: 0, text: null } : null,
      after: isRow ? { id: key, n: lsn, text } : null,
      source: { schema, table: name, lsn, txId: of, ts_ms: 0, snapshot: more.snapshot ?? "false" },
      op,
      transaction: id,
    }, more.headers);
  }

  heartbeat(): void {
    this.put("__debezium-heartbeat.p", 0, {}, { ts_ms: 1 });
  }

  /** Adds a record; text is put as it is. */
  put(
    topic: string,
    partition: number,
    key: unknown,
    value: unknown,
    headers: Record<string, string> = {},
  ): void {
    const name = `${topic}[${partition}]`;
    if (!this.#records.has(name)) this.#records.set(name, []);
    const records = this.#records.get(name)!;
    const bytes = (part: unknown) =>
      part === null ? null : amid(typeof part === "string" ? part : JSON.stringify(part));
    records.push({
      topic,
      partition,
      offset: records.length,
      timestampMs: this.nowMs,
      key: bytes(key),
      value: bytes(value),
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [name, encoder.encode(text)]),
      ),
    });
  }

  /** Starts from what the sink has, with the topics that there are. */
  start(tables: readonly string[] = ["public.*"]): void {
    this.sink.rollBack();
    this.order = new Order({
      codec: debeziumCodec(),
      names: new TopicNames("p", tables),
      position: this.sink.position,
      layouts: this.sink.layouts,
      nextSeq: (this.sink.rows.at(-1)?.seq ?? 0) + 1,
      patienceMs: 60_000,
      known: () => undefined,
      now: () => this.nowMs,
    });
    this.feeds.length = 0;
    this.bind(tables);
  }

  /** Binds the topics that there are, as the stream does when it finds some. */
  bind(tables: readonly string[] = ["public.*"]): void {
    const names = new TopicNames("p", tables);
    const { topics } = this.order.position;
    const bound = [...this.#records].flatMap(([name, records]) => {
      const [, topic, number] = /^(.*)\[(\d+)\]$/.exec(name)!;
      if (!names.isRead(topic)) return [];
      const partition = Number(number);
      const feed = new TestFeed(topic, partition, records);
      feed.next = topics[topic]?.[partition]?.next ?? 0;
      feed.letGo();
      return [feed];
    });
    this.feeds.splice(0, this.feeds.length, ...bound);
    this.order.bind(this.feeds);
  }

  /** Looks for the topics that are sought, as the stream does. */
  #look(isWanted: (topic: string) => boolean): void {
    const { sought } = this.order;
    const there = new Set([...this.#records.values()].map(([{ topic }]) => topic));
    const missing = sought.filter((topic) => !there.has(topic));
    this.order.goWithout(missing);
    if (missing.length === sought.length) return;
    this.bind();
    for (const feed of this.feeds) if (isWanted(feed.topic)) feed.fetch(Infinity);
  }

  get #ends(): Map<string, number[]> {
    const ends = new Map<string, number[]>();
    for (const { topic, partition, end } of this.feeds) {
      if (!ends.has(topic)) ends.set(topic, []);
      ends.get(topic)![partition] = end;
    }
    return ends;
  }

  /** What `beginning` asks a cluster. */
  get cluster() {
    const topics = [...new Set([...this.#records.values()].map(([{ topic }]) => topic))];
    const since = (ms: number) =>
      topics.map((topic): [string, number[]] => {
        const partitions = [...this.#records.values()].filter(([each]) => each.topic === topic);
        return [
          topic,
          partitions.map((records) => {
            const found = records.findIndex(({ timestampMs }) => timestampMs >= ms);
            return found < 0 ? records.length : found;
          }),
        ];
      });
    return {
      topics: () => Promise.resolve(topics),
      offsetsSince: (_: readonly string[], ms: number) => Promise.resolve(new Map(since(ms))),
    };
  }

  /** Lets all come, or what `isWanted` says, and reads until nothing gets further. Throws the fault
   * that is met, unless it may be set aside. */
  read(isWanted: (topic: string) => boolean = () => true): void {
    for (const feed of this.feeds) if (isWanted(feed.topic)) feed.fetch(Infinity);
    this.order.wake();
    for (let steps = 0; this.order.hasInput; steps++) {
      if (steps > 10_000) throw new Error("it spins");
      const batch = this.#pool.take()!;
      const stop: Stop = this.order.decode(batch);
      this.sink.write(batch);
      this.#pool.give(batch);
      this.sink.answer(stop, this.#pool);
      if (stop.kind === "fault") {
        const { setAside } = stop;
        if (this.onBadRecord === "stop" || setAside === undefined) throw stop.fault;
        setAside();
        this.letters.push(stop.fault.kind);
      }
      if (this.order.sought.length > 0) this.#look(isWanted);
      if (this.order.wantsEnds) this.order.endsAt(this.#ends);
      if (!this.order.inTransaction) this.sink.commit(this.order.position);
    }
  }

  /** Reads all into one batch until nothing gets further, as while the sink is busy; what is in it
   * is then written and committed, if it may be. Tells after each stop whether one is open. */
  readInto(after: (isOpen: boolean) => void): void {
    for (const feed of this.feeds) feed.fetch(Infinity);
    this.order.wake();
    const batch = this.#pool.take()!;
    for (let steps = 0; this.order.hasInput && steps < 1000; steps++) {
      const stop: Stop = this.order.decode(batch);
      if (stop.kind === "fault") throw stop.fault;
      this.sink.answer(stop, this.#pool);
      after(this.order.inTransaction);
    }
    this.sink.write(batch);
    this.#pool.give(batch);
    if (!this.order.inTransaction) this.sink.commit(this.order.position);
  }

  /** Reads again and again while time passes. */
  wait(seconds: number): void {
    for (let past = 0; past < seconds; past++) {
      this.nowMs += 1000;
      this.read();
    }
  }

  /** `key op` of all rows of a table that are visible. */
  visible(table: string): string[] {
    return this.sink.rows.filter((row) => row.table === table)
      .map(({ key, op }) => `${key} ${op}`);
  }
}

/** A transaction of one row of each table. */
export function change(test: Case, tx: number, lsn: number, keys: Record<string, number>): void {
  test.begin(tx, lsn - 1);
  for (const [table, key] of Object.entries(keys)) test.row({ table, key, lsn, of: tx });
  test.end(tx, lsn + 1, Object.fromEntries(Object.keys(keys).map((table) => [table, 1])));
  test.nowMs += 5;
}
