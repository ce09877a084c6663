/** What was learnt of one topic's records: the shapes of their parts, and their schemas. */
import type { DebeziumHead } from "./head.ts";
import { type JsonReader } from "./json.ts";
import { stringOf } from "./json_string.ts";
import { SchemaBlock } from "./schema_block.ts";
import { Shape } from "./shape.ts";
import type { Skeleton } from "./skeleton.ts";

/** Schemas of one topic that are remembered, of keys and values. */
const SCHEMAS_MAX = 8;

/** See the top of this file. */
export class Topic {
  readonly schema = new Repeated();
  readonly table = new Repeated();
  readonly snapshot = new Repeated();
  #shapes = Shape.root();
  readonly values = new Skeletons();
  readonly keys = new Skeletons();
  readonly #blocks: SchemaBlock[] = [];

  /** Where the shapes of all objects begin. */
  get root(): Shape {
    if (this.#shapes.isOvergrown) this.#shapes = Shape.root();
    return this.#shapes;
  }

  /** The schema in `[start, stop)`: the same object for the same bytes. */
  block(bytes: Uint8Array, start: number, stop: number): SchemaBlock {
    const known = this.#blocks.find((block) => block.isAt(bytes, start, stop));
    if (known !== undefined) return known;
    const block = new SchemaBlock(bytes.slice(start, stop));
    if (this.#blocks.length === SCHEMAS_MAX) this.#blocks.shift();
    this.#blocks.push(block);
    return block;
  }
}

/** Skeletons of one topic that are remembered: with and without schemas, snapshot and stream. */
const SKELETONS_MAX = 4;
/** When there are so many, every so-manyth record that is like none is learnt in place of one. */
const MISSES_MIN = 64;

/** The skeletons of a topic's keys or values. */
export class Skeletons {
  readonly #all: Skeleton[] = [];
  #misses = 0;

  /** Reads `reader`'s text by the skeleton that fits: undefined where none does. */
  read(reader: JsonReader, head: DebeziumHead): Skeleton | undefined {
    const all = this.#all;
    const { at } = reader;
    for (let i = 0; i < all.length; i++) {
      const skeleton = all[i];
      if (!skeleton.read(reader, head)) {
        reader.at = at;
        continue;
      }
      if (i > 0) { // it comes first the next time
        all[i] = all[i - 1];
        all[i - 1] = skeleton;
      }
      return skeleton;
    }
    return undefined;
  }

  /** Whether a record that fitted none is worth learning. */
  get isHungry(): boolean {
    return this.#all.length < SKELETONS_MAX || ++this.#misses % MISSES_MIN === 0;
  }

  learn(skeleton: Skeleton): void {
    if (this.#all.length === SKELETONS_MAX) this.#all.pop();
    this.#all.unshift(skeleton);
  }
}

/** A text that is nearly always the one before: then it is the same JavaScript string. */
export class Repeated {
  readonly #bytes = new Uint8Array(REPEATED_MAX);
  #length = -1;
  #text = "";

  /** The string whose inside is `[start, stop)`. */
  of(bytes: Uint8Array, start: number, stop: number, kind: number): string {
    const last = this.#bytes;
    const length = stop - start;
    if (length === this.#length) {
      let i = 0;
      while (i < length && last[i] === bytes[start + i]) i++;
      if (i === length) return this.#text;
    }
    this.#text = stringOf(bytes, start, stop, kind);
    this.#length = length <= REPEATED_MAX ? length : -1;
    for (let i = 0; i < this.#length; i++) last[i] = bytes[start + i];
    return this.#text;
  }
}

/** Longer texts are made anew: names have at most 63 bytes. */
const REPEATED_MAX = 256;
