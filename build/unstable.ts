/** What deno.json turns on of Deno's unstable features, for a binary, which has no deno.json. */
import config from "../deno.json" with { type: "json" };

/** `--unstable-…` for each of them. */
export function unstableFlags(): string[] {
  return config.unstable.map((feature) => `--unstable-${feature}`);
}
