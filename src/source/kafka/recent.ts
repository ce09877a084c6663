/**
 * Which changes came lately, so that one that Debezium sends again after a crash is known. The same
 * table, key, LSN and op are the same change: a row's own WAL record has an LSN of its own, but the
 * rows of one multi-row insert share theirs.
 *
 * Two generations of a hash table of fixed size: when the younger one is full, the older one is
 * forgotten. What lies further back is for the sink to say.
 */
import type { Op } from "../../batch/batch.ts";
import { OP } from "../../batch/batch.ts";
import type { Lsn } from "../position.ts";

/** Entries of one generation. With twice as many places of 24 bytes, and two of them: 12 MB. */
const ENTRIES_MAX = 1 << 17;
/** Of a place: LSN (low and high word, the op in its top byte), table and key (two hashes). */
const WORDS = 4;

/** See the top of this file. */
export class RecentChanges {
  #young: Generation;
  #old: Generation;

  /** `onForget` is called right after the older generation was forgotten. `entriesMax`: of one
   * generation. */
  constructor(private readonly onForget: () => void, private readonly entriesMax = ENTRIES_MAX) {
    const places = 2 ** Math.ceil(Math.log2(entriesMax * 2));
    this.#young = new Generation(places);
    this.#old = new Generation(places);
  }

  /** The `_seq` under which this change was added; 0 when it was not. */
  find(lsn: Lsn, op: Op, hash: KeyHash): number {
    return this.#young.find(lsn, OP[op], hash) || this.#old.find(lsn, OP[op], hash);
  }

  /** Adds a change that was given the number `seq`. */
  add(lsn: Lsn, op: Op, hash: KeyHash, seq: number): void {
    if (this.#young.entries === this.entriesMax) {
      [this.#young, this.#old] = [this.#old, this.#young];
      this.#young.clear();
      this.onForget();
    }
    this.#young.add(lsn, OP[op], hash, seq);
  }
}

/** 64 bits of a table's name and a key's bytes, as two halves; filled anew for each key. */
export class KeyHash {
  a = 0;
  b = 0;

  /** `salt`: a number of the table's. */
  of(salt: number, key: Uint8Array | null): this {
    let a = 0x811c9dc5 ^ salt;
    let b = 0x9747b28c + Math.imul(salt, 0x85ebca6b);
    const length = key?.length ?? 0;
    for (let i = 0; i < length; i++) {
      const byte = key![i];
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul(b + byte, 0x5bd1e995);
      b ^= b >>> 15;
    }
    this.a = Math.imul(a ^ (a >>> 15), 0x2c1b3c6d) | 0;
    this.b = Math.imul(b ^ length, 0x297a2d39) | 0;
    return this;
  }
}

class Generation {
  entries = 0;
  readonly #words: Int32Array;
  readonly #seqs: Float64Array;

  readonly #mask: number;

  /** `places`: a power of two. */
  constructor(places: number) {
    this.#mask = places - 1;
    this.#words = new Int32Array(places * WORDS);
    this.#seqs = new Float64Array(places);
  }

  clear(): void {
    this.#words.fill(0);
    this.#seqs.fill(0);
    this.entries = 0;
  }

  find(lsn: Lsn, op: number, hash: KeyHash): number {
    return this.#seqs[this.#place(lsn, op, hash)];
  }

  add(lsn: Lsn, op: number, hash: KeyHash, seq: number): void {
    const place = this.#place(lsn, op, hash);
    if (this.#seqs[place] === 0) this.entries++;
    const at = place * WORDS;
    this.#words[at] = low(lsn);
    this.#words[at + 1] = high(lsn, op);
    this.#words[at + 2] = hash.a;
    this.#words[at + 3] = hash.b;
    this.#seqs[place] = seq;
  }

  /** Where the change is, or would be put: a place whose `seq` is 0 is free. */
  #place(lsn: Lsn, op: number, { a, b }: KeyHash): number {
    const x = low(lsn);
    const y = high(lsn, op);
    const mask = this.#mask;
    const product = Math.imul(a ^ x, 0x9e3779b1);
    let place = (product ^ product >>> 15) & mask;
    for (; this.#seqs[place] !== 0; place = (place + 1) & mask) {
      const at = place * WORDS;
      const words = this.#words;
      if (words[at] === x && words[at + 1] === y && words[at + 2] === a && words[at + 3] === b) {
        break;
      }
    }
    return place;
  }
}

function low(lsn: Lsn): number {
  return lsn | 0;
}

function high(lsn: Lsn, op: number): number {
  return Math.floor(lsn / 0x1_0000_0000) | op << 24;
}
