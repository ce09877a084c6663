/** How much the bank of `deno task dev` does: enough to watch, and light on a laptop. */

/** Before `serve` starts, so that there is a snapshot to take. A bank with rows stays as it is. */
export const SEED_ARGS = ["--users=500", "--transactions=0"];

/** Beside `serve`, until Ctrl-C. */
export const TRAFFIC_ARGS = ["--rate=20"];
