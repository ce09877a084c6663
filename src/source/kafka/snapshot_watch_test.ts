import assert from "node:assert/strict";
import type { ChangeHead } from "../../decode/decoder.ts";
import { SnapshotWatch } from "./snapshot_watch.ts";

const NONE = { phase: "waiting", lsn: 0, again: null } as const;

function at(topic: string, partition: number, offset: number) {
  return { topic, partition, offset, timestampMs: 1000 + offset };
}

function head(lsn: number, snapshot: string): ChangeHead {
  return {
    letGo: () => {},
    op: "r",
    schema: "public",
    table: "a",
    lsn,
    tx: 1,
    atHigh: 0,
    atLow: 0,
    commitTimeMs: 0,
    snapshot,
    isInTransaction: false,
    transactionOrder: 0,
    keyChange: null,
  };
}

Deno.test("a snapshot is done when all partitions were read as far as they went at its end", () => {
  const watch = new SnapshotWatch(NONE, () => 5);
  watch.row(head(100, "first"), "public.a", at("p.public.a", 0, 0));
  assert.equal(watch.state.phase, "reading");
  watch.row(head(100, "last"), "public.b", at("p.public.b", 0, 0));
  assert(watch.wantsEnds && !watch.isDone);
  watch.endsAt(new Map([["p.public.a", [2]], ["p.public.b", [1]]]));
  const next = new Map([["p.public.a", 1], ["p.public.b", 1]]);
  watch.look((topic) => next.get(topic)!);
  assert(!watch.isDone, "one partition lags");
  next.set("p.public.a", 2);
  watch.look((topic) => next.get(topic)!);
  assert(watch.isDone);
  assert.equal(watch.againAtMs, null);
  assert.deepEqual(watch.tables.map(({ table, rows }) => [table, rows]), [
    ["public.a", 1],
    ["public.b", 1],
  ]);
});

Deno.test("rows with another LSN are another snapshot, which says where it begins", () => {
  const watch = new SnapshotWatch({ phase: "done", lsn: 100, again: null }, () => 5);
  watch.row(head(300, "first"), "public.a", at("p.public.a", 1, 40));
  watch.row(head(300, "true"), "public.a", at("p.public.a", 1, 41));
  watch.row(head(100, "true"), "public.b", at("p.public.b", 0, 8)); // still of the one before
  watch.row(head(300, "true"), "public.b", at("p.public.b", 0, 9));
  assert.equal(watch.againAtMs, 5);
  assert(!watch.isDone);
  const { again } = watch.state;
  assert.equal(again!.sinceMs, 1009, "of its oldest record, in whichever partition");
  assert.deepEqual(again!.offsets["p.public.a"][1], 40);
  assert.deepEqual(again!.offsets["p.public.b"], [9]);
  const restarted = new SnapshotWatch(watch.state, () => 6);
  assert.equal(restarted.againAtMs, 5, "it outlives a restart");
});

Deno.test("an incremental snapshot is no second one, and a stream without any is done", () => {
  const watch = new SnapshotWatch({ phase: "done", lsn: 100, again: null }, () => 5);
  watch.row(head(300, "incremental"), "public.a", at("p.public.a", 0, 40));
  assert.equal(watch.againAtMs, null);
  const never = new SnapshotWatch(NONE, () => 5);
  never.streaming();
  never.endsAt(new Map());
  never.look(() => 0);
  assert(never.isDone);
});

Deno.test("the end of one snapshot is not that of another that has begun since", () => {
  const watch = new SnapshotWatch(NONE, () => 5);
  watch.row(head(100, "first"), "public.a", at("p.public.a", 0, 0));
  watch.row(head(100, "last"), "public.a", at("p.public.a", 0, 1));
  watch.endsAt(new Map([["p.public.a", [3]]]));
  watch.row(head(300, "first"), "public.a", at("p.public.a", 0, 2));
  watch.look(() => 3);
  assert(!watch.isDone);
  watch.row(head(300, "last"), "public.a", at("p.public.a", 0, 3));
  watch.row(head(500, "first"), "public.a", at("p.public.a", 0, 4));
  watch.endsAt(new Map([["p.public.a", [5]]])); // the answer to what was asked before
  watch.look(() => 5);
  assert(!watch.isDone);
});
