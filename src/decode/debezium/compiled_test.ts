/** The other tests of this folder once more, with every way through a record compiled at once. */
import assert from "node:assert/strict";
import { compiling } from "./compiling.ts";

compiling.afterRecords = 1;
await import("./captured_test.ts");
await import("./damage_test.ts");
await import("./generated_test.ts");
await import("./rows_test.ts");

Deno.test("compiled: there were functions made", () => {
  assert.ok(compiling.made > 100, `${compiling.made}`);
});
