import assert from "node:assert/strict";
import fc from "fast-check";
import { KeyHash, RecentChanges } from "./recent.ts";

const key = (text: string) => new TextEncoder().encode(text);
const hash = (table: number, text: string | null) =>
  new KeyHash().of(table, text === null ? null : key(text));

Deno.test("a change is found by all four of table, key, LSN and op", () => {
  const recent = new RecentChanges(() => {});
  recent.add(2 ** 40 + 8, "u", hash(1, "a"), 7);
  assert.equal(recent.find(2 ** 40 + 8, "u", hash(1, "a")), 7);
  assert.equal(recent.find(2 ** 40 + 8, "u", hash(2, "a")), 0, "another table");
  assert.equal(recent.find(2 ** 40 + 8, "u", hash(1, "b")), 0, "another key");
  assert.equal(recent.find(2 ** 40 + 8, "d", hash(1, "a")), 0, "another op");
  assert.equal(recent.find(2 ** 40 + 9, "u", hash(1, "a")), 0, "another LSN");
  assert.equal(recent.find(8, "u", hash(1, "a")), 0, "the LSN's low half alone");
  recent.add(5, "t", hash(1, null), 8);
  assert.equal(recent.find(5, "t", hash(1, null)), 8);
  assert.notDeepEqual(hash(1, ""), hash(1, "\0"), "length counts");
});

Deno.test("at least the last generation's changes are known, and forgetting is told", () => {
  const seed = Date.now() % 2 ** 31;
  const lsns = fc.array(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { maxLength: 300 });
  fc.assert(
    fc.property(lsns, (all) => {
      let forgotten = 0;
      const recent = new RecentChanges(() => forgotten++, 32);
      const distinct = [...new Set(all)];
      distinct.forEach((lsn, i) => recent.add(lsn, "c", hash(1, String(i % 7)), i + 1));
      assert.equal(forgotten, Math.max(0, Math.ceil(distinct.length / 32) - 1));
      distinct.slice(-32).forEach((lsn, k) => {
        const i = Math.max(0, distinct.length - 32) + k;
        assert.equal(recent.find(lsn, "c", hash(1, String(i % 7))), i + 1);
      });
    }),
    { seed, numRuns: 200 },
  );
});
