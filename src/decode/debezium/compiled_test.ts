/** The other tests of this folder once more, with every way through a record compiled at once. */
import assert from "node:assert/strict";
import { compiled, compiling } from "./compiling.ts";

compiling.afterRecords = 1;
await import("./captured_test.ts");
await import("./damage_test.ts");
await import("./generated_test.ts");
await import("./rows_test.ts");

Deno.test("compiled: there were functions made", () => {
  assert.ok(compiling.made > 100, `${compiling.made}`);
});

Deno.test("compiled: a function that V8 would not optimise is not made", () => {
  assert.equal(compiled<() => number>([], `return 1;${" ".repeat(10_000)}`)?.(), 1);
  assert.equal(compiled([], `return 1;${" ".repeat(100_000)}`), undefined);
});
