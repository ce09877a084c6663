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

/**
 * What an area needs whatever the total is, in MB; it is never given less.
 *
 * - main's heap: what 300 tables and their metrics take, with room.
 * - DuckDB: a transaction that changes 300 tables holds pieces of memory for each of their columns,
 *   and as many again until the next checkpoint: see blocks in open.ts, which has the figures. It
 *   takes some 60 MB beyond its limit, and would fill any limit with blocks of the file.
 * - the network: half of it is for one message, so that a row of 16 MB gets through.
 * - the runtime's own code and libraries do not shrink with the total.
 */
const AREA_FLOORS_MB: Partial<Record<Area, number>> = {
  "framework-heap": 20,
  "managed": 144,
  "network": 36,
  "metaspace": 96,
};

/** Below this the runtime itself leaves nothing to work with. */
export const TOTAL_MB_MIN = 512;

/**
 * Cuts `totalMb` (MB) into areas in the proportions of {@linkcode AREA_SHARES_MB}. An area whose
 * share would be below its floor gets the floor, and the others make room for it.
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
  const floored = new Set<Area>(["metaspace"]);
  const shareOf = (area: Area) => {
    const left = areas.filter((a) => !floored.has(a));
    const leftMb = totalMb - sum([...floored].map((a) => AREA_FLOORS_MB[a]!));
    return Math.floor(AREA_SHARES_MB[area] * leftMb / sum(left.map((a) => AREA_SHARES_MB[a])));
  };
  const isBelow = (a: Area) => !floored.has(a) && shareOf(a) < (AREA_FLOORS_MB[a] ?? 0);
  for (let low = areas.find(isBelow); low !== undefined; low = areas.find(isBelow)) {
    floored.add(low);
  }
  const areaBytes = {} as Record<Area, number>;
  let given = 0;
  for (const area of areas) {
    const mb = floored.has(area) ? AREA_FLOORS_MB[area]! : shareOf(area);
    areaBytes[area] = mb * MB;
    given += mb;
  }
  areaBytes.overhead += (totalMb - given) * MB; // what rounding left over
  return { totalBytes: totalMb * MB, areaBytes };
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
