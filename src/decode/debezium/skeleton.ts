/**
 * The short way through a record: Debezium writes keys in one order, and most of an envelope is the
 * same in every record of a topic. A skeleton is learnt from a record that the general way has read:
 * what lies between its slots must come again byte by byte, and only the slots are parsed. Where
 * anything differs, that record takes the general way.
 */
import type { Op } from "../../batch/batch.ts";
import { latin } from "../number.ts";
import type { Slice } from "../../slice.ts";
import {
  compileRow,
  compileSkeleton,
  type ReadAll,
  type ReadRow,
  type Usual,
} from "./compiled_scan.ts";
import { compiling } from "./compiling.ts";
import type { Fields } from "./fields.ts";
import type { DebeziumHead } from "./head.ts";
import { INTEGER, type JsonReader, NULL } from "./json.ts";
import { Literals } from "./literals.ts";
import type { SchemaBlock } from "./schema_block.ts";
import type { Shape } from "./shape.ts";
import { Slot } from "./slot.ts";

/** A slot's place in the record that is learnt from. */
export interface SlotAt {
  readonly slot: number;
  readonly start: number;
  readonly stop: number;
}

/** What all records of a skeleton have in common. */
export interface Common {
  readonly schema: string;
  readonly table: string;
  readonly snapshot: string;
  readonly isInTransaction: boolean;
  readonly block: SchemaBlock | null;
  /** Of rows or key. */
  readonly shape: Shape;
}

/** See the top of this file. */
export class Skeleton {
  readonly #literals: Literals;
  readonly #slots: Uint8Array;
  readonly #hasTime: boolean;
  readonly #isKey: boolean;
  readonly #pieces: readonly Uint8Array[];
  /** How long each slot was in the record that was learnt from. */
  readonly #lengths: readonly number[];
  /** Records that were of it. */
  #uses = 0;
  /** The values of one of them. */
  #sample: readonly Usual[] | undefined;
  #compiledRow: ReadRow | undefined;
  #compiled: ReadAll | undefined;

  /** From a record's key or value, and its slots from left to right. */
  constructor(text: Slice, slots: readonly SlotAt[], readonly common: Common) {
    const { bytes } = text;
    const pieces: Uint8Array[] = [];
    let at = text.start;
    for (const { start, stop } of slots) {
      pieces.push(bytes.slice(at, start));
      at = stop;
    }
    pieces.push(bytes.slice(at, text.stop));
    this.#pieces = pieces;
    this.#lengths = slots.map(({ start, stop }) => stop - start);
    this.#literals = new Literals(pieces);
    this.#slots = Uint8Array.from(slots, ({ slot }) => slot);
    this.#isKey = this.#slots[0] === Slot.key;
    this.#hasTime = this.#slots.includes(Slot.time);
  }

