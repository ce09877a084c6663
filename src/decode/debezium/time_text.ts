/** Dates and times as text that DuckDB reads: `0044-03-15 (BC) 10:00:00.5`. */
import type { Instant } from "./instants.ts";

const MICROS_PER_DAY = 86_400_000_000n;
const INT_MAX = 0x7fff_ffff;

/** A date's text from days since 1970; ±2^31−1 is infinity. */
export function dateText(days: number): string {
  if (days === INT_MAX) return "infinity";
  if (days === -INT_MAX) return "-infinity";
  // Days of the proleptic Gregorian calendar, in which 400 years have 146,097 days.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const day = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (day - Math.floor(day / 1460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365,
  );
  const dayOfYear = day -
    (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const date = `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-` +
    pad(dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1, 2);
  return year > 0 ? date : `${date} (BC)`;
}

/** A time of day's text from µs since midnight. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const fraction = micros - seconds * 1_000_000;
  const text = [seconds / 3600, seconds / 60 % 60, seconds % 60]
    .map((part) => pad(Math.floor(part), 2)).join(":");
  return fraction === 0 ? text : `${text}.${pad(fraction, 6)}`;
}

/** A timestamp's text; `zone` goes behind it. */
export function timestampText(
  at: Instant | bigint | "infinity" | "-infinity",
  zone: string,
): string {
  if (typeof at === "string") return at;
  if (typeof at === "object") {
    if (at.infinity !== 0) return at.infinity > 0 ? "infinity" : "-infinity";
    return `${dateText(at.days)} ${timeText(at.micros)}${zone}`;
  }
  const rest = at % MICROS_PER_DAY;
  const micros = rest < 0n ? rest + MICROS_PER_DAY : rest;
  return `${dateText(Number((at - micros) / MICROS_PER_DAY))} ${timeText(Number(micros))}${zone}`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
