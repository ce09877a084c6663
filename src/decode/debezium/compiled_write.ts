/** A generated `Route.write`: each column's usual values are written in a line of their own. */
import type { Batch, Chunk } from "../../batch/batch.ts";
import { META_COUNT, type TableLayout } from "../../batch/column.ts";
import type { ColumnReader } from "./column_reader.ts";
import { compiled } from "./compiling.ts";
import type { DebeziumHead } from "./head.ts";
import { putUsualTimestamp } from "./usual_instants.ts";
import { FALSE, INTEGER, NULL, STRING, TRUE } from "./json.ts";
import { putDecimal, putWhole } from "./numbers.ts";
import { isPlaceholder } from "./placeholder.ts";
import { PAIRS, uuidCode } from "./uuid.ts";
import { putValue } from "./values.ts";

/** As `Route.write`. */
export type Write = (
  head: DebeziumHead,
  value: Uint8Array,
  key: Uint8Array,
  batch: Batch,
  chunk: Chunk,
) => boolean;

/** What is known of a column. */
export interface Way {
  readonly reader: ColumnReader;
  readonly isKey: boolean;
  /** Where its slot begins among those of its object. */
  readonly slot: number;
  /** The least and the greatest length of a placeholder; none: the greatest is below zero. */
  readonly shortest: number;
  readonly longest: number;
}

/** Makes a {@linkcode Write}; undefined: it would be too long. */
export function compileWrite(layout: TableLayout, ways: readonly Way[]): Write | undefined {
  let body = `const{PAIRS,putUsualTimestamp,putDecimal,putWhole,putValue,isPlaceholder,readers}=h;
return function(head,value,key,batch,chunk){
const row=chunk.rows,data=chunk.data,rowSlots=head.after.slots,keySlots=head.key.slots;
const isUpdate=head.op==="u",{ints,bytes}=batch;
const rowView=head.valueView,keyView=head.keyView;
`;
  ways.forEach((way, i) => body += columnCode(layout, way, i));
  body += `return true;}`;
  const helpers = {
    PAIRS,
    putUsualTimestamp,
    putDecimal,
    putWhole,
    putValue,
    isPlaceholder,
    readers: ways.map(({ reader }) => reader),
  };
  return compiled<(h: typeof helpers) => Write>(["h"], body)?.(helpers);
}

function columnCode(layout: TableLayout, way: Way, i: number): string {
  const { reader, isKey, slot } = way;
  const at = META_COUNT + i;
  const slots = isKey ? "keySlots" : "rowSlots";
  const source = isKey ? "key" : "value";
  const usual = usualCode(way, i, source);
  const check = reader.toast < 0
    ? ""
    : `if(isUpdate&&isPlaceholder(readers[${i}],${source},start,stop,kind))return false;`;
  const isString = layout.columns[at].isString;
  return `{const start=${slots}[${slot}],stop=${slots}[${slot + 1}],kind=${slots}[${slot + 2}];
${usual}if(kind===${NULL})batch.putNull(chunk,${at},row,${isString});
else{${check}putValue(batch,chunk,row,readers[${i}],${source},start,stop,kind);}
}
`;
}

/** Ends in `else`, or is nothing. */
function usualCode(way: Way, i: number, source: string): string {
  const { reader: { at, kind, form, width, type, scale }, isKey, shortest, longest } = way;
  const view = isKey ? "keyView" : "rowView";
  const check = longest < 0 ? "" : `if(isUpdate&&stop-start>=${shortest}&&stop-start<=${longest}` +
    `&&isPlaceholder(readers[${i}],${source},start,stop,kind))return false;`;
  switch (kind) {
    case "text":
      return `if(kind===${STRING}){${check}` +
        `batch.putStringOf(data[${at}]+row*16,${view},start,stop-start);}\nelse `;
    case "uuid":
      return `if(kind===${STRING}){const p=start;${
        uuidCode(view, "stop-start", `(data[${at}]>>2)+row*4`)
      }}\nelse `;
    case "timestamp":
    case "timestamptz":
      return `if(kind===${STRING}&&putUsualTimestamp(batch,data[${at}]+row*8,${view},` +
        `start,stop-start));\nelse `;
    case "decimal":
      if (form.kind !== "plain" || type.kind !== "decimal") return "";
      return `if(kind===${STRING}){${check}putDecimal(batch,data[${at}]+row*${width},${width},` +
        `${type.width},${scale},${source},start,stop);}\nelse `;
    case "int4":
    case "int8":
    case "date": // whose numbers of up to nine digits are days that it has
      return `if(kind===${INTEGER}&&stop-start<=9&&${view}.getUint8(start)!==45){` +
        `let n=0;for(let q=start|0,e=stop|0;q<e;q++)` +
        `n=n*10+${view}.getUint8(q)-48|0;const to=(data[${at}]>>2)+row*${width / 4};ints[to]=n;` +
        `${width === 8 ? "ints[to+1]=0;" : ""}}\nelse `;
    case "int2":
      return `if(kind===${INTEGER})` +
        `putWhole(batch,data[${at}]+row*${width},${width},${source},start,stop);\nelse `;
    case "bool":
      return `if(kind===${TRUE})bytes[data[${at}]+row]=1;` +
        `else if(kind===${FALSE})bytes[data[${at}]+row]=0;\nelse `;
  }
  return "";
}
