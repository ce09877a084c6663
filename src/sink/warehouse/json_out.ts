import { Buffer } from "node:buffer";

/** Thrown by {@linkcode JsonOut} when a text would pass its limit. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}

/**
 * So many parts are packed into one text. An answer of small values has a million of them for each
 * few MB, and as pieces they took twenty times as much of V8's heap: four of such answers at a time
 * overfilled it.
 */
const PARTS_MAX = 4096;

/** Collects JSON text, and never more than `bytesMax` bytes of it in UTF-8. */
export class JsonOut {
  readonly #packed: string[] = [];
  #parts: string[] = [];
  #bytes = 0;
  /** How much there was of each at the last {@linkcode mark}. */
  #mark = { packed: 0, parts: 0, bytes: 0 };

  constructor(readonly bytesMax: number) {}

  /** Bytes so far, in UTF-8. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds text that is ASCII and needs no escaping. Throws `TooLong`. */
  raw(text: string): void {
    this.room(text.length);
    this.#add(text, text.length);
  }

  /** Adds JSON that may hold any character. Throws `TooLong`. */
  json(text: string): void {
    const bytes = Buffer.byteLength(text);
    this.room(bytes);
    this.#add(text, bytes);
  }

  /** Adds `value` as a JSON string. Throws `TooLong`. */
  string(value: string): void {
    this.json(JSON.stringify(value));
  }

  /** Throws `TooLong` unless `bytes` more fit: asked before a large value is materialised. */
  room(bytes: number): void {
    if (this.#bytes + bytes > this.bytesMax) throw new TooLong();
  }

  /** Marks the place for {@linkcode cut} to return to. */
  mark(): void {
    this.#mark = {
      packed: this.#packed.length,
      parts: this.#parts.length,
      bytes: this.#bytes,
    };
  }

  /** Forgets all that was added after the last {@linkcode mark}. */
  cut(): void {
    this.#packed.length = this.#mark.packed;
    this.#parts.length = this.#mark.parts;
    this.#bytes = this.#mark.bytes;
  }

  /** All of it, as one text. */
  toString(): string {
    return this.#packed.join("") + this.#parts.join("");
  }

  #add(text: string, bytes: number): void {
    this.#parts.push(text);
    this.#bytes += bytes;
    if (this.#parts.length >= PARTS_MAX) this.#pack();
  }

  /** What is before the mark and what is after it are packed by themselves. */
  #pack(): void {
    const { packed, parts, bytes } = this.#mark;
    if (packed === this.#packed.length && parts > 0) {
      this.#packed.push(this.#parts.slice(0, parts).join(""));
      this.#parts = this.#parts.slice(parts);
      this.#mark = { packed: packed + 1, parts: 0, bytes };
    }
    this.#packed.push(this.#parts.join(""));
    this.#parts = [];
  }
}
