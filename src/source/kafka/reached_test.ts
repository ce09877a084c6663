import assert from "node:assert/strict";
import { debeziumCodec } from "../../decode/debezium/codec.ts";
import type { KafkaPosition } from "../position.ts";
import { Order } from "./order.ts";
import { TestFeed } from "./order_fixture.ts";
import { TopicNames } from "./topics.ts";

const POSITION: KafkaPosition = {
  kind: "kafka",
  clusterId: "c",
  prefix: "p",
  topics: {
    "p.public.a": [{ next: 17, lsn: 900 }, { next: 3, lsn: 400 }],
    "p.transaction": [{ next: 5, lsn: 0 }],
  },
  snapshot: { phase: "done", lsn: 100, again: null },
  lsn: 950,
};

Deno.test("an order's position is where it began, until it reads: the reading begins from it", () => {
  const order = new Order({
    codec: debeziumCodec(),
    names: new TopicNames("p", ["public.*"]),
    position: POSITION,
    layouts: [],
    nextSeq: 1,
    patienceMs: 60_000,
    known: () => undefined,
    now: () => 0,
  });
  assert.deepEqual(order.position, POSITION);

  const feed = new TestFeed("p.public.a", 0, []);
  feed.next = 20;
  order.bind([feed]);
  const { topics } = order.position;
  assert.equal(topics["p.public.a"][0].next, 20);
  // What is not among the feeds is not forgotten.
  assert.deepEqual(topics["p.public.a"][1], { next: 3, lsn: 400 });
  assert.deepEqual(topics["p.transaction"], [{ next: 5, lsn: 0 }]);
});
