import assert from "node:assert/strict";
import { Partition } from "./partition.ts";
import type { Fetched } from "./fetched.ts";

/** Records with these offsets, each a batch of its own. */
function fetched(offsets: number[], end = 100): Fetched {
  return {
    partition: 0,
    highWatermark: String(end),
    lastStableOffset: String(end - 1),
    messages: offsets.map((offset) => ({
      offset: String(offset),
      timestamp: "0",
      key: null,
      value: new Uint8Array(10),
    })),
  };
}

function partition(start: number): { it: Partition; freed: () => number } {
  let freed = 0;
  const it = new Partition("t", 0, start, (bytes) => freed += Number(bytes < 0));
  it.isOurs = true;
  return { it, freed: () => freed };
}

Deno.test("partition: nothing is accepted that was not asked for from where it is now", () => {
  const { it } = partition(5);
  assert.equal(it.accept(fetched([0, 1]), 0), -1); // kafkajs's own reset
  assert.equal(it.end, -1);
  assert.ok(it.accept(fetched([5, 6]), 5) > 0);
  assert.equal(it.accept(fetched([5, 6]), 5), -1); // the same again
  it.letGo();
  assert.equal(it.accept(fetched([7, 8]), 7), -1); // was under way
  it.isOurs = false;
  assert.equal(it.accept(fetched([5]), 5), -1);
  assert.deepEqual([it.next, it.fetchNext, it.head], [5, 5, undefined]);
});

Deno.test("partition: it goes over gaps, and its next is the head's offset", () => {
  const { it } = partition(5);
  it.accept(fetched([7, 9]), 5);
  it.accept(fetched([20]), 10);
  assert.deepEqual([it.next, it.end], [7, 99]);
  assert.deepEqual([0, 1, 2].map((ahead) => it.peek(ahead)?.offset), [7, 9, 20]);
  assert.equal(it.peek(3), undefined);
  it.take();
  assert.deepEqual([it.next, it.head?.offset, it.peek(1)?.offset], [9, 9, 20]);
  it.take();
  it.take();
  assert.deepEqual([it.next, it.head], [21, undefined]);
  assert.throws(() => it.take(), /nothing to take/);
});

Deno.test("partition: memory is let go of by the fetch, and what is let go of is asked for again", () => {
  const { it, freed } = partition(0);
  const first = it.accept(fetched([0, 1]), 0);
  const second = it.accept(fetched([2, 3]), 2);
  assert.equal(it.bufferedBytes, first + second);
  it.take();
  assert.deepEqual([it.bufferedBytes, freed()], [first + second, 0]);
  it.take();
  assert.deepEqual([it.bufferedBytes, freed()], [second, 1]);
  it.take();
  it.letGo();
  assert.deepEqual([it.bufferedBytes, freed(), it.next, it.fetchNext], [0, 2, 3, 3]);
  it.letGo();
  assert.equal(freed(), 2);
  it.accept(fetched([3, 4]), 3);
  assert.equal(it.head?.offset, 3);
});

Deno.test("partition: a record's object says others later, and lets go of memory that is let go of", () => {
  const { it } = partition(0);
  const value = (record: typeof it.head) => record?.value?.copy()[0];
  const of = (offset: number) => {
    const all = fetched([offset, offset + 1]);
    all.messages.forEach((message) => message.value!.fill(Number(message.offset)));
    return all;
  };
  it.accept(of(0), 0);
  it.accept(of(2), 2);
  const zero = it.head!;
  assert.equal(value(it.peek(1)), 1);
  assert.deepEqual([value(it.peek(3)), value(zero), value(it.peek(1))], [3, 0, 1]);
  it.take();
  assert.deepEqual([it.head!.offset, value(it.head), value(it.peek(1))], [1, 1, 2]);
  const one = it.head!;
  it.take(); // and with it the first fetch
  assert.equal(one.value, null);
  assert.deepEqual([value(it.head), it.head!.offset], [2, 2]);
  const two = it.head!;
  it.letGo();
  it.accept(of(2), 2);
  assert.notEqual(it.head, two); // so that who has looked at it looks again
  assert.equal(value(it.head), 2);
  it.take();
  it.take();
  assert.deepEqual([it.head, it.next], [undefined, 4]);
});

Deno.test("partition: an answer without records tells the end, and moves past what it has read", () => {
  const { it } = partition(0);
  assert.equal(it.accept(fetched([], 8), 0), 0);
  assert.equal(it.accept(fetched([], 8), 0), -1); // no news
  assert.equal(it.end, 7);
  const [control] = fetched([0]).messages;
  it.accept({ ...fetched([], 8), messages: [{ ...control, isControlRecord: true }] }, 0);
  assert.deepEqual([it.next, it.head], [1, undefined]);
});
