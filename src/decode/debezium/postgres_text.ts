/**
 * Texts as PostgreSQL writes them, for types that Debezium gives in a form of its own, so that a
 * column reads the same whichever way it came.
 *
 * Source: `EncodeInterval` (IntervalStyle postgres) and `float8out` of PostgreSQL 14.
 */
import { BadValue } from "../value_error.ts";

const INTERVAL =
  /^P(?:(-?\d{1,9})Y)?(?:(-?\d{1,9})M)?(?:(-?\d{1,10})D)?(?:T(?:(-?\d{1,10})H)?(?:(-?\d{1,10})M)?(?:(-?\d{1,10}(?:\.\d{1,9})?)S)?)?$/;

/** `P1Y2M3DT4H5M6.789S` as `1 year 2 mons 3 days 04:05:06.789`. */
export function intervalText(iso: string): string {
  const match = INTERVAL.exec(iso);
  if (match === null) throw new BadValue(`${JSON.stringify(iso.slice(0, 60))} is no interval`);
  const [years, months, days, hours, minutes] = match.slice(1, 6).map((part) => Number(part ?? 0));
  const seconds = match[6] ?? "0";
  let text = "";
  let isBefore = false;
  for (const [value, unit] of [[years, "year"], [months, "mon"], [days, "day"]] as const) {
    if (value === 0) continue;
    text += `${text === "" ? "" : " "}${isBefore && value > 0 ? "+" : ""}${value} ${unit}`;
    if (value !== 1) text += "s";
    isBefore = value < 0;
  }
  const isMinus = hours < 0 || minutes < 0 || Number(seconds) < 0;
  const hasTime = hours !== 0 || minutes !== 0 || Number(seconds) !== 0;
  if (text !== "" && !hasTime) return text;
  const [whole, fraction = ""] = seconds.replace("-", "").split(".");
  const rest = fraction.replace(/0+$/, "");
  const two = (part: number | string) => String(part).replace("-", "").padStart(2, "0");
  return `${text === "" ? "" : `${text} `}${isMinus ? "-" : isBefore ? "+" : ""}` +
    `${two(hours)}:${two(minutes)}:${two(whole)}${rest === "" ? "" : `.${rest}`}`;
}

/** A `float8` with as few digits as tell it from others. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return "-0";
  const [mantissa, exponent] = value.toExponential().split("e");
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 15)) {
    return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const digits = mantissa.replace(/[-.]/g, "");
  const sign = value < 0 ? "-" : "";
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${digits}`;
  if (digits.length <= power + 1) return sign + digits.padEnd(power + 1, "0");
  return `${sign}${digits.slice(0, power + 1)}.${digits.slice(power + 1)}`;
}
