/**
 * Records of the transaction topic.
 *
 *     mark := { "status": "BEGIN" | "END", "id": "779:311630592", "event_count": 2 | null,
 *               "data_collections": [ { "data_collection": "public.users", "event_count": 2 } ] | null }
 *
 * Source: "Transaction metadata" in the PostgreSQL connector's pages of Debezium 2.3's manual.
 */
import type { Fault } from "../../errors.ts";
import type { Lsn } from "../../source/position.ts";
import type { KafkaRecord, TransactionMark } from "../decoder.ts";
import type { Slice } from "../../slice.ts";
import { badRecord, excerpt } from "./fault.ts";
import { Fields } from "./fields.ts";
import { ARRAY, ESCAPED, INTEGER, JsonReader, Malformed, NULL, OBJECT, STRING } from "./json.ts";
import { stringOf } from "./json_string.ts";
import { Literals } from "./literals.ts";
import { smallInteger } from "./numbers.ts";
import { isSpelled, Shape } from "./shape.ts";

/** Reads the marks of one topic. */
export class TransactionScanner {
  readonly #reader = new JsonReader();
  readonly #outer = new Fields();
  readonly #mark = new Fields();
  readonly #counted = new Fields();
  readonly #tables = new Names();
  #root = Shape.root();
  /** What stands before a mark with a schema: the same in all of a topic's. */
  #known: Literals | undefined;

  scan(record: KafkaRecord): TransactionMark | Fault {
    try {
      if (record.value === null) throw new Malformed("no value");
      if (this.#root.isOvergrown) this.#root = Shape.root();
      return this.#read(record.value);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return badRecord(record, "transaction mark", error.message);
    }
  }

  #read(text: Slice): TransactionMark {
    const { bytes } = text;
    const mark = this.#behindKnown(text) ?? this.#find(text);
    const status = textAt(mark, "status");
    const start = mark.startOf(status);
    const isEnd = isSpelled(bytes, start, mark.stopOf(status), END);
    if (!isEnd && !isSpelled(bytes, start, mark.stopOf(status), BEGIN)) {
      throw new Malformed(`the status ${stringOf(bytes, start, mark.stopOf(status), STRING)}`);
    }
    const id = textAt(mark, "id");
    const { tx, lsn } = this.#id(bytes, mark.startOf(id), mark.stopOf(id));
    return { status: isEnd ? "END" : "BEGIN", tx, lsn, counts: this.#counts(bytes, mark) };
  }

  /** The mark behind a schema that is, byte by byte, that of one before. */
  #behindKnown(text: Slice): Fields | undefined {
    const reader = this.#reader;
    reader.openSlice(text);
    if (!this.#known?.pass(0, reader) || reader.peek() !== 0x7b) return undefined;
    this.#readObject(this.#mark);
    if (reader.peek() !== 0x7d) return undefined;
    reader.at++;
    reader.expectEnd();
    return this.#mark;
  }

  #find(text: Slice): Fields {
    const reader = this.#reader;
    reader.openSlice(text);
    const { bytes, start } = text;
    const outer = this.#outer;
    this.#readObject(outer);
    reader.expectEnd();
    const payload = outer.shape.indexOf("payload");
    const schema = outer.shape.indexOf("schema");
    if (payload < 0 || schema < 0 || outer.kindOf(payload) !== OBJECT) return outer;
    reader.narrow(outer.startOf(payload), outer.stopOf(payload));
    this.#readObject(this.#mark);
    if (schema < payload) this.#known = new Literals([bytes.slice(start, outer.startOf(payload))]);
    return this.#mark;
  }

  /** Reads an object, by the shape of the one before if it is like that: nearly all are. */
  #readObject(into: Fields): void {
    const reader = this.#reader;
    const { at } = reader;
    if (into.isPresent && into.readLike(reader, into.shape)) return;
    reader.at = at;
    into.read(reader, this.#root);
  }

  /** The parts of an id: `<the source's number>:<LSN>`. */
  #id(bytes: Uint8Array, start: number, stop: number): { tx: number; lsn: Lsn } {
    const reader = this.#reader;
    reader.narrow(start, stop);
    const tx = reader.digits();
    const isAlone = reader.at === stop;
    if (tx < 0 || !isAlone && bytes[reader.at] !== 0x3a) {
      throw new Malformed(`the id ${excerpt(bytes, start, stop)}, and not a transaction's number`);
    }
    reader.at++;
    const lsn = isAlone ? -1 : reader.digits();
    return { tx, lsn: lsn < 0 || reader.at !== stop ? 0 : lsn };
  }

  #counts(bytes: Uint8Array, mark: Fields): TransactionMark["counts"] {
    const index = mark.shape.indexOf("data_collections");
    if (index < 0 || mark.kindOf(index) === NULL) return null;
    if (mark.kindOf(index) !== ARRAY) throw new Malformed('"data_collections" is no array');
    const counts: { table: string; rows: number }[] = [];
    const reader = this.#reader;
    reader.narrow(mark.startOf(index) + 1, mark.stopOf(index) - 1);
    const counted = this.#counted;
    while (reader.peek() !== -1) {
      this.#readObject(counted);
      const name = textAt(counted, "data_collection");
      const [start, stop] = [counted.startOf(name), counted.stopOf(name)];
      const table = this.#tables.of(bytes, start, stop, counted.kindOf(name));
      counts.push({ table, rows: count(bytes, counted) });
      if (reader.peek() === 0x2c) reader.at++;
    }
    return counts;
  }
}

const BEGIN = new TextEncoder().encode("BEGIN");
const END = new TextEncoder().encode("END");

/** The place of a field that is a string. */
function textAt(fields: Fields, name: string): number {
  const index = fields.shape.indexOf(name);
  const kind = index < 0 ? NULL : fields.kindOf(index);
  if (kind !== STRING && kind !== ESCAPED) throw new Malformed(`"${name}" is no string`);
  return index;
}

function count(bytes: Uint8Array, fields: Fields): number {
  const index = fields.shape.indexOf("event_count");
  const start = index < 0 ? 0 : fields.startOf(index);
  const stop = index < 0 ? 0 : fields.stopOf(index);
  if (index < 0 || fields.kindOf(index) !== INTEGER || stop - start > 15) {
    throw new Malformed('"event_count" is no number');
  }
  return smallInteger(bytes, start, stop);
}

/** How many names are kept, a power of two. */
const NAMES = 512;

/** Names that come again and again: then they are the same JavaScript string. */
class Names {
  readonly #spelled: Uint8Array[] = new Array(NAMES).fill(new Uint8Array(0));
  readonly #texts: string[] = new Array(NAMES).fill("");

  /** The string whose inside is `[start, stop)`. */
  of(bytes: Uint8Array, start: number, stop: number, kind: number): string {
    let hash = 0;
    for (let i = start; i < stop; i++) hash = Math.imul(hash ^ bytes[i], 0x0100_0193);
    const place = (hash ^ hash >>> 15) & NAMES - 1;
    if (isSpelled(bytes, start, stop, this.#spelled[place])) return this.#texts[place];
    this.#spelled[place] = bytes.slice(start, stop);
    return this.#texts[place] = stringOf(bytes, start, stop, kind);
  }
}
