/**
 * Where rows get their time from. Times are microseconds since 1970 in UTC, and one clock never
 * gives the same twice: a row's time then tells whether it is ours.
 */
import type { Random } from "./random.ts";

/** Gives each transaction its time. */
export interface Clock {
  /** Microseconds since 1970, greater than all that it gave before. */
  next(): number;
}

/** Makes a clock whose times are all greater than `after`, the newest in the database (0: none). */
export type ClockMaker = (after: number, random: Random) => Clock;

/** When simulated time begins, if the database is empty. */
export const SIMULATED_START = Date.UTC(2026, 0, 1) * 1000;

/** The machine's clock. */
export function wallClock(now: () => number = Date.now): ClockMaker {
  return (after) => ({
    next: () => after = Math.max(after + 1, now() * 1000),
  });
}

/** Simulated time: `perSecond` transactions a second, and the same for the same seed. */
export function simulatedClock(perSecond = 50): ClockMaker {
  const gap = Math.max(2, Math.round(1_000_000 / perSecond));
  return (after, random) => evenClock(Math.max(SIMULATED_START, after + 1), gap, random);
}

/** One time somewhere in each `gap` (at least 1 µs) from `from` on. */
export function evenClock(from: number, gap: number, random: Random): Clock {
  let slot = 0;
  return { next: () => Math.floor(from + (slot++ + random.fraction()) * gap) };
}

/** `2026-01-01T00:00:00.000001Z`. */
export function timestamp(micros: number): string {
  const millis = Math.floor(micros / 1000);
  const rest = String(micros - millis * 1000).padStart(3, "0");
  return `${new Date(millis).toISOString().slice(0, 23)}${rest}Z`;
}
