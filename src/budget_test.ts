import assert from "node:assert/strict";
import fc from "fast-check";
import { type Area, AREA_SHARES_MB, planBudget, TOTAL_MB_MIN } from "./budget.ts";
import { Fault } from "./errors.ts";

const MB = 1024 * 1024;

Deno.test("the default total gives each area its share exactly", () => {
  const { areaBytes, totalBytes } = planBudget(2048);
  assert.equal(totalBytes, 2048 * MB);
  for (const area of Object.keys(AREA_SHARES_MB) as Area[]) {
    assert.equal(areaBytes[area], AREA_SHARES_MB[area] * MB, area);
  }
});

Deno.test("of any total, the areas add up to it exactly, and none is empty", () => {
  fc.assert(fc.property(fc.integer({ min: TOTAL_MB_MIN, max: 1_048_576 }), (totalMb) => {
    const { areaBytes, totalBytes } = planBudget(totalMb);
    assert.equal(totalBytes, totalMb * MB);
    assert.equal(Object.values(areaBytes).reduce((sum, bytes) => sum + bytes, 0), totalBytes);
    for (const [area, bytes] of Object.entries(areaBytes)) {
      assert(Number.isSafeInteger(bytes) && bytes >= 8 * MB, `${area} of ${totalMb} MB: ${bytes}`);
    }
  }));
});

Deno.test("a bigger total shrinks no area but what rounding left to the overhead", () => {
  fc.assert(fc.property(fc.integer({ min: TOTAL_MB_MIN, max: 100_000 }), (totalMb) => {
    const [small, big] = [planBudget(totalMb).areaBytes, planBudget(totalMb + 1).areaBytes];
    for (const area of Object.keys(small) as Area[]) {
      const slack = area === "overhead" ? Object.keys(small).length * MB : 0;
      assert(big[area] + slack >= small[area], `${area} at ${totalMb} MB`);
    }
  }));
});

Deno.test("a total below the least, or not a whole number, is a usage fault that says the least", () => {
  for (const bad of [0, -1, TOTAL_MB_MIN - 1, 1024.5, NaN, Infinity]) {
    assert.throws(() => planBudget(bad), (error) => {
      assert(error instanceof Fault && error.kind === "usage");
      assert(error.message.includes(`received ${bad}`) && error.message.includes("512 MB"));
      return true;
    });
  }
});
