import assert from "node:assert/strict";
import { Partition } from "./partition.ts";
import type { Fetched } from "./fetched.ts";
import { Room } from "./room.ts";

const MB = 1024 * 1024;

/** A partition of 100 records of which none is fetched. */
function partition(number = 0): Partition {
  const made = new Partition("t", number, 0, () => {});
  made.isOurs = true;
  made.learnEnd(100);
  return made;
}

/** One record with a value of `size` bytes. */
function fetched(offset: number, size: number): Fetched {
  return {
    partition: 0,
    highWatermark: "100",
    messages: [{ offset: String(offset), timestamp: "0", key: null, value: new Uint8Array(size) }],
  };
}

function fill(target: Partition, size: number): void {
  target.accept(fetched(target.fetchNext, size), target.fetchNext);
}

function used(...all: Partition[]): number {
  return all.reduce((sum, one) => sum + one.bufferedBytes, 0);
}

Deno.test("room: each is fetched up to its share of half, the one that holds least first", () => {
  const room = new Room(8 * MB);
  const [a, b, idle] = [partition(0), partition(1), partition(2)];
  idle.learnEnd(0); // has no share
  const choose = () => room.choose([a, b, idle], used(a, b));
  assert.equal(room.stopBytes, 7 * MB);
  fill(a, MB);
  assert.deepEqual(choose(), [b, idle, a]);
  fill(a, MB);
  assert.deepEqual(choose(), [b, idle]); // a has 2 of 4 MB
  fill(b, MB);
  assert.deepEqual(choose(), [idle, b]);
  assert.equal(a.peek(2), undefined);
  assert.deepEqual(choose(), [idle, b, a]); // more of it is asked for
  fill(b, 4 * MB);
  assert.deepEqual(choose(), []); // full
  a.take();
  assert.deepEqual(choose(), [idle, a]);
});

Deno.test("room: what was let go of is fetched after the others", () => {
  const room = new Room(8 * MB);
  const [a, b, c] = [partition(0), partition(1), partition(2)];
  const choose = () => room.choose([a, b, c], used(a, b, c));
  fill(a, 5 * MB);
  fill(b, 2 * MB);
  assert.deepEqual(choose(), []);
  b.letGo();
  assert.deepEqual(choose(), [c]); // not b: c has not had its turn
  c.learnEnd(0); // nothing is to be had of it
  assert.deepEqual(choose(), [b, c]);
});

Deno.test("room: what is asked for beyond the limit is fetched if nobody else holds anything", () => {
  const room = new Room(8 * MB);
  const [a, b] = [partition(0), partition(1)];
  fill(a, 9 * MB);
  assert.deepEqual(room.choose([a, b], used(a, b)), []);
  assert.equal(a.peek(1), undefined);
  assert.deepEqual(room.choose([a, b], used(a, b)), [a]);
  fill(b, 100);
  assert.deepEqual(room.choose([a, b], used(a, b)), []);
  b.letGo();
  assert.deepEqual(room.choose([a, b], used(a, b)), [a]);
});

Deno.test("room: it asks for less when answers grow, and for more when they don't", () => {
  const room = new Room(64 * MB);
  const a = partition();
  const asked = () => room.sizes([a], 1).bytes;
  for (let i = 0; i < 20; i++) room.learn(asked(), asked(), 1);
  assert.equal(asked(), 8 * MB);
  room.learn(8 * MB, 400 * MB, 1);
  assert.ok(asked() * 50 <= 8 * MB && asked() * 50 > 7 * MB, `${asked()}`);
  for (let i = 0; i < 20; i++) room.learn(asked(), asked() * 50, 1);
  assert.ok(asked() * 50 <= 8 * MB, `${asked()}`);
  // Answers that are small because little is there say nothing.
  const before = asked();
  room.learn(before, 100, 1);
  assert.equal(asked(), before);
});

Deno.test("room: brokers share what may be under way, and partitions a request", () => {
  const room = new Room(64 * MB);
  const many = Array.from({ length: 100 }, (_, i) => partition(i));
  for (let i = 0; i < 20; i++) room.learn(8 * MB, 8 * MB, 1);
  assert.ok(room.sizes(many, 4).bytes <= 2 * MB);
  assert.equal(room.sizes(many, 1).bytesOf(many[0]), Math.floor(8 * MB / 100));
  for (const idle of many.slice(2)) idle.learnEnd(0);
  assert.equal(room.sizes(many, 1).bytesOf(many[0]), 4 * MB);
});

Deno.test("room: of what more is taken more is kept ahead", () => {
  const room = new Room(8 * MB);
  const [busy, quiet] = [partition(0), partition(1)];
  for (let i = 0; i < 20; i++) room.learn(MB, MB, 1);
  const bytes = () => [busy, quiet].map(room.sizes([busy, quiet], 1).bytesOf);
  const choose = () => room.choose([quiet, busy], used(busy, quiet));
  assert.deepEqual(bytes(), [MB / 2, MB / 2]);
  for (let i = 0; i < 3; i++) {
    fill(busy, MB);
    busy.take();
  }
  fill(quiet, MB);
  quiet.take();
  const [ofBusy, ofQuiet] = bytes();
  assert.ok(ofBusy > 0.6 * MB && ofBusy < 0.65 * MB && ofQuiet < 0.4 * MB, `${ofBusy} ${ofQuiet}`);
  fill(busy, 2 * MB); // of some 2.5
  fill(quiet, 1.6 * MB); // of some 1.5
  assert.deepEqual(choose(), [busy]);
  // One that has nothing left gets no more than all there is.
  const one = partition(2);
  one.takenBytes = 1;
  busy.learnEnd(0);
  assert.ok(room.sizes([busy, one], 1).bytesOf(busy) <= MB);
  busy.learnEnd(100);
  // What was taken long ago counts less.
  for (let i = 0; i < 12; i++) {
    choose();
    fill(quiet, MB);
    quiet.take();
  }
  assert.ok(quiet.takenBytes > 2 * busy.takenBytes);
  const [now, then] = bytes();
  assert.ok(now < then, `${now} ${then}`);
});