  /**
   * Reads all of `reader`'s text into `head`; false: it is not of this skeleton, and `head` is of no
   * meaning.
   */
  read(reader: JsonReader, head: DebeziumHead): boolean {
    if (this.#compiled !== undefined) {
      const { shape } = this.common;
      return this.#compiled(reader, head, shape, this.#compiledRow!, this.#literals);
    }
    if (!this.#readByTable(reader, head)) return false;
    if (++this.#uses >= compiling.afterRecords) this.#compile(this.#isKey ? head.key : head.after);
    return true;
  }

  /** Compiles it, when two rows or keys have been seen: what is alike in both is what is usual. */
  #compile(row: Fields): void {
    if (!row.isPresent) return;
    const { shape } = this.common;
    const sample = this.#sample;
    const now = shape.names().map((_, i): Usual => ({
      kind: row.kindOf(i),
      length: row.stopOf(i) - row.startOf(i),
    }));
    this.#sample = now;
    if (sample === undefined) return;
    const usual = now.map(({ kind, length }, i): Usual => ({
      kind: kind === NULL ? sample[i].kind : kind,
      length: length === sample[i].length ? length : -1,
    }));
    this.#uses = -Infinity; // it is tried once
    this.#compiledRow = compileRow(shape, usual);
    if (this.#compiledRow === undefined) return;
    this.#compiled = compileSkeleton(this.#pieces, this.#slots, this.#lengths);
  }

  #readByTable(reader: JsonReader, head: DebeziumHead): boolean {
    const literals = this.#literals;
    const slots = this.#slots;
    const { common } = this;
    if (!this.#isKey) { // what has no slot is not there
      head.transactionOrder = 0;
      head.lsn = 0;
      head.tx = 0;
      head.before.clear();
      head.after.clear();
      if (!this.#hasTime) head.at(0);
    }
    const { bytes, view, end } = reader;
    const { starts, words, firstWords } = literals;
    for (let i = 0; i < slots.length; i++) {
      const { at } = reader;
      const length = starts[i + 1] - starts[i];
      if (length >= 8) { // as Literals.pass does, here without a call
        if (at + length > end) return false;
        const last = at + length - 8;
        let word = firstWords[i];
        for (let k = at; k < last; k += 8) {
          if (view.getFloat64(k, true) !== words[word++]) return false;
        }
        if (view.getFloat64(last, true) !== words[word]) return false;
        reader.at = at + length;
      } else if (!literals.pass(i, reader)) return false;
      switch (slots[i]) {
        case Slot.number:
          if (!reader.passDigits()) return false;
          break;
        case Slot.time: {
          const time = reader.digits();
          if (time < 0) return false;
          head.at(time);
          break;
        }
        case Slot.tx:
          head.tx = reader.digits();
          if (head.tx < 0) return false;
          break;
        case Slot.lsn:
          head.lsn = reader.digits();
          if (head.lsn < 0) return false;
          break;
        case Slot.op: {
          const op = opOf(bytes[reader.at]);
          if (op === null) return false;
          head.op = op;
          reader.at++;
          break;
        }
        case Slot.before:
          if (!readRow(reader, head.before, common.shape)) return false;
          break;
        case Slot.after:
          if (!readRow(reader, head.after, common.shape)) return false;
          break;
        case Slot.key:
          if (!head.key.readLike(reader, common.shape)) return false;
          break;
        case Slot.order:
          head.transactionOrder = reader.digits();
          if (head.transactionOrder < 0) return false;
          break;
      }
    }
    return literals.pass(slots.length, reader) && reader.at === reader.end;
  }
}

/** Reads null, or an object of this shape. */
function readRow(reader: JsonReader, into: Fields, shape: Shape): boolean {
  if (reader.bytes[reader.at] === 0x7b) return into.readLike(reader, shape);
  if (reader.at >= reader.end || reader.bytes[reader.at] !== 0x6e) return false;
  into.clear();
  return reader.value() === NULL;
}

function opOf(byte: number): Op | null {
  switch (byte) {
    case 0x63:
      return "c";
    case 0x75:
      return "u";
    case 0x64:
      return "d";
    case 0x72:
      return "r";
  }
  return null;
}

/** The slots of a source block: its numbers, and those in the text of its sequence. */
function sourceSlots(bytes: Uint8Array, source: Fields): SlotAt[] {
  return source.shape.names().flatMap((name, i): SlotAt[] => {
    const [start, stop] = [source.startOf(i), source.stopOf(i)];
    if (name === "sequence") return quotedNumbers(bytes, start, stop);
    if (source.kindOf(i) !== INTEGER) return [];
    const slot = name === "ts_ms" ? Slot.time : name === "txId" ? Slot.tx : Slot.number;
    return [{ slot: name === "lsn" ? Slot.lsn : slot, start, stop }];
  });
}

/** The numbers of a text such as `[null,\"311630592\"]`. */
function quotedNumbers(bytes: Uint8Array, start: number, stop: number): SlotAt[] {
  const text = latin(bytes, start, stop);
  return [...text.matchAll(/(?<=")\d+(?=\\")/g)].map(({ index, 0: { length } }) => ({
    slot: Slot.number,
    start: start + index,
    stop: start + index + length,
  }));
}

/**
 * The slots of an envelope; `source` and `transaction` are its parts of these names, the latter of
 * which may be missing. Undefined: it has a form of its own, which no skeleton is made for.
 */
export function envelopeSlots(
  bytes: Uint8Array,
  envelope: Fields,
  source: Fields,
  transaction: Fields | null,
): SlotAt[] | undefined {
  const slots: SlotAt[] = [];
  for (const [i, name] of envelope.shape.names().entries()) {
    const [start, stop] = [envelope.startOf(i), envelope.stopOf(i)];
    switch (name) {
      case "before":
        slots.push({ slot: Slot.before, start, stop });
        break;
      case "after":
        slots.push({ slot: Slot.after, start, stop });
        break;
      case "op":
        slots.push({ slot: Slot.op, start, stop });
        break;
      case "source":
        slots.push(...sourceSlots(bytes, source));
        break;
      case "transaction": {
        if (transaction === null) break;
        const inside = transactionSlots(bytes, transaction);
        if (inside === undefined) return undefined;
        slots.push(...inside);
        break;
      }
      default:
        if (envelope.kindOf(i) === INTEGER) slots.push({ slot: Slot.number, start, stop });
    }
  }
  return slots;
}

/** Of `{"id":"779:311630592","total_order":1,…}`. */
function transactionSlots(bytes: Uint8Array, transaction: Fields): SlotAt[] | undefined {
  const slots: SlotAt[] = [];
  for (const [i, name] of transaction.shape.names().entries()) {
    const [start, stop] = [transaction.startOf(i), transaction.stopOf(i)];
    if (name === "id") {
      const match = /^(\d+)(:?)(\d*)$/.exec(latin(bytes, start, stop));
      if (match === null || (match[2] === "") !== (match[3] === "")) return undefined;
      const colon = start + match[1].length;
      slots.push({ slot: Slot.number, start, stop: colon });
      if (match[2] !== "") slots.push({ slot: Slot.number, start: colon + 1, stop });
    } else if (transaction.kindOf(i) === INTEGER) {
      const slot = name === "data_collection_order" ? Slot.order : Slot.number;
      slots.push({ slot, start, stop });
    }
  }
  return slots;
}
