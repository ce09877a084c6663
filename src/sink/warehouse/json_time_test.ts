import assert from "node:assert/strict";
import fc from "fast-check";
import {
  dateText,
  duckdbTimeText,
  offsetText,
  timestampNanosText,
  timestampText,
  timeText,
} from "./json_time.ts";

const DAY_MS = 86_400_000;

Deno.test("dates agree with ECMAScript's calendar as far as that reaches", () => {
  fc.assert(fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (days) => {
    assert.equal(dateText(days), new Date(days * DAY_MS).toISOString().split("T")[0]);
  }));
});

Deno.test("timestamps agree with ECMAScript, and keep their microseconds", () => {
  const micros = fc.bigInt({ min: -8_640_000_000_000_000_000n, max: 8_640_000_000_000_000_000n });
  fc.assert(fc.property(micros, (value) => {
    const rest = ((value % 1000n) + 1000n) % 1000n;
    const ms = new Date(Number((value - rest) / 1000n)).toISOString();
    const expected = ms.replace("Z", String(rest).padStart(3, "0"));
    assert.equal(timestampText(value, ""), expected);
    assert.equal(timestampText(value, "Z"), `${expected}Z`);
  }));
});

Deno.test("what RFC 3339 has no form for", () => {
  assert.equal(dateText(2_147_483_647), "infinity");
  assert.equal(dateText(-2_147_483_647), "-infinity");
  assert.equal(dateText(-719_528), "0000-01-01");
  assert.equal(dateText(-719_529), "-000001-12-31");
  assert.equal(dateText(2_932_897), "+010000-01-01");
  assert.equal(dateText(2_145_042_905), "+5874897-12-31", "the last day of PostgreSQL");
  assert.equal(timestampText(2n ** 63n - 1n, "Z"), "infinity");
  assert.equal(timestampText(-(2n ** 63n) + 1n, "Z"), "-infinity");
  assert.equal(timestampNanosText(-1n), "1969-12-31T23:59:59.999999999");
});

Deno.test("times of day and offsets", () => {
  assert.equal(timeText(0n), "00:00:00.000000");
  assert.equal(timeText(86_400_000_000n), "24:00:00.000000");
  assert.equal(timeText(48_175_563_800n), "13:22:55.563800");
  assert.equal(offsetText(19_800), "+05:30");
  assert.equal(offsetText(-57_599), "-15:59:59");
});

Deno.test("our forms of far years become DuckDB's", () => {
  assert.equal(duckdbTimeText("2026-11-23T13:22:55Z"), "2026-11-23T13:22:55Z");
  assert.equal(duckdbTimeText("+012026-03-15"), "12026-03-15");
  assert.equal(duckdbTimeText("-000043-03-15T10:00:00Z"), "0044-03-15 (BC)T10:00:00Z");
  assert.equal(duckdbTimeText("0000-03-15"), "0001-03-15 (BC)");
  assert.equal(duckdbTimeText("infinity"), "infinity");
});
