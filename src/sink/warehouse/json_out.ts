import { Buffer } from "node:buffer";

/** Thrown by {@linkcode JsonOut} when a text would pass its limit. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}

/** A place in a {@linkcode JsonOut} to return to. */
export interface Mark {
  readonly parts: number;
  readonly bytes: number;
}

/** Collects JSON text, and never more than `bytesMax` bytes of it in UTF-8. */
export class JsonOut {
  readonly #parts: string[] = [];
  #bytes = 0;

  constructor(readonly bytesMax: number) {}

  /** Bytes so far, in UTF-8. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds text that is ASCII and needs no escaping. Throws `TooLong`. */
  raw(text: string): void {
    this.room(text.length);
    this.#parts.push(text);
    this.#bytes += text.length;
  }

  /** Adds JSON that may hold any character. Throws `TooLong`. */
  json(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.room(bytes);
    this.#parts.push(text);
    this.#bytes += bytes;
  }

  /** Adds `value` as a JSON string. Throws `TooLong`. */
  string(value: string): void {
    this.json(JSON.stringify(value));
  }

  /** Throws `TooLong` unless `bytes` more fit: asked before a large value is materialised. */
  room(bytes: number): void {
    if (this.#bytes + bytes > this.bytesMax) throw new TooLong();
  }

  mark(): Mark {
    return { parts: this.#parts.length, bytes: this.#bytes };
  }

  /** Forgets all that was added after `mark`. */
  cut(mark: Mark): void {
    this.#parts.length = mark.parts;
    this.#bytes = mark.bytes;
  }

  /** All of it, as one text. */
  toString(): string {
    return this.#parts.join("");
  }
}
