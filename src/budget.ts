/**
 * The memory budget: one total, cut into areas. It keeps the areas of the Flink job that Sluice
 * replaces, line by line, so that an operator can compare them (ARCHITECTURE.md, "Memory").
 */
import { Fault } from "./errors.ts";

/** The areas, with their share of a total of 2,048 MB. The shares add up to the total exactly. */
export const AREA_SHARES_MB = {
  /** Main isolate's V8 heap: API and metrics. */
  "framework-heap": 96,
  /** Code, HTTP buffers, SQLite caches. */
  "framework-off-heap": 96,
  /** Ingest isolate's V8 heap. */
  "task-heap": 512,
  /** The batch pool's ArrayBuffers, counted by the pool itself: no V8 flag bounds them. */
  "task-off-heap": 256,
  /** DuckDB's `memory_limit`. */
  "managed": 512,
  /** Replication or fetch buffers in flight. */
  "network": 128,
  /** Deno itself and native libraries. */
  "metaspace": 96,
  /** What is left, DuckDB's excess over its limit included. */
  "overhead": 352,
} as const;

/** The name of an area of the budget. */
export type Area = keyof typeof AREA_SHARES_MB;

/** Every area's limit in bytes, and the total. */
export interface Budget {
  readonly totalBytes: number;
  readonly areaBytes: Readonly<Record<Area, number>>;
}

const MB = 1024 * 1024;

/** Below this the runtime itself leaves nothing to work with. */
export const TOTAL_MB_MIN = 512;

/**
 * Cuts `totalMb` (MB) into areas in the proportions of {@linkcode AREA_SHARES_MB}. The areas that
 * hold the runtime's code do not shrink with the total, so the others make room for them.
 */
export function planBudget(totalMb: number): Budget {
  if (!Number.isInteger(totalMb) || totalMb < TOTAL_MB_MIN) {
    throw new Fault("usage", {
      what: "SLUICE_MEMORY_TOTAL_MB is too small",
      received: String(totalMb),
      allowed: `a whole number of at least ${TOTAL_MB_MIN} MB`,
      todo: "Raise it, or unset it to use 2048.",
    });
  }
  const areas = Object.keys(AREA_SHARES_MB) as Area[];
  const fixed: Area[] = ["metaspace"];
  const fixedMb = fixed.reduce((sum, area) => sum + AREA_SHARES_MB[area], 0);
  const sharedMb = areas.reduce((sum, a) => sum + AREA_SHARES_MB[a], 0) - fixedMb;
  const areaBytes = {} as Record<Area, number>;
  let given = 0;
  for (const area of areas) {
    const mb = fixed.includes(area)
      ? AREA_SHARES_MB[area]
      : Math.floor(AREA_SHARES_MB[area] * (totalMb - fixedMb) / sharedMb);
    areaBytes[area] = mb * MB;
    given += mb;
  }
  areaBytes.overhead += (totalMb - given) * MB; // what rounding left over
  return { totalBytes: totalMb * MB, areaBytes };
}
