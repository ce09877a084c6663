import assert from "node:assert/strict";
import { examples } from "./examples.ts";

const BASE = "http://127.0.0.1:8080";

Deno.test("three lines, in double quotes at most, so that any shell takes them", () => {
  for (const [bank, sql] of [[true, true], [true, false], [false, true], [false, false]]) {
    const lines = examples(BASE, bank, sql);
    assert.equal(lines.length, 3);
    for (const { curl } of lines) {
      assert(curl.startsWith(`curl -s ${BASE}/`), curl);
      assert.doesNotMatch(curl, /['`$\\!%]/);
    }
  }
});

Deno.test("no SQL where it is not served, and none on tables that may not be there", () => {
  const text = (bank: boolean, sql: boolean) => JSON.stringify(examples(BASE, bank, sql));
  assert.match(text(true, true), /\/v1\/sql/);
  assert.doesNotMatch(text(true, false) + text(false, true), /\/v1\/sql/);
});
