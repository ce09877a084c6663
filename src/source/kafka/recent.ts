/**
 * Which changes came lately, so that one that Debezium sends again after a crash is known. The same
 * table, key, LSN and op are the same change: a row's own WAL record has an LSN of its own, but the
 * rows of one multi-row insert share theirs.
 *
 * Two generations of fixed size: when the younger one is full, the older one is forgotten. What lies
 * further back is for the sink to say. A change whose LSN says that it is news is never looked for,
 * so they are only put into a hash table when one is: putting them there is what takes time.
 */
import type { Op } from "../../batch/batch.ts";
import { OP } from "../../batch/batch.ts";
import { Slice } from "../../slice.ts";
import type { Lsn } from "../position.ts";

/** Entries of one generation. With 24 bytes each, and twice as many places of 4: 4 MB, two times. */
const ENTRIES_MAX = 1 << 17;
/** Of an entry: LSN (low and high word, the op in its top byte), table and key (two hashes). */
const WORDS = 4;

/** See the top of this file. */
export class RecentChanges {
  #young: Generation;
  #old: Generation;

  /** `onForget` is called right after the older generation was forgotten. `entriesMax`: of one
   * generation. */
  constructor(private readonly onForget: () => void, private readonly entriesMax = ENTRIES_MAX) {
    this.#young = new Generation(entriesMax);
    this.#old = new Generation(entriesMax);
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

const NOTHING = Slice.of(new Uint8Array(0));

/** 64 bits of a table's name and a key's bytes, as two halves; filled anew for each key. */
export class KeyHash {
  a = 0;
  b = 0;

  /** `salt`: a number of the table's. */
  of(salt: number, key: Slice | null): this {
    let a = 0x811c9dc5 ^ salt;
    let b = 0x9747b28c + Math.imul(salt, 0x85ebca6b);
    const { bytes, view, start, stop } = key ?? NOTHING;
    let i = start;
    for (; i + 4 <= stop; i += 4) {
      const word = view.getInt32(i, true);
      a = Math.imul(a ^ word, 0x01000193);
      a ^= a >>> 13;
      b = Math.imul(b + word, 0x5bd1e995);
      b ^= b >>> 15;
    }
    for (; i < stop; i++) {
      a = Math.imul(a ^ bytes[i], 0x01000193);
      b = Math.imul(b + bytes[i], 0x5bd1e995);
    }
    this.a = Math.imul(a ^ (a >>> 15), 0x2c1b3c6d) | 0;
    this.b = Math.imul(b ^ stop - start, 0x297a2d39) | 0;
    return this;
  }
}

/** Changes in the order in which they were added; in the hash table up to the last `find`. */
class Generation {
  entries = 0;
  readonly #words: Int32Array;
  readonly #seqs: Float64Array;
  /** Entries, counted from 1, at the places that their hashes lead to; 0: free. */
  readonly #table: Int32Array;
  readonly #mask: number;
  /** So many of the entries are in the table. */
  #indexed = 0;

  constructor(entriesMax: number) {
    const places = 2 ** Math.ceil(Math.log2(entriesMax * 2));
    this.#words = new Int32Array(entriesMax * WORDS);
    this.#seqs = new Float64Array(entriesMax);
    this.#table = new Int32Array(places);
    this.#mask = places - 1;
  }

  clear(): void {
    if (this.#indexed > 0) this.#table.fill(0);
    this.#indexed = this.entries = 0;
  }

  find(lsn: Lsn, op: number, hash: KeyHash): number {
    while (this.#indexed < this.entries) this.#index(this.#indexed++);
    const entry = this.#table[this.#place(low(lsn), high(lsn, op), hash.a, hash.b)];
    return entry === 0 ? 0 : this.#seqs[entry - 1];
  }

  add(lsn: Lsn, op: number, hash: KeyHash, seq: number): void {
    const at = this.entries * WORDS;
    this.#words[at] = low(lsn);
    this.#words[at + 1] = high(lsn, op);
    this.#words[at + 2] = hash.a;
    this.#words[at + 3] = hash.b;
    this.#seqs[this.entries++] = seq;
  }

  /** Puts an entry into the table, in the place of one that is the same change. */
  #index(entry: number): void {
    const words = this.#words;
    const at = entry * WORDS;
    const place = this.#place(words[at], words[at + 1], words[at + 2], words[at + 3]);
    this.#table[place] = entry + 1;
  }

  /** Where the change is in the table, or would be put. */
  #place(x: number, y: number, a: number, b: number): number {
    const mask = this.#mask;
    const words = this.#words;
    const product = Math.imul(a ^ x, 0x9e3779b1);
    for (let place = (product ^ product >>> 15) & mask;; place = (place + 1) & mask) {
      const entry = this.#table[place];
      if (entry === 0) return place;
      const at = (entry - 1) * WORDS;
      if (words[at] === x && words[at + 1] === y && words[at + 2] === a && words[at + 3] === b) {
        return place;
      }
    }
  }
}

function low(lsn: Lsn): number {
  return lsn | 0;
}

function high(lsn: Lsn, op: number): number {
  return Math.floor(lsn / 0x1_0000_0000) | op << 24;
}
