import assert from "node:assert/strict";
import { needs, needsAll, SKIP_REASON } from "./skip.ts";

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
  const compose = needs("compose", "reads", false, true);
  assert.equal(compose.name, "reads [skipped: needs docker with Compose on the PATH]");
});

Deno.test("a test with several needs runs when all are met", () => {
  assert.deepEqual(needsAll([], "runs"), { name: "runs", ignore: false });
});
