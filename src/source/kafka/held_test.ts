import assert from "node:assert/strict";
import { Fault } from "../../errors.ts";
import type { KafkaPosition } from "../position.ts";
import { assertHeld, heldOffsets } from "./held.ts";
import { TopicNames } from "./topics.ts";

const position: KafkaPosition = {
  kind: "kafka",
  clusterId: "c",
  prefix: "p",
  topics: { "p.public.a": [{ next: 5, lsn: 1 }], "p.public.b": [{ next: 7, lsn: 1 }] },
  snapshot: { phase: "done", lsn: 1, again: null },
  lsn: 1,
};
const a = (first: number, end: number) => [{ topic: "p.public.a", partitions: [{ first, end }] }];

Deno.test("a position is held by the topics that are read, whatever the others are", () => {
  const names = new TopicNames("p", ["public.a"]);
  assertHeld(position, a(5, 5), names);
  for (const offsets of [a(6, 9), a(0, 4), []]) {
    assert.throws(
      () => assertHeld(position, offsets, names),
      (error) => error instanceof Fault && error.kind === "position-lost",
    );
  }
  const both = new TopicNames("p", ["public.*"]);
  assert.throws(() => assertHeld(position, a(5, 5), both), /p\.public\.b is gone/);
});

Deno.test("a broker that has just started is asked again, and one without any topic is waited for", async () => {
  const names = new TopicNames("p", ["public.a"]);
  let asked = 0;
  const cluster = {
    topics: () => Promise.resolve(++asked < 2 ? ["other"] : ["other", "p.public.a"]),
    offsets: (topics: readonly string[]) => Promise.resolve(topics.length > 0 ? a(0, 9) : []),
  };
  assert.deepEqual(await heldOffsets(cluster, position, names), a(0, 9));
  const empty = { topics: () => Promise.resolve([]), offsets: () => Promise.resolve([]) };
  await assert.rejects(
    heldOffsets(empty, position, names),
    (error) => error instanceof Fault && error.kind === "connection",
  );
});
