import assert from "node:assert/strict";
import fc from "fast-check";
import { formatLsn, parseLsn } from "./position.ts";

Deno.test("LSNs are read and written as PostgreSQL does", () => {
  const pairs: [string, number][] = [
    ["0/0", 0],
    ["0/FFFFFFFF", 0xffff_ffff],
    ["1/0", 0x1_0000_0000],
    ["16/B374D848", 0x16_b374_d848],
    ["1FFFFF/FFFFFFFF", Number.MAX_SAFE_INTEGER],
  ];
  for (const [text, lsn] of pairs) {
    assert.equal(parseLsn(text), lsn);
    assert.equal(formatLsn(lsn), text);
  }
  assert.equal(parseLsn("16/b374d848"), 0x16_b374_d848);
  assert.equal(parseLsn("00000016/0000000A"), 0x16_0000_000a);
});

Deno.test("every exact LSN survives the way to text and back, in order", () => {
  const lsn = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(fc.property(lsn, (value) => assert.equal(parseLsn(formatLsn(value)), value)));
});

Deno.test("what is no LSN, or lies beyond 2^53, is refused", () => {
  const bad = ["", "/", "0", "0/", "/0", "0/0/0", "g/0", "-1/0", "0/ 1", " 0/1", "0/1\n", "0x1/0"];
  bad.push("0/123456789", "123456789/0", "200000/0", "FFFFFFFF/FFFFFFFF", "1,0");
  for (const text of bad) assert.throws(() => parseLsn(text), RangeError, text);
});
