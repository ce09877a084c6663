/**
 * How `deno` is told to run `main.ts`. The tasks of deno.json say the same, and a test compares
 * them, so that what `deno task dev` starts is what a user starts by hand.
 */

/** For `main.ts serve`. The V8 flag bounds each isolate's heap: see src/budget.ts. */
export const SERVE_FLAGS = ["run", "-A", "--v8-flags=--max-heap-size=512"];

/** For `main.ts generate`. */
export const GENERATE_FLAGS = ["run", "-A"];
