import assert from "node:assert/strict";
import { needs, SKIP_REASON } from "./skip.ts";

Deno.test("a test whose need is met keeps its name and runs", () => {
  assert.deepEqual(needs("java", "drains", true, true), { name: "drains", ignore: false });
});

Deno.test("a test whose need is missing is skipped, with the reason in its name", () => {
  const { name, ignore } = needs("chromium", "draws", false, false);
  assert.equal(ignore, true);
  assert.match(name, /^draws \[skipped: needs chromium or .* on the PATH\]$/);
  assert.match(name, SKIP_REASON);
});

Deno.test("in CI a missing need is an error that says what to do, Docker aside", () => {
  assert.throws(
    () => needs("java", "drains", false, true),
    /"drains" needs java .* Install it/,
  );
  assert.throws(() => needs("chromium", "draws", false, true), /CI=true/);
  assert.equal(needs("docker", "builds", false, true).ignore, true);
});
