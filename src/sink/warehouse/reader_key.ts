/**
 * A key's value, as text from a URL, compared with a column. The text is what a row's JSON shows
 * for the column. DuckDB's casts round (`1.5` is the INTEGER 2) and drop what they do not need
 * (an hour in a DATE), which would find a row that was not asked for: {@linkcode keyProblem} lets
 * only exact text through.
 */
import { type ColumnType, duckdbType } from "../../catalog/catalog.ts";
import { duckdbTimeText } from "./json_time.ts";

const DATE = String.raw`(?:[+-]\d{6,7}|\d{4,7})-\d\d-\d\d`;
const TIME = String.raw`\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?`;
const ZONE = String.raw`(?:[Zz]|[+-]\d\d(?::?\d\d)?)`;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The SQL that makes the parameter `$index+1`, a VARCHAR, a value of `type`. */
export function keyExpression(type: ColumnType, index: number, cast = "CAST"): string {
  const parameter = `$${index + 1}::VARCHAR`;
  if (type.kind === "bytea") return `from_base64(${parameter})`;
  return `${cast}(${parameter} AS ${duckdbType(type)})`;
}

/** The text to bind for `text`. */
export function keyText(type: ColumnType, text: string): string {
  return ["date", "timestamp", "timestamptz"].includes(type.kind) ? duckdbTimeText(text) : text;
}

/** What would be allowed, when `text` is not exactly one value of `type`; else undefined. */
export function keyProblem(type: ColumnType, text: string): string | undefined {
  if (text.includes("\0")) return "text without NUL characters";
  const pattern = exactForm(type);
  if (pattern !== undefined && !pattern.form.test(text)) return pattern.allowed;
}

function exactForm(type: ColumnType): { form: RegExp; allowed: string } | undefined {
  switch (type.kind) {
    case "int2":
    case "int4":
    case "int8":
      return { form: /^[+-]?\d+$/, allowed: "a whole number" };
    case "decimal":
      return {
        form: type.scale === 0
          ? /^[+-]?\d+(\.0*)?$/
          : new RegExp(`^[+-]?(\\d+(\\.\\d{0,${type.scale}}0*)?|\\.\\d{1,${type.scale}}0*)$`),
        allowed: `a decimal number with at most ${type.scale} fractional digits`,
      };
    case "uuid":
      return {
        form: /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i,
        allowed: "a UUID, as in 018f2b1e-7c3a-7d41-9f00-0a1b2c3d4e5f",
      };
    case "bytea":
      return { form: BASE64, allowed: "base64" };
    case "date":
      return { form: new RegExp(`^(${DATE}|-?infinity)$`), allowed: "a date, as in 2026-11-23" };
    case "time":
      return { form: new RegExp(`^${TIME}$`), allowed: "a time, as in 13:22:55.563800" };
    case "timestamp":
      return {
        form: new RegExp(`^(${DATE}[T ]${TIME}|-?infinity)$`),
        allowed: "a timestamp without zone, as in 2026-11-23T13:22:55.563800",
      };
    case "timestamptz":
      return {
        form: new RegExp(`^(${DATE}[T ]${TIME} ?${ZONE}|-?infinity)$`),
        allowed: "a timestamp with its zone, as in 2026-11-23T13:22:55.563800Z",
      };
  }
}
