/** Generated ways through a record that skeleton.ts and fields.ts go through by tables. */
import { compiled } from "./compiling.ts";
import { anyString, digits, literal, plainString } from "./emit.ts";
import { FALS_WORD, type Fields, NULL_WORD, TRUE_WORD } from "./fields.ts";
import type { DebeziumHead } from "./head.ts";
import { FALSE, INTEGER, type JsonReader, NULL, STRING, TRUE } from "./json.ts";
import type { Literals } from "./literals.ts";
import type { Shape } from "./shape.ts";
import { Slot } from "./slot.ts";

/** As `Fields.readLike`, for one shape. */
export type ReadRow = (reader: JsonReader, into: Fields, shape: Shape) => boolean;

/** What is known of a field's values: kind and length, −1 for one that varies. */
export interface Usual {
  readonly kind: number;
  readonly length: number;
}

/** Strings of one length are looked at without a loop: UUIDs, timestamps. Shorter ones may be so by
 * chance. */
const UNROLLED_MIN = 20;
const UNROLLED_MAX = 64;

/** Makes a {@linkcode ReadRow}; undefined: it would be too long. */
export function compileRow(shape: Shape, usual: readonly Usual[]): ReadRow | undefined {
  const pieces = shape.pieces();
  let body = `const{bytes,view}=reader;let p=reader.at;const E=reader.end,begun=p;
let slots=into.slots;if(slots.length<${
    pieces.length * 3
  }){into.put(${pieces.length},0,0,0);slots=into.slots;}
`;
  pieces.forEach((piece, i) => {
    body += literal(piece) + value(i, usual[i]);
  });
  body += `if(p>=E||view.getUint8(p)!==125)return false;
into.start=begun;into.stop=reader.at=p+1;into.shape=shape;into.isPresent=true;return true;`;
  return compiled<ReadRow>(["reader", "into", "shape"], body);
}

function value(index: number, { kind, length }: Usual): string {
  const slot = index * 3;
  const note = (start: string, stop: string, what: number) =>
    `slots[${slot}]=${start};slots[${slot + 1}]=${stop};slots[${slot + 2}]=${what};`;
  const done = `break v;`;
  const string = length >= UNROLLED_MIN && length <= UNROLLED_MAX
    ? plainString(length, `${note("p+1", `p+${length + 1}`, STRING)}p=p+${length + 2}|0;${done}`)
    : anyString(`${note("p+1", "q", STRING)}p=q+1|0;${done}`);
  const number = `{let q=p;while(q<E&&view.getUint8(q)-48>>>0<10)q++;` +
    `if(q>p&&q<E&&(view.getUint8(p)!==48||q===p+1)){const c=view.getUint8(q);` +
    `if(c===44||c===125){${note("p", "q", INTEGER)}p=q;${done}}}}\n`;
  const word = `if(p+5<=E){const w=view.getInt32(p,true);` +
    `if(w===${TRUE_WORD}){${note("p", "p+4", TRUE)}p=p+4|0;${done}}` +
    `if(w===${NULL_WORD}){${note("p", "p+4", NULL)}p=p+4|0;${done}}` +
    `if(w===${FALS_WORD}&&view.getUint8(p+4)===101){${note("p", "p+5", FALSE)}p=p+5|0;${done}}}\n`;
  const nothing = `if(p+5<=E&&view.getInt32(p,true)===${NULL_WORD}){${
    note("p", "p+4", NULL)
  }p=p+4|0;${done}}\n`;
  const ways = kind === STRING
    ? [string, nothing]
    : kind === INTEGER
    ? [number, nothing]
    : kind === TRUE || kind === FALSE
    ? [word]
    : kind === NULL
    ? [nothing, string, number]
    : [];
  return `v:{if(p<E){${ways.join("")}}` +
    `reader.at=p;const kind=reader.value();` +
    `${note("reader.start", "reader.stop", 0).replace("=0;", "=kind;")}` +
    `p=reader.at;}\n`;
}

/** As `Skeleton.read`. */
export type ReadAll = (
  reader: JsonReader,
  head: DebeziumHead,
  shape: Shape,
  row: ReadRow,
  literals: Literals,
) => boolean;

/** Pieces from this length on, which are schemas, are compared by a loop: as text of the function
 * they would be most of it, and V8 optimises long functions late. */
const LOOPED_MIN = 256;

/** Makes a {@linkcode ReadAll} (undefined: it would be too long) of what lies before, between and
 * behind slots; `lengths` of those. */
export function compileSkeleton(
  pieces: readonly Uint8Array[],
  slots: Uint8Array,
  lengths: readonly number[],
): ReadAll | undefined {
  let body = `const{view}=reader;let p=reader.at,x=0;const E=reader.end;\n`;
  if (!slots.includes(Slot.key)) {
    const missing = (slot: number, code: string) => slots.includes(slot) ? "" : code;
    body += missing(Slot.order, "head.transactionOrder=0;") + missing(Slot.lsn, "head.lsn=0;") +
      missing(Slot.tx, "head.tx=0;") + missing(Slot.before, "head.before.clear();") +
      missing(Slot.after, "head.after.clear();") + missing(Slot.time, "head.at(0);");
  }
  slots.forEach((slot, i) => {
    body += pieceCode(pieces, i) + slotCode(slot, lengths[i]);
  });
  body += pieceCode(pieces, slots.length) + `reader.at=p;return p===E;`;
  return compiled<ReadAll>(["reader", "head", "shape", "row", "literals"], body);
}

function pieceCode(pieces: readonly Uint8Array[], index: number): string {
  if (pieces[index].length < LOOPED_MIN) return literal(pieces[index]);
  return `reader.at=p;if(!literals.pass(${index},reader))return false;p=reader.at;\n`;
}

function slotCode(slot: number, length: number): string {
  switch (slot) {
    case Slot.number:
      return digits(length, null);
    case Slot.time:
      return digits(length, "x") + `head.at(x);\n`;
    case Slot.tx:
      return digits(length, "x") + `head.tx=x;\n`;
    case Slot.lsn:
      return digits(length, "x") + `head.lsn=x;\n`;
    case Slot.order:
      return digits(length, "x") + `head.transactionOrder=x;\n`;
    case Slot.op:
      return `if(p>=E)return false;x=view.getUint8(p++);` +
        `if(x===117)head.op="u";else if(x===99)head.op="c";else if(x===100)head.op="d";` +
        `else if(x===114)head.op="r";else return false;\n`;
    case Slot.before:
      return rowCode("head.before");
    case Slot.after:
      return rowCode("head.after");
    case Slot.key:
      return `reader.at=p;if(!row(reader,head.key,shape))return false;p=reader.at;\n`;
  }
  throw new Error(`there is no slot ${slot}`);
}

/** Null, or an object of the shape. */
function rowCode(into: string): string {
  return `if(p+4>E)return false;` +
    `if(view.getUint8(p)===123){reader.at=p;if(!row(reader,${into},shape))return false;` +
    `p=reader.at;}` +
    `else if(view.getInt32(p,true)===${NULL_WORD}){${into}.clear();p=p+4|0;}else return false;\n`;
}
