import assert from "node:assert/strict";
import { type Point, thin } from "./plot.ts";

Deno.test("a long line is thinned, in order, and keeps its peaks", () => {
  const points: Point[] = Array.from({ length: 10_000 }, (_, x) => ({ x, y: x % 7 }));
  points[4321] = { x: 4321, y: 900 };
  points[9876] = { x: 9876, y: -900 };
  const thinned = thin(points);
  assert(thinned.length <= 1300 && thinned.length >= 600, `${thinned.length} points`);
  assert.deepEqual(thinned.toSorted((a, b) => a.x - b.x), thinned);
  assert(thinned.includes(points[4321]) && thinned.includes(points[9876]));
  assert.equal(thin(points.slice(0, 1000)).length, 1000);
});
