/**
 * The short way through a record: Debezium writes keys in one order, and most of an envelope is the
 * same in every record of a topic. A skeleton is learnt from a record that the general way has read:
 * what lies between its slots must come again byte by byte, and only the slots are parsed. Where
 * anything differs, that record takes the general way.
 */
import type { Op } from "../../batch/batch.ts";
import type { Fields } from "./fields.ts";
import type { DebeziumHead } from "./head.ts";
import { INTEGER, type JsonReader, NULL, STRING } from "./json.ts";
import { Literals } from "./literals.ts";
import type { SchemaBlock } from "./schema_block.ts";
import type { Shape } from "./shape.ts";

/** What is in a slot. */
export const Slot = {
  /** A number that is not looked at. */
  number: 0,
  /** A string that is not looked at. */
  string: 1,
  time: 2,
  tx: 3,
  lsn: 4,
  op: 5,
  before: 6,
  after: 7,
  key: 8,
  transaction: 9,
} as const;

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
  readonly block: SchemaBlock | null;
  /** Of rows or key. */
  readonly shape: Shape;
  readonly transactionShape: Shape;
}

/** See the top of this file. */
export class Skeleton {
  readonly #literals: Literals;
  readonly #slots: Uint8Array;
  readonly #hasTime: boolean;
  readonly #isKey: boolean;

  /** From a record's bytes, and its slots from left to right. */
  constructor(bytes: Uint8Array, slots: readonly SlotAt[], readonly common: Common) {
    const pieces: Uint8Array[] = [];
    let at = 0;
    for (const { start, stop } of slots) {
      pieces.push(bytes.slice(at, start));
      at = stop;
    }
    pieces.push(bytes.slice(at));
    this.#literals = new Literals(pieces);
    this.#slots = Uint8Array.from(slots, ({ slot }) => slot);
    this.#isKey = this.#slots[0] === Slot.key;
    this.#hasTime = this.#slots.includes(Slot.time);
  }

  /**
   * Reads all of `reader`'s text into `head`; false: it is not of this skeleton, and `head` is of no
   * meaning. `transaction` is left with where the transaction's block is, if there is one.
   */
  read(reader: JsonReader, head: DebeziumHead, transaction: Fields): boolean {
    const literals = this.#literals;
    const slots = this.#slots;
    const { common } = this;
    if (!this.#isKey) { // what has no slot is not there
      head.lsn = 0;
      head.tx = 0;
      head.before.clear();
      head.after.clear();
      transaction.clear();
      if (!this.#hasTime) head.at(0);
    }
    for (let i = 0; i < slots.length; i++) {
      if (!literals.pass(i, reader)) return false;
      switch (slots[i]) {
        case Slot.number:
          if (!reader.passDigits()) return false;
          break;
        case Slot.string:
          if (reader.at >= reader.end || reader.bytes[reader.at] !== 0x22) return false;
          reader.string();
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
          const op = opOf(reader.bytes[reader.at]);
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
        case Slot.transaction:
          if (!readRow(reader, transaction, common.transactionShape)) return false;
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

/** The slots of a source block: its numbers that are no constants, and its sequence. */
function sourceSlots(source: Fields): SlotAt[] {
  return source.shape.names().flatMap((name, i): SlotAt[] => {
    const [start, stop] = [source.startOf(i), source.stopOf(i)];
    switch (source.kindOf(i)) {
      case INTEGER: {
        const slot = name === "ts_ms" ? Slot.time : name === "txId" ? Slot.tx : Slot.number;
        return [{ slot: name === "lsn" ? Slot.lsn : slot, start, stop }];
      }
      case STRING:
        break;
      default:
        if (name === "sequence" && source.kindOf(i) !== NULL) {
          return [{ slot: Slot.string, start: start - 1, stop: stop + 1 }];
        }
    }
    return [];
  });
}

/** The slots of an envelope. */
export function envelopeSlots(envelope: Fields, source: Fields): SlotAt[] {
  return envelope.shape.names().flatMap((name, i): SlotAt[] => {
    const [start, stop] = [envelope.startOf(i), envelope.stopOf(i)];
    switch (name) {
      case "before":
        return [{ slot: Slot.before, start, stop }];
      case "after":
        return [{ slot: Slot.after, start, stop }];
      case "transaction":
        return [{ slot: Slot.transaction, start, stop }];
      case "op":
        return [{ slot: Slot.op, start, stop }];
      case "source":
        return sourceSlots(source);
    }
    return envelope.kindOf(i) === INTEGER ? [{ slot: Slot.number, start, stop }] : [];
  });
}
