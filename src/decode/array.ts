/**
 * PostgreSQL's array literal into the text of a JSON array of strings and nulls, from which the
 * sink makes a list of the element's type.
 *
 *     array   := [ bounds "=" ] "{" [ element { "," element } ] "}"
 *     element := "NULL" | bare | '"' { char | "\" char } '"' | array
 *
 * Source: "Array Value Input" in PostgreSQL 14's manual, 8.15.6. Lists have no further dimensions
 * and no lower bounds, so arrays with them have no counterpart.
 */
import type { ColumnType } from "../catalog/catalog.ts";
import { assertNotTooLate } from "./time.ts";
import { BadValue } from "./value_error.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The JSON text of the array literal `source[start, end)` whose elements are of type `of`. */
export function arrayToJson(
  of: ColumnType,
  source: Uint8Array,
  start: number,
  end: number,
): string {
  const text = utf8(source, start, end);
  if (text[0] === "[") {
    throw new BadValue(`an array with bounds of its own (${text.slice(0, 40)}) has no counterpart`);
  }
  if (text[0] !== "{" || text[text.length - 1] !== "}") {
    throw new BadValue(`${JSON.stringify(text.slice(0, 40))} is not an array`);
  }
  if (text === "{}") return "[]";
  const elements: string[] = [];
  let at = 1;
  while (at < text.length) {
    if (text[at] === "{") {
      throw new BadValue("an array of more than one dimension has no counterpart in a list");
    }
    let element = "";
    if (text[at] === '"') {
      for (at++; text[at] !== '"'; at++) {
        if (text[at] === "\\") at++;
        if (at >= text.length) throw new BadValue("an array literal with an open quote");
        element += text[at];
      }
      at++;
      elements.push(JSON.stringify(elementText(of, element)));
    } else {
      const from = at;
      while (at < text.length - 1 && text[at] !== ",") at++;
      element = text.slice(from, at);
      elements.push(element === "NULL" ? "null" : JSON.stringify(elementText(of, element)));
    }
    if (text[at] !== "," && text[at] !== "}") throw new BadValue("a malformed array literal");
    at++;
  }
  return `[${elements.join(",")}]`;
}

function utf8(source: Uint8Array, start: number, end: number): string {
  try {
    return decoder.decode(source.subarray(start, end));
  } catch {
    throw new BadValue("its bytes are not UTF-8"); // a "char" may be any byte
  }
}

/** An element's text as DuckDB's cast from text reads it, where that differs from PostgreSQL's. */
function elementText(of: ColumnType, text: string): string {
  switch (of.kind) {
    case "bool":
      return text === "t" ? "true" : "false";
    case "bytea": // \x0a1b → 0a1b: the sink makes bytes of it
      return text.slice(2);
    case "timestamp":
    case "timestamptz":
      assertNotTooLate(text);
      return text.replace(/^(\S+)(.*) BC$/, "$1 (BC)$2"); // the era follows the date
    case "date":
      return text.replace(/^(\S+)(.*) BC$/, "$1 (BC)$2"); // the era follows the date
    case "decimal":
      if (/^-?(NaN|Infinity)$/.test(text)) {
        throw new BadValue(`${text} has no counterpart in a DECIMAL`);
      }
      return text;
    default:
      return text;
  }
}
