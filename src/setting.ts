/** One setting: a row of the tables in config.ts and config_kafka.ts. */
import { z } from "zod";

/** One row of the table. */
export interface Setting<T, D extends string | undefined = string | undefined> {
  /** Checks and converts the variable's text. */
  readonly parse: z.ZodType<T, string>;
  /** Used when the variable is unset or empty; undefined: there is none. */
  readonly byDefault: D;
  /** Of a setting without a default: when it must be given; undefined: never. */
  readonly required?: string;
  /** What may be given, for people. */
  readonly allowed: string;
  readonly unit?: string;
  /** What it does, and why one would change it. */
  readonly why: string;
  /** Its value never reaches a log or a message. */
  readonly secret?: boolean;
}

export function text(pattern: RegExp): z.ZodType<string, string> {
  return z.string().regex(pattern);
}

export function whole(min: number, max: number): z.ZodType<number, string> {
  return z.string().regex(/^\d+$/).transform(Number).pipe(z.number().int().min(min).max(max));
}

export function oneOf<const V extends string>(...values: V[]): z.ZodType<V, string> {
  return z.enum(values) as unknown as z.ZodType<V, string>;
}

export function setting<T, D extends string | undefined>(row: Setting<T, D>): Setting<T, D> {
  return row;
}

export function number(
  byDefault: number,
  min: number,
  max: number,
  unit: string,
  why: string,
): Setting<number, string> {
  return {
    parse: whole(min, max),
    byDefault: String(byDefault),
    allowed: `a whole number from ${min} to ${max}`,
    unit,
    why,
  };
}

/** Whether `value` is a database URL as far as can be told without opening it. */
export function isDatabaseUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  const mode = url.searchParams.get("sslmode") ?? "prefer";
  return ["postgres:", "postgresql:"].includes(url.protocol) && url.hostname !== "" &&
    url.pathname.length > 1 &&
    ["disable", "prefer", "require", "verify-ca", "verify-full"].includes(mode);
}
