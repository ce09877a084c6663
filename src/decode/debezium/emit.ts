/**
 * JavaScript text for the generated ways through a record (compiled_scan.ts, compiled_write.ts). In
 * it, `view` is over the memory that the record lies in, `p` where it goes on there, and `E` where it
 * ends. Nothing that was read gets into the text but as numbers.
 */

/** Whether the bytes at `p` are others than `piece`, whose length is known to be there. */
export function differs(piece: Uint8Array): string {
  const view = new DataView(piece.buffer, piece.byteOffset, piece.length);
  const { length } = piece;
  const words: string[] = [];
  if (length >= 8) { // as doubles, see literals.ts
    for (let k = 0; k < length; k += 8) {
      const at = Math.min(k, length - 8);
      words.push(`view.getFloat64(p+${at}|0,true)!==${view.getFloat64(at, true)}`);
    }
  } else if (length >= 4) {
    for (const at of new Set([0, length - 4])) {
      words.push(`view.getInt32(p+${at}|0,true)!==${view.getInt32(at, true)}`);
    }
  } else {
    for (let at = 0; at < length; at++) words.push(`view.getUint8(p+${at}|0)!==${piece[at]}`);
  }
  return words.join("||");
}

/** Passes over `piece`, or returns false. */
export function literal(piece: Uint8Array): string {
  if (piece.length === 0) return "";
  return `if((p+${piece.length}|0)>E||${differs(piece)})return false;p=p+${piece.length}|0;\n`;
}

/** Up to this many digits are read one by one. */
const LOOP_DIGITS_MAX = 7;
/** So many are exact as a double. */
const SAFE_DIGITS = 15;

/**
 * Reads a number's digits into `into`, or passes over them (null); returns false where there is no
 * number, or one that `JsonReader.digits` refuses. `count`: how many there have been before.
 */
export function digits(count: number, into: string | null): string {
  const otherwise = into === null
    ? `reader.at=p;if(!reader.passDigits())return false;p=reader.at;`
    : `reader.at=p;${into}=reader.digits();if(${into}<0)return false;p=reader.at;`;
  if (count > SAFE_DIGITS) return `${otherwise}\n`;
  if (count <= LOOP_DIGITS_MAX) {
    return `{let q=p,v=0,d=0;const m=p+${LOOP_DIGITS_MAX}<E?p+${LOOP_DIGITS_MAX}:E;` +
      `for(;q<m;q++){d=view.getUint8(q)-48;if(d>>>0>9)break;${
        into === null ? "" : "v=v*10+d|0;"
      }}` +
      `if(q===p||q===m||q>p+1&&view.getUint8(p)===48){${otherwise}}` +
      `else{p=q;${into === null ? "" : `${into}=v;`}}}\n`;
  }
  const lines: string[] = [];
  const parts: { at: number; width: number }[] = [];
  for (let at = 0; at < count;) {
    const width = count - at >= 4 ? 4 : 1;
    parts.push({ at, width });
    at += width;
  }
  const bad: string[] = [`view.getUint8(p)===48?1:0`];
  // The number after each part, in whole numbers up to nine digits, then with one product.
  const upper: string[] = [];
  const lower: string[] = [];
  let lowerDigits = 0;
  parts.forEach(({ at, width }, i) => {
    if (width === 4) {
      lines.push(`const w${i}=view.getInt32(p+${at}|0,true);`);
      bad.push(`w${i}&0xf0f0f0f0^0x30303030|(w${i}+0x06060606&0xf0f0f0f0)^0x30303030`);
      lines.push(`let g${i}=w${i}&0x0f0f0f0f;g${i}=g${i}*10+(g${i}>>8)&0x00ff00ff;`);
      lines.push(`g${i}=g${i}*100+(g${i}>>16)&0xffff;`);
    } else {
      lines.push(`const g${i}=view.getUint8(p+${at}|0)-48;`);
      bad.push(`(g${i}|9-g${i})&0x80000000`);
    }
    const part = at < 8 ? upper : lower;
    const before = part.pop();
    part.push(before === undefined ? `g${i}` : `(${before}*${10 ** width}+g${i}|0)`);
    if (at >= 8) lowerDigits += width;
  });
  const value = lower.length === 0 ? upper[0] : `${upper[0]}*${10 ** lowerDigits}+${lower[0]}`;
  return `o:{if((p+${count}|0)<E){${into === null ? onlyChecks(lines) : lines.join("")}` +
    `if((${bad.map((each) => `(${each})`).join("|")})===0` +
    `&&view.getUint8(p+${count}|0)-48>>>0>9){p=p+${count}|0;` +
    `${into === null ? "" : `${into}=${value};`}break o;}}${otherwise}}\n`;
}

/** Without what makes the value. */
function onlyChecks(lines: readonly string[]): string {
  return lines.filter((line) => line.startsWith("const")).join("");
}

/** A word of 0x80 in each byte of `word` that is special in a string; see `JsonReader.#plain`. */
function special(word: string): string {
  return `${word}|(${word}^0x02020202)-0x21212121|(${word}^0x5c5c5c5c)-0x01010101`;
}

/** Whether the `count` (4 or more) bytes behind the quote at `p` are plain ASCII, as a block that
 * goes on at `then`. */
export function plainString(count: number, then: string): string {
  const words: string[] = [];
  const marks: string[] = [];
  for (let k = 0; k < count; k += 4) {
    const at = 1 + Math.min(k, count - 4);
    words.push(`const w${k}=view.getInt32(p+${at}|0,true);`);
    marks.push(special(`w${k}`));
  }
  return `if((p+${count + 2}|0)<=E&&view.getUint8(p)===34&&view.getUint8(p+${count + 1}|0)===34){` +
    `${words.join("")}if(((${marks.join("|")})&0x80808080)===0){${then}}}\n`;
}

/** Finds the end `q` of the string whose quote is at `p`, if it is plain ASCII; then `then`. */
export function anyString(then: string): string {
  return `if(view.getUint8(p)===34){let q=p+1|0,f=0;` +
    `while(q<=E-8){const a=view.getInt32(q,true),b=view.getInt32(q+4,true);` +
    `const x=(${special("a")})&0x80808080,y=(${special("b")})&0x80808080;` +
    `if((x|y)===0){q=q+8|0;continue;}` +
    `q+=x!==0?31-Math.clz32(x&-x)>>3:4+(31-Math.clz32(y&-y)>>3);f=view.getUint8(q);break;}` +
    `if(f===34){${then}}}\n`;
}
