/** The structs that Debezium makes of single values: decimals of any scale, and points. */
import { Fields } from "./fields.ts";
import { INTEGER, JsonReader, STRING } from "./json.ts";
import { type Decimal, smallInteger, unscaledOf } from "./numbers.ts";
import { BadForm, excerpt } from "./fault.ts";
import { Shape } from "./shape.ts";

const reader = new JsonReader();
const fields = new Fields();
let root = Shape.root();

/** A scale has at most so many characters: PostgreSQL's greatest is 16,383. */
const SCALE_CHARACTERS_MAX = 6;

/**
 * Reads `io.debezium.data.VariableScaleDecimal`: `{"scale":2,"value":"MDk="}`, an object that was
 * read as JSON before.
 */
export function variableDecimalOf(source: Uint8Array, start: number, stop: number): Decimal {
  readStruct(source, start, stop);
  const scale = fields.shape.indexOf("scale");
  const value = fields.shape.indexOf("value");
  if (
    fields.shape.count !== 2 || scale < 0 || value < 0 || fields.kindOf(scale) !== INTEGER ||
    fields.kindOf(value) !== STRING ||
    fields.stopOf(scale) - fields.startOf(scale) > SCALE_CHARACTERS_MAX
  ) throw new BadForm(`an object that is no decimal, ${excerpt(source, start, stop)}`);
  const places = smallInteger(source, fields.startOf(scale), fields.stopOf(scale));
  return unscaledOf(source, fields.startOf(value), fields.stopOf(value), places);
}

function readStruct(source: Uint8Array, start: number, stop: number): void {
  if (root.isOvergrown) root = Shape.root();
  reader.open(source, start, stop);
  fields.read(reader, root);
}
