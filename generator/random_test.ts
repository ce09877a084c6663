import assert from "node:assert/strict";
import fc from "fast-check";
import { Random } from "./random.ts";

Deno.test("the same seed and label give the same sequence, another of either another", () => {
  const sequence = (seed: number, label: string) => {
    const random = new Random(seed, label);
    return Array.from({ length: 8 }, () => random.uint32()).join();
  };
  fc.assert(fc.property(fc.nat(), fc.string(), (seed, label) => {
    assert.equal(sequence(seed, label), sequence(seed, label));
    assert.notEqual(sequence(seed, label), sequence(seed + 1, label));
    assert.notEqual(sequence(seed, label), sequence(seed, label + "x"));
  }));
});

Deno.test("the sequence is pinned: a change of it would change what every seed names", () => {
  const random = new Random(42, "pinned");
  assert.deepEqual([random.uint32(), random.uint32(), random.uint32()], [
    864_427_589,
    2_170_943_445,
    2_838_854_681,
  ]);
});

Deno.test("numbers keep to their ranges", () => {
  fc.assert(fc.property(fc.nat(), fc.integer(), fc.nat(1e6), (seed, min, width) => {
    const random = new Random(seed);
    const value = random.whole(min, min + width);
    assert.ok(Number.isInteger(value) && value >= min && value <= min + width, String(value));
    const fraction = random.fraction();
    assert.ok(fraction >= 0 && fraction < 1);
    assert.match(random.digits(5), /^\d{5}$/);
    assert.ok(random.logNormal(100, 1) > 0);
  }));
});

Deno.test("UUIDs are of version 4, and all different", () => {
  const random = new Random(1);
  const seen = new Set<string>();
  for (let i = 0; i < 10_000; i++) {
    const uuid = random.uuid();
    assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    seen.add(uuid);
  }
  assert.equal(seen.size, 10_000);
});

Deno.test("weights are kept to", () => {
  const random = new Random(7);
  const counts = { often: 0, seldom: 0, never: 0 };
  for (let i = 0; i < 10_000; i++) counts[random.weighted({ often: 9, seldom: 1, never: 0 })]++;
  assert.equal(counts.never, 0);
  assert.ok(counts.seldom > 800 && counts.seldom < 1200, String(counts.seldom));
});

Deno.test("zipf: every rank is in range, whatever the size and the skew", () => {
  const skew = fc.oneof(fc.constant(1), fc.double({ min: 0.1, max: 3, noNaN: true }));
  fc.assert(fc.property(fc.nat(), fc.integer({ min: 1, max: 1e6 }), skew, (seed, n, s) => {
    const rank = new Random(seed).zipf(n, s);
    assert.ok(Number.isInteger(rank) && rank >= 0 && rank < n, `${rank} of ${n}`);
  }));
});

Deno.test("zipf: the first ranks are the busiest, and the last are reached", () => {
  const random = new Random(3);
  const counts = new Array<number>(100).fill(0);
  for (let i = 0; i < 100_000; i++) counts[random.zipf(100, 0.8)]++;
  for (let rank = 1; rank < 5; rank++) assert.ok(counts[rank - 1] > counts[rank], `rank ${rank}`);
  assert.ok(counts[0] > 10 * counts[99], `${counts[0]} and ${counts[99]}`);
  assert.ok(counts.every((count) => count > 0));
});
