/**
 * Finding one's way in JSON's bytes without making objects of them: where a value is, of which kind,
 * and that it is JSON at all. As strict as `JSON.parse` behind a fatal UTF-8 decoder, in every byte
 * that is passed over, with two limits of its own: {@linkcode DEPTH_MAX}, and no byte order mark.
 *
 * Grammar: RFC 8259. Well-formed UTF-8: table 3-7 of the Unicode standard.
 */
import type { Slice } from "../../slice.ts";

/** What a value is. Strings are told apart by whether they hold an escape. */
export const NULL = 1;
export const TRUE = 2;
export const FALSE = 3;
/** A number without fraction and exponent. */
export const INTEGER = 4;
export const FRACTION = 5;
export const STRING = 6;
export const ESCAPED = 7;
export const OBJECT = 8;
export const ARRAY = 9;

/** Arrays and objects inside each other. PostgreSQL's own limit for json is near this. */
export const DEPTH_MAX = 4096;

/** The bytes are not JSON, or not the JSON that was expected. The message says where. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

/** Up to this many digits an integer is exact as a double. */
export const SAFE_DIGITS = 15;
const POWERS = Float64Array.from({ length: 16 }, (_, i) => 10 ** i);

/** Kinds of bytes inside a string. */
export const PLAIN = 0;
const QUOTE = 1;
const BACKSLASH = 2;
const CONTROL = 3;
const MULTIBYTE = 4;
export const IN_STRING = new Uint8Array(256);
IN_STRING.fill(CONTROL, 0, 0x20);
IN_STRING.fill(MULTIBYTE, 0x80);
IN_STRING[0x22] = QUOTE;
IN_STRING[0x5c] = BACKSLASH;

/** The first bytes of the containers that are open. */
const open = new Uint8Array(DEPTH_MAX);
/** From `{` to `}`, and from `[` to `]`. */
const CLOSING = 2;

/**
 * Reads from left to right. `start` and `stop` are where the value or string read last lies: for a
 * string without its quotes.
 */
export class JsonReader {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;
  start = 0;
  stop = 0;
  /** Over `bytes`, to read several at once. */
  view = new DataView(this.bytes.buffer);

  /** What messages count bytes from. */
  #origin = 0;

  /** Begins at `at` in `bytes`, and takes everything up to `end` for the text. */
  open(bytes: Uint8Array, at: number, end: number): void {
    this.#origin = this.at = at;
    this.end = end;
    if (bytes === this.bytes) return;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Begins with all of a slice. */
  openSlice({ bytes, view, start, stop }: Slice): void {
    this.bytes = bytes;
    this.view = view;
    this.#origin = this.at = start;
    this.end = stop;
  }

  /** Goes on with a part of the text. */
  narrow(at: number, end: number): void {
    this.at = at;
    this.end = end;
  }

  /** Passes over white space, and gives the byte after it; −1 at the end. */
  peek(): number {
    const { bytes, end } = this;
    let at = this.at;
    while (at < end) {
      const byte = bytes[at];
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.at = at;
        return byte;
      }
      at++;
    }
    this.at = at;
    return -1;
  }

  /** Passes over white space and this byte. */
  expect(byte: number): void {
    if (this.peek() !== byte) throw this.unexpected(`where ${quote(byte)} should be`);
    this.at++;
  }

  /** Asserts that nothing but white space follows. */
  expectEnd(): void {
    if (this.peek() !== -1) throw this.unexpected("behind the end");
  }

  /** Reads any value and returns its kind. */
  value(): number {
    const byte = this.peek();
    if (byte === 0x22) return this.string();
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return this.number();
    this.start = this.at;
    switch (byte) {
      case 0x6e:
        return this.#word("null", NULL);
      case 0x74:
        return this.#word("true", TRUE);
      case 0x66:
        return this.#word("false", FALSE);
      case 0x7b:
        return this.#container(OBJECT);
      case 0x5b:
        return this.#container(ARRAY);
    }
    throw this.unexpected("where a value should be");
  }

