/** A record of a partition's, as an object that says the next one once it is taken. */
import type { KafkaRecord } from "../../decode/decoder.ts";
import { Slice } from "../../slice.ts";

export const NO_HEADERS: KafkaRecord["headers"] = Object.freeze({});

/** See the top of this file. Filled anew by whoever has read the next record. */
export class HeldRecord implements KafkaRecord {
  offset = -1;
  timestampMs = 0;
  key: Slice | null = null;
  value: Slice | null = null;
  headers: KafkaRecord["headers"] = NO_HEADERS;
  /** Its key and its value when they are not null. */
  readonly #key = new Slice(NOTHING.bytes, NOTHING.view, 0, 0);
  readonly #value = new Slice(NOTHING.bytes, NOTHING.view, 0, 0);

  constructor(readonly topic: string, readonly partition: number) {}

  /** They are in `memory`, from these offsets on and so long; null: −1. */
  setParts(
    memory: Slice,
    key: number,
    keyLength: number,
    value: number,
    valueLength: number,
  ): void {
    this.key = keyLength < 0 ? null : this.#key.move(memory, key, key + keyLength);
    this.value = valueLength < 0 ? null : this.#value.move(memory, value, value + valueLength);
  }

  /** Lets go of the memory of what it said last. */
  clear(): void {
    this.setParts(NOTHING, 0, 0, 0, 0);
    this.key = this.value = null;
    this.headers = NO_HEADERS;
  }
}

const NOTHING = Slice.of(new Uint8Array(0));
