/** The structs that Debezium makes of single values: decimals of any scale, and points. */
import { Fields } from "./fields.ts";
import { latin } from "../number.ts";
import { FRACTION, INTEGER, JsonReader, STRING } from "./json.ts";
import { type Decimal, smallInteger, unscaledOf } from "./numbers.ts";
import { BadForm, excerpt } from "./fault.ts";
import { floatText } from "./postgres_text.ts";
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

/** Reads `io.debezium.data.geometry.Point` as PostgreSQL writes it: `(1.5,-2)`. */
export function pointText(source: Uint8Array, start: number, stop: number): string {
  readStruct(source, start, stop);
  const [x, y] = ["x", "y"].map((name) => {
    const at = fields.shape.indexOf(name);
    const kind = at < 0 ? 0 : fields.kindOf(at);
    const text = at < 0 ? "" : latin(source, fields.startOf(at), fields.stopOf(at));
    const isName = kind === STRING && /^(NaN|-?Infinity)$/.test(text);
    if (kind === INTEGER || kind === FRACTION || isName) return floatText(Number(text));
    throw new BadForm(`an object that is no point, ${excerpt(source, start, stop)}`);
  });
  return `(${x},${y})`;
}

function readStruct(source: Uint8Array, start: number, stop: number): void {
  if (root.isOvergrown) root = Shape.root();
  reader.open(source, start, stop);
  fields.read(reader, root);
}