  /** Reads a string at `at`, where its quote is; gives {@linkcode STRING} or `ESCAPED`. */
  string(): number {
    const { bytes, end } = this;
    let at = this.at;
    if (bytes[at] !== 0x22 || at >= end) throw this.unexpected("where a string should be");
    this.start = ++at;
    let kind = STRING;
    at = this.#plain(at);
    while (at < end) {
      const what = IN_STRING[bytes[at]];
      if (what === PLAIN) at++;
      else if (what === QUOTE) {
        this.stop = at;
        this.at = at + 1;
        return kind;
      } else if (what === BACKSLASH) {
        kind = ESCAPED;
        at = this.#escape(at);
      } else if (what === MULTIBYTE) at = this.#multibyte(at);
      else {
        this.at = at;
        throw this.unexpected("inside a string");
      }
    }
    this.at = end;
    throw this.unexpected("inside a string");
  }

  /** Passes over four bytes at a time while they are ASCII, and neither quote, escape nor control. */
  #plain(at: number): number {
    const { view } = this;
    const last = this.end - 4;
    while (at <= last) {
      const four = view.getInt32(at, true);
      // A byte's top bit is set where it is beyond ASCII; where it is a quote or below 0x20, both
      // of which are below 0x21 with that bit turned; where it is a backslash. A borrow from the
      // byte below can set one wrongly, but then that byte is one of these.
      const found = four | (four ^ 0x0202_0202) - 0x2121_2121 | (four ^ 0x5c5c_5c5c) - 0x0101_0101;
      if ((found & 0x8080_8080) !== 0) break;
      at += 4;
    }
    return at;
  }

  /** Reads a number at `at`; gives {@linkcode INTEGER} or `FRACTION`. */
  number(): number {
    const { bytes } = this;
    const start = this.at;
    let at = start;
    if (bytes[at] === 0x2d) at++;
    const first = at;
    at = this.#digits(at);
    if (bytes[first] === 0x30 && at > first + 1) {
      this.at = first + 1;
      throw this.unexpected("behind a leading zero");
    }
    let kind = INTEGER;
    if (at < this.end && bytes[at] === 0x2e) {
      kind = FRACTION;
      at = this.#digits(at + 1);
    }
    if (at < this.end && (bytes[at] === 0x65 || bytes[at] === 0x45)) {
      kind = FRACTION;
      at++;
      if (at < this.end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++;
      at = this.#digits(at);
    }
    this.start = start;
    this.stop = at;
    this.at = at;
    return kind;
  }

  /**
   * Reads the digits at `at` as a whole number that is exact as a double; −1: there is no such
   * number. What follows is the caller's matter.
   */
  digits(): number {
    const { bytes, end } = this;
    const from = this.at;
    let at = from;
    let upper = 0; // in two parts of whole numbers, which are faster than doubles
    let lower = 0;
    let digit = 0;
    const middle = from + 7 < end ? from + 7 : end;
    for (; at < middle; at++) {
      digit = bytes[at] - 0x30;
      if (digit >>> 0 > 9) break;
      upper = upper * 10 + digit | 0;
    }
    if (at === from || at > from + 1 && bytes[from] === 0x30) return -1;
    if (at < middle || at === end) {
      this.at = at;
      return upper;
    }
    const last = from + SAFE_DIGITS < end ? from + SAFE_DIGITS : end;
    for (; at < last; at++) {
      digit = bytes[at] - 0x30;
      if (digit >>> 0 > 9) break;
      lower = lower * 10 + digit | 0;
    }
    this.at = at;
    return upper * POWERS[at - middle] + lower;
  }

  /** Passes over digits that are no part of anything; false: there are none. */
  passDigits(): boolean {
    const { bytes, end } = this;
    const from = this.at;
    let at = from;
    while (at < end && bytes[at] - 0x30 >>> 0 <= 9) at++;
    this.at = at;
    return at === from + 1 || at > from && bytes[from] !== 0x30;
  }

  /** What is wrong at `at`. */
  unexpected(where: string): Malformed {
    const { bytes, at, end } = this;
    if (at >= end) return new Malformed(`it ends ${where}, after ${end - this.#origin} bytes`);
    return new Malformed(`${quote(bytes[at])} ${where}, at byte ${at - this.#origin}`);
  }

  /** Passes over digits, of which there must be one. */
  #digits(at: number): number {
    const { bytes, end } = this;
    const from = at;
    while (at < end && bytes[at] >= 0x30 && bytes[at] <= 0x39) at++;
    if (at === from) {
      this.at = at;
      throw this.unexpected("where a digit should be");
    }
    return at;
  }

  #word(word: string, kind: number): number {
    for (let i = 0; i < word.length; i++, this.at++) {
      if (this.at >= this.end || this.bytes[this.at] !== word.charCodeAt(i)) {
        throw this.unexpected(`inside ${word}`);
      }
    }
    this.stop = this.at;
    return kind;
  }

  /** Passes over the object or array at `at`. A loop, so that no depth overflows the stack. */
  #container(kind: number): number {
    const start = this.at;
    let depth = -1;
    do {
      const byte = this.peek(); // the first of a value
      if (byte === 0x7b || byte === 0x5b) {
        if (++depth === DEPTH_MAX) throw this.unexpected(`at a depth of ${DEPTH_MAX}`);
        open[depth] = byte;
        this.at++;
        if (this.peek() !== byte + CLOSING) {
          if (byte === 0x7b) this.#key();
          continue;
        }
      } else this.value();
      let next = this.peek();
      while (depth >= 0 && next === open[depth] + CLOSING) {
        this.at++;
        if (--depth >= 0) next = this.peek();
      }
      if (depth < 0) break;
      if (next !== 0x2c) throw this.unexpected("where a comma should be");
      this.at++;
      if (open[depth] === 0x7b) this.#key();
    } while (depth >= 0);
    this.start = start;
    this.stop = this.at;
    return kind;
  }

  #key(): void {
    this.peek();
    this.string();
    this.expect(0x3a);
  }

  /** Passes over a character of more than one byte, and gives where the next one is. */
  #multibyte(at: number): number {
    const { bytes, end } = this;
    const lead = bytes[at];
    let more = 1;
    let least = 0x80; // of the second byte
    let most = 0xbf;
    if (lead < 0xc2 || lead > 0xf4) more = 0;
    else if (lead >= 0xf0) {
      more = 3;
      if (lead === 0xf0) least = 0x90;
      if (lead === 0xf4) most = 0x8f;
    } else if (lead >= 0xe0) {
      more = 2;
      if (lead === 0xe0) least = 0xa0;
      if (lead === 0xed) most = 0x9f;
    }
    let good = more > 0 && at + more < end && bytes[at + 1] >= least && bytes[at + 1] <= most;
    for (let i = 2; i <= more; i++) good = good && bytes[at + i] >= 0x80 && bytes[at + i] <= 0xbf;
    if (!good) throw new Malformed(`bytes that are not UTF-8, at byte ${at - this.#origin}`);
    return at + more + 1;
  }

  /** Passes over an escape, and gives where the next character is. */
  #escape(at: number): number {
    const { bytes, end } = this;
    if (at + 1 < end) {
      const byte = bytes[at + 1];
      if (byte !== 0x75) {
        if (ESCAPE[byte] !== 0) return at + 2;
      } else if (at + 6 <= end && hex4(bytes, at + 2) >= 0) return at + 6;
    }
    throw new Malformed(`an escape that JSON does not have, at byte ${at - this.#origin}`);
  }
}

/** The byte that `\` and this byte stand for; 0: none. */
export const ESCAPE = new Uint8Array(256);
for (const [letter, stands] of ['""', "\\\\", "//", "b\b", "f\f", "n\n", "r\r", "t\t"]) {
  ESCAPE[letter.charCodeAt(0)] = stands.charCodeAt(0);
}

/** A hexadecimal digit's value by its character code; −1 for anything else. */
export const HEX = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  const text = digit.toString(16);
  HEX[text.charCodeAt(0)] = HEX[text.toUpperCase().charCodeAt(0)] = digit;
}

/** The number of four hexadecimal digits; below 0 when they are not. */
export function hex4(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [HEX[bytes[at]], HEX[bytes[at + 1]], HEX[bytes[at + 2]], HEX[bytes[at + 3]]];
  return (a | b | c | d) < 0 ? -1 : a << 12 | b << 8 | c << 4 | d;
}

function quote(byte: number): string {
  return byte >= 0x20 && byte < 0x7f
    ? `"${String.fromCharCode(byte)}"`
    : `0x${byte.toString(16).padStart(2, "0")}`;
}
