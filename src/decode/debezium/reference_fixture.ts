/**
 * The reference that the decoder is held against: `JSON.parse` and plain code, with BigInt where it
 * must be exact. It gives each value as the text that landing_fixture.ts reads back.
 */
import assert from "node:assert/strict";
import type { ColumnType } from "../../catalog/catalog.ts";

/** The reference says that a value can't be held. */
export class Bad extends Error {}

/** A number as it is written. */
export class Num {
  constructor(readonly source: string) {}
}

/** JSON's values, with numbers as they are written. */
export type Json = null | boolean | string | Num | Json[] | { [key: string]: Json };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Parses as `JSON.parse` does; throws what it throws. */
export function parseJson(bytes: Uint8Array): Json {
  const reviver = (_: string, value: unknown, context?: { source: string }) =>
    typeof value === "number" ? new Num(context!.source) : value;
  return JSON.parse(utf8.decode(bytes), reviver as (key: string, value: unknown) => unknown);
}

/** Reads a value that is not null. */
export type Read = (value: Json) => string;

function num(value: Json): string {
  if (value instanceof Num) return value.source;
  throw new Bad("no number");
}

function str(value: Json): string {
  if (typeof value === "string") return value;
  throw new Bad("no string");
}

export const bool: Read = (value) => {
  if (typeof value !== "boolean") throw new Bad("no boolean");
  return String(value);
};

export const whole = (bits: number): Read => (value) => {
  const source = num(value);
  if (!/^-?\d+$/.test(source) || BigInt.asIntN(bits, BigInt(source)) !== BigInt(source)) {
    throw new Bad(source);
  }
  return String(BigInt(source));
};

export const float = (single: boolean): Read => (value) => {
  if (typeof value === "string") {
    if (["NaN", "Infinity", "-Infinity"].includes(value)) return value;
    throw new Bad(value);
  }
  const double = Number(num(value));
  const number = single ? Math.fround(double) : double;
  if (!Number.isFinite(number)) throw new Bad("too great");
  return Object.is(number, -0) ? "-0" : String(number);
};

/** A decimal's digits and the place of its point. */
type Exact = [unscaled: bigint, scale: number];

function exactOf(text: string): Exact {
  const match = /^(-?\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text);
  if (match === null) throw new Bad(text);
  const [, whole, fraction = "", exponent = "0"] = match;
  return [BigInt(whole + fraction), fraction.length - Number(exponent)];
}

function unscaledOf(text: string, scale: number): Exact {
  const bytes = bytesOf(text, "base64");
  if (bytes.length === 0) throw new Bad("empty");
  let value = bytes[0] > 127 ? -1n : 0n;
  for (const byte of bytes) value = value * 256n + BigInt(byte);
  return [value, scale];
}

function variableOf(value: Json): Exact {
  const { scale, value: digits } = value as Record<string, Json>;
  return unscaledOf(str(digits), Number(num(scale)));
}

function plain([unscaled, scale]: Exact): string {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale));
  const negative = unscaled < 0n;
  const digits = String(negative ? -unscaled : unscaled).padStart(scale + 1, "0");
  const at = digits.length - scale;
  return `${negative ? "-" : ""}${digits.slice(0, at)}.${digits.slice(at)}`;
}

function anyDecimal(value: Json, unscaledScale?: number): Exact {
  if (value !== null && typeof value === "object" && !(value instanceof Num)) {
    return variableOf(value);
  }
  if (typeof value !== "string") return exactOf(num(value));
  return unscaledScale === undefined ? exactOf(value) : unscaledOf(value, unscaledScale);
}

/** `unscaledScale`: a string is base64 of an unscaled number of that scale. */
export const decimal =
  (precision: number, scale: number, unscaledScale?: number): Read => (value) => {
    const [unscaled, from] = anyDecimal(value, unscaledScale);
    let scaled = unscaled;
    if (from <= scale) scaled *= 10n ** BigInt(scale - from);
    else {
      if (scaled % 10n ** BigInt(from - scale) !== 0n) throw new Bad("decimals");
      scaled /= 10n ** BigInt(from - scale);
    }
    if (scaled >= 10n ** BigInt(precision) || -scaled >= 10n ** BigInt(precision)) {
      throw new Bad("too great");
    }
    return plain([scaled, scale]);
  };

/** Base64 of an unscaled number that is wider than a DECIMAL. */
export const unscaled = (scale: number): Read => (value) => plain(unscaledOf(str(value), scale));

export const numeric: Read = (value) => {
  if (value === "NAN" || value === "NaN") return "NaN";
  if (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) return value;
  return plain(anyDecimal(value));
};

export const text: Read = (value) => {
  const string = str(value);
  if (!string.isWellFormed() || string.includes("\0")) throw new Bad("no text");
  return string;
};

export const json: Read = (value) => {
  const string = text(value);
  try {
    JSON.parse(string);
  } catch {
    throw new Bad("no JSON");
  }
  return string;
};

export const uuid: Read = (value) => {
  const string = str(value);
  if (!/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(string)) throw new Bad(string);
  return string.toLowerCase();
};

function bytesOf(text: string, form: string): Uint8Array {
  try {
    if (form === "hex") return Uint8Array.fromHex(text);
    if (/\s/.test(text) || text.length % 4 !== 0) throw new Bad("base64");
    const alphabet = form === "base64" ? "base64" : "base64url";
    return Uint8Array.fromBase64(text, { alphabet, lastChunkHandling: "strict" });
  } catch {
    throw new Bad(form);
  }
}

