/**
 * Dates and times as JSON text: RFC 3339, in UTC where the type has a zone, always with six digits
 * of microseconds (nine for the nanosecond types). What RFC 3339 leaves out:
 *
 * - infinities are `infinity` and `-infinity`;
 * - years outside 0000 to 9999 have a sign and at least six digits, and year 0000 is 1 BC, as in
 *   ISO 8601 and ECMAScript: `-000043-03-15` is the 15th of March, 44 BC.
 */

const DAY_MICROS = 86_400_000_000n;
const MAX_INT32 = 2_147_483_647;
const MAX_INT64 = 9_223_372_036_854_775_807n;

/** Of a date in days since 1970-01-01. */
export function dateText(days: number): string {
  if (days === MAX_INT32) return "infinity";
  if (days === -MAX_INT32) return "-infinity";
  return civil(days);
}

/** Of a timestamp in microseconds since 1970; `zone` is `Z`, or empty for a type without one. */
export function timestampText(micros: bigint, zone: "Z" | ""): string {
  if (micros === MAX_INT64) return "infinity";
  if (micros === -MAX_INT64) return "-infinity";
  const inDay = ((micros % DAY_MICROS) + DAY_MICROS) % DAY_MICROS;
  const days = Number((micros - inDay) / DAY_MICROS);
  return `${civil(days)}T${timeText(inDay)}${zone}`;
}

/** The same in nanoseconds. */
export function timestampNanosText(nanos: bigint): string {
  if (nanos === MAX_INT64) return "infinity";
  if (nanos === -MAX_INT64) return "-infinity";
  const rest = ((nanos % 1000n) + 1000n) % 1000n;
  return timestampText((nanos - rest) / 1000n, "") + pad(Number(rest), 3);
}

/** Of a time of day in microseconds; 24:00:00 is one. */
export function timeText(micros: bigint): string {
  const value = Number(micros);
  const seconds = Math.floor(value / 1_000_000);
  const hms = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${hms.map((part) => pad(part, 2)).join(":")}.${pad(value % 1_000_000, 6)}`;
}

/** Of a zone's offset in seconds east of UTC: `+05:30`, with seconds only when there are any. */
export function offsetText(seconds: number): string {
  const size = Math.abs(seconds);
  const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60];
  if (size % 60 !== 0) parts.push(size % 60);
  return (seconds < 0 ? "-" : "+") + parts.map((part) => pad(part, 2)).join(":");
}

/**
 * A date or timestamp in our JSON form, as the text that DuckDB casts: only years outside 0001 to
 * 9999 differ. Anything else comes back as it is.
 */
export function duckdbTimeText(text: string): string {
  const match = /^([+-]\d{6,}|0000)-(\d\d-\d\d)(.*)$/s.exec(text);
  if (!match) return text;
  const year = Number(match[1]);
  return year > 0
    ? `${pad(year, 4)}-${match[2]}${match[3]}`
    : `${pad(1 - year, 4)}-${match[2]} (BC)${match[3]}`;
}

/** Days since 1970-01-01 as a date of the proleptic Gregorian calendar. */
function civil(days: number): string {
  // Years begin in March here, so that the leap day is the last; an era is 400 years.
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra -
    (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${yearText(year)}-${pad(month, 2)}-${pad(day, 2)}`;
}

function yearText(year: number): string {
  if (year >= 0 && year <= 9999) return pad(year, 4);
  return (year < 0 ? "-" : "+") + pad(Math.abs(year), 6);
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
