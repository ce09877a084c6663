import assert from "node:assert/strict";
import { Child, ChildFailure } from "./child.ts";

/** A child that runs main.ts with `args`. */
function child(...args: string[]): Child {
  return new Child({ name: args[0], flags: ["run", "-A"], args, env: {} });
}

Deno.test("a child that fails is reported with its exit code and its last lines", async () => {
  await assert.rejects(child("frobnicate").failure(), (error) => {
    assert(error instanceof ChildFailure);
    assert.equal(error.exit, 2);
    assert.match(
      error.message,
      /^`frobnicate` ended with code 2\. Its last lines:\n {2}\| .*no such mode/,
    );
    return true;
  });
});

Deno.test("a child that ends well has succeeded, and stopping it then does nothing", async () => {
  const ended = child("--version");
  await ended.success();
  assert.equal(ended.running, false);
  await ended.stop();
});

Deno.test("a child that is stopped has not failed", async () => {
  const stopped = child("--version");
  let failed = false;
  stopped.failure().catch(() => failed = true);
  await stopped.stop();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(failed, false);
});
