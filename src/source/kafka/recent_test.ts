import assert from "node:assert/strict";
import fc from "fast-check";
import { KeyHash, RecentChanges } from "./recent.ts";
import { amid } from "../../slice_fixture.ts";

const hash = (table: number, text: string | null) =>
  new KeyHash().of(table, text === null ? null : amid(text));

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

Deno.test("keys that differ have hashes that differ, wherever they do", () => {
  const seen = new Map<string, string>();
  const add = (text: string) => {
    const { a, b } = hash(1, text);
    assert.equal(seen.get(`${a} ${b}`) ?? text, text);
    seen.set(`${a} ${b}`, text);
    return [a, b];
  };
  const halves = [new Set<number>(), new Set<number>()];
  for (let i = 0; i < 200_000; i++) add(`{"id":${i}}`).forEach((half, k) => halves[k].add(half));
  // Of 200,000 random numbers of 32 bits some 5 come twice.
  for (const half of halves) assert(half.size > 199_900, `${half.size} of 200,000`);
  const text = '{"id":"0b4e8c52-5d0c-4c5a-9a38-6f1d2b7a9c10"}';
  for (let at = 0; at < text.length; at++) {
    for (let code = 32; code < 127; code++) {
      add(text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1));
    }
    add(text.slice(0, at));
  }
});
