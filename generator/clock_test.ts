import assert from "node:assert/strict";
import fc from "fast-check";
import { evenClock, SIMULATED_START, simulatedClock, timestamp, wallClock } from "./clock.ts";
import { Random } from "./random.ts";

Deno.test("the wall clock never gives the same time twice, not even when it is put back", () => {
  const times = [1000, 1000, 1000, 999, 1001];
  const clock = wallClock(() => times.shift()!)(0, new Random(1));
  assert.deepEqual(
    Array.from({ length: 5 }, () => clock.next()),
    [1_000_000, 1_000_001, 1_000_002, 1_000_003, 1_001_000],
  );
});

Deno.test("the wall clock is ahead of the newest row", () => {
  assert.equal(wallClock(() => 5)(123_456, new Random(1)).next(), 123_457);
});

Deno.test("simulated time begins at its start or after the newest row, and grows", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 1e6 }), (seed, after, rate) => {
      const newest = SIMULATED_START - 1000 + after;
      const clock = simulatedClock(rate)(newest, new Random(seed));
      let last = Math.max(newest, SIMULATED_START - 1);
      for (let i = 0; i < 20; i++) {
        const time = clock.next();
        assert.ok(time > last, `${time} after ${last}`);
        last = time;
      }
    }),
  );
});

Deno.test("even time keeps to its slots", () => {
  const clock = evenClock(1_000, 10, new Random(1));
  for (let slot = 0; slot < 100; slot++) {
    const time = clock.next();
    assert.equal(Math.floor((time - 1_000) / 10), slot);
  }
});

Deno.test("a timestamp is what Date says, with microseconds", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 4e15 }), (micros) => {
    const date = new Date(Math.floor(micros / 1000)).toISOString().slice(0, 23);
    assert.equal(timestamp(micros), `${date}${String(micros % 1000).padStart(3, "0")}Z`);
  }));
});