export const bytes = (form: string): Read => (value) => bytesOf(str(value), form).toHex();

const DAY = 86_400_000_000n;

function civilDays(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) throw new Bad("no such day");
  return date.getTime() / 86_400_000;
}

export const date: Read = (value) => {
  const days = Number(whole(32)(value));
  if (days === -2_147_472_692) return "infinity";
  if (days === -2_147_472_691) return "-infinity";
  if (days < -2_440_588 || days > 2_145_042_905) throw new Bad("no day");
  return String(days);
};

function dayTime(micros: bigint): string {
  const seconds = Number(micros / 1_000_000n);
  const part = (n: number) => String(Math.trunc(n)).padStart(2, "0");
  const fraction = String(micros % 1_000_000n).padStart(6, "0").replace(/0+$/, "");
  const whole = `${part(seconds / 3600)}:${part(seconds / 60 % 60)}:${part(seconds % 60)}`;
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

/** `unit`: µs. */
export const time = (unit: number): Read => (value) => {
  const micros = BigInt(whole(64)(value)) * BigInt(unit);
  if (micros < 0n || micros > DAY) throw new Bad("no time");
  return dayTime(micros);
};

function micros(at: bigint): string {
  if (at >= 2n ** 63n - 1n || at < -2_440_588n * DAY) throw new Bad("no timestamp");
  return String(at);
}

export const timestamp = (unit: number): Read => (value) => {
  if (!/^-?\d+$/.test(num(value))) throw new Bad("no whole number");
  const number = BigInt(num(value));
  const at = number * BigInt(unit);
  for (const sentinel of [number, at]) {
    if (sentinel === 9_223_372_036_825_200_000n) return "infinity";
    if (sentinel === -9_223_372_036_832_400_000n) return "-infinity";
  }
  return micros(at);
};

export const timestamptz: Read = (value) => {
  const string = str(value);
  if (string === "infinity" || string === "-infinity") return string;
  const match =
    /^([-+]?)(\d{4,9})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([-+])(\d\d):(\d\d)(?::(\d\d))?)?$/
      .exec(string);
  if (match === null) throw new Bad(string);
  const [, sign, y, mo, d, h, mi, s = "0", f = "", zoneSign, zh = "0", zm = "0", zs = "0"] = match;
  if (Number(mo) < 1 || Number(mo) > 12 || Number(d) < 1) throw new Bad("no such day");
  if (Number(y) > 270_000) throw new Bad("beyond Date");
  const days = civilDays(sign === "-" ? -Number(y) : Number(y), Number(mo), Number(d));
  if (days < -2_440_588) throw new Bad("before the first day");
  const seconds = (BigInt(h) * 60n + BigInt(mi)) * 60n + BigInt(s);
  if (Number(mi) > 59 || Number(s) > 59) throw new Bad("no such time");
  const nanos = BigInt(f.padEnd(9, "0"));
  if (nanos % 1000n !== 0n) throw new Bad("finer than µs");
  const ofDay = seconds * 1_000_000n + nanos / 1000n;
  if (ofDay > DAY) throw new Bad("no such time");
  if (Number(zh) > 18 || Number(zm) > 59 || Number(zs) > 59) throw new Bad("no such zone");
  const zone = ((BigInt(zh) * 60n + BigInt(zm)) * 60n + BigInt(zs)) * 1_000_000n;
  return micros(BigInt(days) * DAY + ofDay - (zoneSign === "-" ? -zone : zone));
};

/** One of these texts, as what it stands for. */
export const oneOf = (texts: Readonly<Record<string, string>>): Read => (value) =>
  texts[str(value)];

/** `bit(length)`. */
export const bits = (length: number): Read => (value) => {
  if (typeof value === "boolean") return value ? "1" : "0";
  let number = 0n;
  for (const byte of bytesOf(str(value), "base64").toReversed()) {
    number = number * 256n + BigInt(byte);
  }
  const digits = number === 0n ? "" : number.toString(2);
  if (digits.length > length) throw new Bad("too many bits");
  return digits.padStart(length, "0");
};

/** `bit varying`, whose leading zeros the connector drops. */
export const varbits: Read = (value) => bits(1_000_000)(value).replace(/^0+/, "");

/** Elements as DuckDB writes them as text in a list. */
export const array =
  (of: Read, shown: (text: string) => string = (text) => text): Read => (value) => {
    if (!Array.isArray(value)) throw new Bad("no array");
    return JSON.stringify(value.map((each) => each === null ? null : shown(of(each))));
  };

/** Asserts that a value landed as expected; floats are compared as numbers, not as texts. */
export function same(landed: string | null, expected: string | null, type: ColumnType): void {
  const isFloat = (kind: string) => kind === "float4" || kind === "float8";
  const isFloats = type.kind === "array" && isFloat(type.of.kind);
  // DuckDB writes no zero before the point of a DECIMAL without whole digits.
  if (type.kind === "decimal") landed = landed?.replace(/^(-?)\./, "$10.") ?? null;
  if (landed === null || expected === null || !isFloat(type.kind) && !isFloats) {
    return assert.equal(landed, expected);
  }
  const isSingle = type.kind === "float4" || type.kind === "array" && type.of.kind === "float4";
  const round = isSingle ? Math.fround : (number: number) => number;
  const numbers = (text: string) =>
    (isFloats ? JSON.parse(text) : [text]).map((each: string | null) =>
      each === null ? null : round(Number(each.replace(/^nan$/, "NaN").replace(/inf$/, "Infinity")))
    );
  assert.deepEqual(numbers(landed), numbers(expected));
}
