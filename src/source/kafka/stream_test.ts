import assert from "node:assert/strict";
import { Pool } from "../../batch/pool.ts";
import { debeziumCodec } from "../../decode/debezium/codec.ts";
import type { Cluster, Feeds, StartOffsets } from "./feed.ts";
import { Case } from "./order_case_fixture.ts";
import type { TestFeed } from "./order_fixture.ts";
import { Order } from "./order.ts";
import { KafkaStream } from "./stream.ts";
import { TopicNames } from "./topics.ts";

/** Gives the topics of a case all at once when told to, and says nothing afterwards. */
function quietCluster(test: Case): Cluster & { arrive(): void } {
  const news = Promise.withResolvers<void>();
  let isNew = true;
  const offsets = () => {
    const topics = new Map<string, { first: number; end: number }[]>();
    for (const { topic, partition, end } of test.feeds) {
      if (!topics.has(topic)) topics.set(topic, []);
      topics.get(topic)![partition] = { first: 0, end };
    }
    return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
  };
  const read = (start: StartOffsets): Promise<Feeds> => {
    const all: TestFeed[] = test.feeds;
    for (const feed of all) feed.next = start.get(feed.topic)![feed.partition];
    const changed = () => {
      const first = isNew;
      isNew = false;
      return first ? news.promise : new Promise<void>(() => {});
    };
    const close = () => Promise.resolve();
    return Promise.resolve({
      all,
      changed,
      bufferedBytes: 0,
      bufferedBytesMax: 1,
      commit: () => {},
      close,
    });
  };
  return {
    arrive: () => {
      for (const feed of test.feeds) feed.fetch(Infinity);
      news.resolve();
    },
    id: () => Promise.resolve("c"),
    topics: () => Promise.resolve(offsets().map(({ topic }) => topic)),
    offsets: () => Promise.resolve(offsets()),
    offsetsSince: () => Promise.resolve(new Map()),
    read,
    close: () => Promise.resolve(),
  };
}

Deno.test("a snapshot is known to be done though nothing comes after it", async () => {
  using test = new Case();
  test.row({ table: "public.a", key: 1, lsn: 50, op: "r", snapshot: "last" });
  test.start();
  const names = new TopicNames("p", ["public.*"]);
  const order = new Order({
    codec: debeziumCodec(),
    names,
    position: { ...test.sink.position, snapshot: { phase: "waiting", lsn: 0, again: null } },
    layouts: [],
    nextSeq: 1,
    patienceMs: 60_000,
    known: () => undefined,
    now: () => 0,
  });
  const cluster = quietCluster(test);
  const offsets = await cluster.offsets([]);
  const stream = await KafkaStream.start({ cluster, order, names, group: "g", offsets });
  using pool = new Pool(4 * 1024 * 1024);
  await stream.read(); // nothing is there yet
  let reading = stream.read();
  cluster.arrive();
  for (let reads = 0; !stream.copy.done; reads++) {
    assert(reads < 10);
    await reading;
    while (stream.hasInput) {
      const batch = pool.take()!;
      test.sink.answer(stream.decode(batch), pool);
      pool.give(batch);
    }
    reading = stream.read();
  }
  await stream.close();
});
