import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { hold, letGo, newMemory } from "./answer_memory.ts";
import type { Fetched } from "./fetched.ts";
import { Partition } from "./partition.ts";
import { readBatches } from "./record_batch.ts";
import { batchBytes } from "./record_batch_fixture.ts";

const MB = 1024 * 1024;

/** An answer of ours with these bytes. */
function answerOf(bytes: Buffer): Buffer {
  const answer = Buffer.from(newMemory(bytes.length), 0, bytes.length);
  answer.set(bytes);
  return answer;
}

/** A partition's part of an answer. */
async function part(partition: number, answer: Buffer): Promise<Fetched> {
  return { partition, highWatermark: "9", batches: await readBatches(answer), messages: [] };
}

/** Record batches from offset `from` on, each of two records of half a MB. */
function batches(from: number, count: number): Buffer {
  const value = new Uint8Array(MB / 2).fill(0x61);
  const records = [0, 1].map((offsetDelta) => ({ offsetDelta, key: "key", value }));
  return Buffer.concat(
    Array.from({ length: count }, (_, i) => batchBytes(from + 2 * i, records)),
  );
}

function made(partition: number, start = 0): Partition {
  const it = new Partition("t", partition, start, () => {});
  it.isOurs = true;
  return it;
}

/** Whether the memory of `answer` would be another's now. No test has answers of another's size. */
function isFree(answer: Buffer): boolean {
  const given = newMemory(answer.buffer.byteLength);
  if (given !== answer.buffer) return false;
  hold(given);
  letGo(given);
  return true;
}

Deno.test("answer memory: it is another's after the last one who held it", () => {
  const answer = answerOf(Buffer.alloc(3 * MB - 5));
  const { buffer } = answer;
  for (let i = 0; i < 3; i++) hold(buffer);
  letGo(buffer);
  letGo(buffer);
  assert(!isFree(answer));
  letGo(buffer);
  letGo(buffer); // once too often: it may not be given twice
  assert(newMemory(2 * MB) === buffer, "it fits");
  assert(newMemory(2 * MB) !== buffer);
  hold(buffer);
  letGo(buffer);
  assert(newMemory(4 * MB) !== buffer, "too small");
  assert(newMemory(MB) !== buffer, "much too large");
  assert(isFree(answer));
});

Deno.test("answer memory: small ones, and what is not ours, are never used again", () => {
  const foreign = new ArrayBuffer(8 * MB); // such as Node's, which many small buffers share
  const small = newMemory(MB - 1);
  for (const memory of [foreign, small]) {
    hold(memory);
    letGo(memory);
    assert(newMemory(memory.byteLength) !== memory);
  }
});

Deno.test("answer memory: no more than two are kept, the latest", () => {
  const all = [1, 2, 3].map(() => newMemory(14 * MB));
  for (const memory of all) hold(memory);
  for (const memory of all) letGo(memory);
  const given = [1, 2, 3].map(() => newMemory(14 * MB));
  assert.deepEqual(given.map((memory) => all.indexOf(memory)), [1, 2, -1]);
});

Deno.test("answer memory: a partition's records have theirs until the last was taken", async () => {
  const answer = answerOf(batches(0, 6));
  const it = made(0);
  it.accept(await part(0, answer), 0);
  for (let taken = 0; taken < 12; taken++) {
    assert(!isFree(answer));
    it.take();
  }
  assert(isFree(answer));
});

Deno.test("answer memory: partitions of one answer have it until the last lets go", async () => {
  const [mine, theirs] = [batches(0, 7), batches(0, 7)];
  const answer = answerOf(Buffer.concat([mine, theirs]));
  const [one, two] = [made(0), made(1)];
  one.accept(await part(0, answer.subarray(0, mine.length)), 0);
  two.accept(await part(1, answer.subarray(mine.length)), 0);
  for (let taken = 0; taken < 14; taken++) one.take();
  assert(!isFree(answer));
  two.letGo();
  assert(isFree(answer));
});

Deno.test("answer memory: who has no news of it does not take it from others", async () => {
  const [mine, theirs] = [batches(0, 1), batches(0, 1)];
  const answer = answerOf(Buffer.concat([mine, theirs]));
  const [one, two] = [made(0, 2), made(1)];
  const given = await part(0, answer.subarray(0, mine.length));
  const batch = given.batches!.at(-1)!;
  Object.defineProperty(batch, "head", { value: { ...batch.head, end: 300 } }); // as compaction leaves it
  assert.equal(one.accept(given, 2), 0);
  assert.deepEqual([one.fetchNext, one.head], [300, undefined]);
  two.accept(await part(1, answer.subarray(mine.length)), 0);
  assert(!isFree(answer));
  two.letGo();
  assert(!isFree(answer), "it is left to the garbage collector");
  const late = answerOf(batches(0, 11));
  assert.equal(two.accept(await part(1, late), 7), -1); // was under way
  assert(!isFree(late));
});
