/**
 * Records of the transaction topic.
 *
 *     mark := { "status": "BEGIN" | "END", "id": "779:311630592", "event_count": 2 | null,
 *               "data_collections": [ { "data_collection": "public.users", "event_count": 2 } ] | null }
 *
 * Source: "Transaction metadata" in the PostgreSQL connector's pages of Debezium 2.3's manual.
 */
import type { Fault } from "../../errors.ts";
import type { KafkaRecord, TransactionMark } from "../decoder.ts";
import { badRecord } from "./fault.ts";
import { Fields } from "./fields.ts";
import {
  ARRAY,
  ESCAPED,
  INTEGER,
  JsonReader,
  Malformed,
  NULL,
  OBJECT,
  STRING,
  stringOf,
} from "./json.ts";
import { smallInteger } from "./numbers.ts";
import { Shape } from "./shape.ts";

/** Reads the marks of one topic. */
export class TransactionScanner {
  readonly #reader = new JsonReader();
  readonly #outer = new Fields();
  readonly #mark = new Fields();
  readonly #counted = new Fields();
  #root = Shape.root();

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

  #read(bytes: Uint8Array): TransactionMark {
    const reader = this.#reader;
    reader.open(bytes, 0, bytes.length);
    let mark = this.#outer;
    mark.read(reader, this.#root);
    reader.expectEnd();
    const payload = mark.shape.indexOf("payload");
    if (payload >= 0 && mark.shape.indexOf("schema") >= 0 && mark.kindOf(payload) === OBJECT) {
      reader.open(bytes, mark.startOf(payload), mark.stopOf(payload));
      mark = this.#mark;
      mark.read(reader, this.#root);
    }
    const status = text(bytes, mark, "status");
    if (status !== "BEGIN" && status !== "END") throw new Malformed(`the status ${status}`);
    const [id, lsn] = text(bytes, mark, "id").split(":"); // see transactionEnd
    return {
      status,
      id,
      lsn: /^\d{1,15}$/.test(lsn ?? "") ? Number(lsn) : 0,
      counts: this.#counts(bytes, mark),
    };
  }

  #counts(bytes: Uint8Array, mark: Fields): ReadonlyMap<string, number> | null {
    const index = mark.shape.indexOf("data_collections");
    if (index < 0 || mark.kindOf(index) === NULL) return null;
    if (mark.kindOf(index) !== ARRAY) throw new Malformed('"data_collections" is no array');
    const counts = new Map<string, number>();
    const reader = this.#reader;
    reader.open(bytes, mark.startOf(index) + 1, mark.stopOf(index) - 1);
    while (reader.peek() !== -1) {
      this.#counted.read(reader, this.#root);
      const name = text(bytes, this.#counted, "data_collection");
      counts.set(name, count(bytes, this.#counted));
      if (reader.peek() === 0x2c) reader.at++;
    }
    return counts;
  }
}

function text(bytes: Uint8Array, fields: Fields, name: string): string {
  const index = fields.shape.indexOf(name);
  const kind = index < 0 ? NULL : fields.kindOf(index);
  if (kind !== STRING && kind !== ESCAPED) throw new Malformed(`"${name}" is no string`);
  return stringOf(bytes, fields.startOf(index), fields.stopOf(index), kind);
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
