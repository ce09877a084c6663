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

/** One time somewhere in each `gap` from `from` on; both are whole microseconds. */
export function evenClock(from: number, gap: number, random: Random): Clock {
  let slot = 0;
  // The fraction is rounded by itself: beside a large number, it would lose its last digits.
  return { next: () => from + slot++ * gap + Math.floor(random.fraction() * gap) };
}

const DAY_SECONDS = 86_400;
const TWO_DIGITS = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, "0"));
let cachedDay = -1;
let cachedDate = "";

/** `2026-01-01T00:00:00.000001Z`. Date would do it, five times slower and without the last digits. */
export function timestamp(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const day = Math.floor(seconds / DAY_SECONDS);
  if (day !== cachedDay) {
    cachedDay = day;
    cachedDate = new Date(day * DAY_SECONDS * 1000).toISOString().slice(0, 10);
  }
  const time = seconds - day * DAY_SECONDS;
  const minutes = Math.floor(time / 60);
  const fraction = String(1_000_000 + micros - seconds * 1_000_000).slice(1);
  return `${cachedDate}T${TWO_DIGITS[Math.floor(minutes / 60)]}:${TWO_DIGITS[minutes % 60]}:` +
    `${TWO_DIGITS[time % 60]}.${fraction}Z`;
}
