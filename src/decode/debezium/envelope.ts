/**
 * A change event's envelope, by the general way: any order of keys, any white space, with or
 * without a schema.
 *
 *     value    := envelope | { "schema": {…}, "payload": envelope }
 *     envelope := { "before": row | null, "after": row | null, "source": {…}, "op": "c", "ts_ms": 1,
 *                   "transaction": { "id": "779:311630592", … } | null }
 *     source   := { "ts_ms", "snapshot", "schema", "table", "txId", "lsn", … }
 *     key      := row | { "schema": {…}, "payload": row }
 *
 * Source: "Data change events" in the PostgreSQL connector's pages of Debezium 2.3's manual.
 */
import type { Op } from "../../batch/batch.ts";
import type { Fault } from "../../errors.ts";
import type { KafkaRecord } from "../decoder.ts";
import type { Slice } from "../../slice.ts";
import { badRecord, excerpt } from "./fault.ts";
import { Fields } from "./fields.ts";
import type { DebeziumHead } from "./head.ts";
import {
  ESCAPED,
  FALSE,
  INTEGER,
  JsonReader,
  Malformed,
  NULL,
  OBJECT,
  STRING,
  TRUE,
} from "./json.ts";
import { stringOf } from "./json_string.ts";
import { envelopeSlots, Skeleton } from "./skeleton.ts";
import { Slot } from "./slot.ts";
import { type Repeated, Topic } from "./topic.ts";

const OPS: readonly string[] = ["c", "u", "d", "r", "t", "m"];

/** On the record of a changed key's old half, and on that of its new half. */
const NEW_KEY_HEADER = "__debezium.newkey";
const OLD_KEY_HEADER = "__debezium.oldkey";

/** ms on either side of 1970 that PostgreSQL's timestamps can be apart from it. */
const TIME_MS_MAX = 9_000_000_000_000_000;

/** Of a key. */
const NO_SOURCE = { schema: "", table: "", snapshot: "", isInTransaction: false };

/** Changes of one transaction. */
const ORDER_MAX = Number.MAX_SAFE_INTEGER;

/** Scans records of all topics; see the top of this file. */
export class Scanner {
  readonly #topics = new Map<string, Topic>();
  #lastName = "";
  #lastTopic = new Topic();
  readonly #reader = new JsonReader();
  readonly #outer = new Fields();
  readonly #envelope = new Fields();
  readonly #source = new Fields();
  readonly #part = new Fields();

  /** Reads all of a record but its row's values. */
  scan(record: KafkaRecord, head: DebeziumHead): Fault | undefined {
    const topic = this.#topicOf(record.topic);
    let part = "value";
    try {
      if (record.value === null) {
        head.clear();
        return undefined;
      }
      if (!this.#likeBefore(record.value, head, topic)) {
        head.clear();
        this.#value(record.value, head, topic);
      }
      head.valueView = this.#reader.view;
      if (head.op === null || head.op === "m" || head.op === "t") return undefined;
      part = "key";
      if (record.key === null) head.key.clear();
      else if (!this.#keyLikeBefore(record.key, head, topic)) {
        this.#key(record.key, head, topic);
      }
      head.keyView = this.#reader.view;
      head.keyChange = null;
      if (head.op === "d" && NEW_KEY_HEADER in record.headers) head.keyChange = "old";
      if (head.op === "c" && OLD_KEY_HEADER in record.headers) head.keyChange = "new";
      return undefined;
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      head.clear();
      return badRecord(record, part, error.message);
    }
  }

  #topicOf(name: string): Topic {
    if (name === this.#lastName) return this.#lastTopic;
    let topic = this.#topics.get(name);
    if (topic === undefined) this.#topics.set(name, topic = new Topic());
    this.#lastName = name;
    this.#lastTopic = topic;
    return topic;
  }

  /** Reads a value by what was learnt of others of its topic; false: it is of another form. */
  #likeBefore(value: Slice, head: DebeziumHead, topic: Topic): boolean {
    const reader = this.#reader;
    reader.openSlice(value);
    const skeleton = topic.values.read(reader, head);
    if (skeleton === undefined || head.op !== "d" && !head.after.isPresent) return false;
    const { schema, table, snapshot, isInTransaction, block } = skeleton.common;
    head.schema = schema;
    head.table = table;
    head.snapshot = snapshot;
    head.valueSchema = block;
    head.isInTransaction = isInTransaction;
    return true;
  }

  #keyLikeBefore(key: Slice, head: DebeziumHead, topic: Topic): boolean {
    const reader = this.#reader;
    reader.openSlice(key);
    const skeleton = topic.keys.read(reader, head);
    if (skeleton === undefined) return false;
    head.keySchema = skeleton.common.block;
    return true;
  }

  /** Makes a skeleton of a value that the general way has just read. */
  #learnValue(value: Slice, envelope: Fields, head: DebeziumHead, topic: Topic): void {
    const shape = head.after.isPresent ? head.after.shape : head.before.shape;
    const isRow = head.op === "c" || head.op === "u" || head.op === "r" || head.op === "d";
    if (!isRow || shape.count === 0 || !topic.values.isHungry) return;
    const transaction = head.isInTransaction ? this.#part : null;
    const slots = envelopeSlots(value.bytes, envelope, this.#source, transaction);
    if (slots === undefined) return;
    const { schema, table, snapshot, isInTransaction, valueSchema: block } = head;
    const common = { schema, table, snapshot, isInTransaction, block, shape };
    topic.values.learn(new Skeleton(value, slots, common));
  }

  #value(value: Slice, head: DebeziumHead, topic: Topic): void {
    const reader = this.#reader;
    reader.openSlice(value);
    const { bytes } = value;
    const outer = this.#outer;
    outer.read(reader, topic.root);
    reader.expectEnd();
    let envelope = outer;
    if (isWrapped(outer)) {
      head.valueSchema = schemaOf(bytes, outer, topic);
      const payload = outer.shape.indexOf("payload");
      if (outer.kindOf(payload) === NULL) return;
      envelope = this.#envelope;
      reader.narrow(outer.startOf(payload), outer.stopOf(payload));
      envelope.read(reader, topic.root);
    }
    const { shape } = envelope;
    const op = shape.indexOf("op");
    if (op < 0) {
      const change = ["before", "after", "source"].find((name) => shape.indexOf(name) >= 0);
      if (change !== undefined) throw new Malformed(`"${change}" without "op"`);
      return; // a heartbeat, or another message that is no change
    }
    head.op = opOf(bytes, envelope, op);
    this.#row(bytes, envelope, "before", head.before, topic);
    this.#row(bytes, envelope, "after", head.after, topic);
    const needsAfter = head.op === "c" || head.op === "u" || head.op === "r";
    if (needsAfter && !head.after.isPresent) throw new Malformed('"after" is null or missing');
    this.#readSource(bytes, envelope, head, topic);
    if (this.#object(bytes, envelope, "transaction", this.#part, topic)) {
      this.#readTransaction(bytes, head);
    }
    this.#learnValue(value, envelope, head, topic);
  }

  #readTransaction(bytes: Uint8Array, head: DebeziumHead): void {
    const part = this.#part;
    const id = part.shape.indexOf("id");
    if (id < 0) throw new Malformed('a "transaction" without "id"');
    if (part.kindOf(id) !== STRING) throw wrong(bytes, part, id, "transaction.id", "a string");
    head.isInTransaction = true;
    head.transactionOrder = numberOf(bytes, part, "data_collection_order", 0, ORDER_MAX);
  }

  #key(text: Slice, head: DebeziumHead, topic: Topic): void {
    const reader = this.#reader;
    reader.openSlice(text);
    const { bytes } = text;
    const { key } = head;
    key.read(reader, topic.root);
    reader.expectEnd();
    if (isWrapped(key) && key.kindOf(key.shape.indexOf("schema")) === OBJECT) {
      head.keySchema = schemaOf(bytes, key, topic);
      const payload = key.shape.indexOf("payload");
      if (key.kindOf(payload) === NULL) return key.clear();
      reader.narrow(key.startOf(payload), key.stopOf(payload));
      key.read(reader, topic.root);
    } else {
      head.keySchema = null;
      if (isWrapped(key)) return; // what its columns are called makes it look like the other form
    }
    if (key.shape.count === 0 || !topic.keys.isHungry) return;
    const common = { ...NO_SOURCE, block: head.keySchema, shape: key.shape };
    const slots = [{ slot: Slot.key, start: key.start, stop: key.stop }];
    topic.keys.learn(new Skeleton(text, slots, common));
  }

  #readSource(bytes: Uint8Array, envelope: Fields, head: DebeziumHead, topic: Topic): void {
    const source = this.#source;
    if (!this.#object(bytes, envelope, "source", source, topic)) {
      throw new Malformed('"source" is null or missing');
    }
    const { shape } = source;
    const schema = shape.indexOf("schema");
    const table = shape.indexOf("table");
    if (schema < 0 || table < 0) throw new Malformed('a "source" without "schema" or "table"');
    head.schema = textOf(bytes, source, schema, "source.schema", topic.schema);
    head.table = textOf(bytes, source, table, "source.table", topic.table);
    head.lsn = numberOf(bytes, source, "lsn", 0, Number.MAX_SAFE_INTEGER);
    head.tx = numberOf(bytes, source, "txId", 0, Number.MAX_SAFE_INTEGER);
    head.at(numberOf(bytes, source, "ts_ms", -TIME_MS_MAX, TIME_MS_MAX));
    head.snapshot = snapshotOf(bytes, source, topic);
  }

  #row(bytes: Uint8Array, envelope: Fields, name: string, into: Fields, topic: Topic): void {
    if (!this.#object(bytes, envelope, name, into, topic)) into.clear();
  }

  /** Reads the object in the envelope's field `name`; false: it is null or missing. */
  #object(
    bytes: Uint8Array,
    envelope: Fields,
    name: string,
    into: Fields,
    topic: Topic,
  ): boolean {
    const index = envelope.shape.indexOf(name);
    if (index < 0 || envelope.kindOf(index) === NULL) return false;
    this.#reader.narrow(envelope.startOf(index), envelope.stopOf(index));
    if (envelope.kindOf(index) !== OBJECT) throw wrong(bytes, envelope, index, name, "an object");
    into.read(this.#reader, topic.root);
    return true;
  }
}

/** Whether these are the two fields that JsonConverter makes when it includes schemas. */
function isWrapped({ shape }: Fields): boolean {
  return shape.count === 2 && shape.indexOf("schema") >= 0 && shape.indexOf("payload") >= 0;
}

function schemaOf(bytes: Uint8Array, outer: Fields, topic: Topic) {
  const index = outer.shape.indexOf("schema");
  if (outer.kindOf(index) === NULL) return null;
  if (outer.kindOf(index) !== OBJECT) throw wrong(bytes, outer, index, "schema", "an object");
  return topic.block(bytes, outer.startOf(index), outer.stopOf(index));
}

function opOf(bytes: Uint8Array, envelope: Fields, index: number): Op | "m" {
  const start = envelope.startOf(index);
  const isText = envelope.kindOf(index) === STRING && envelope.stopOf(index) === start + 1;
  const op = isText ? OPS.indexOf(String.fromCharCode(bytes[start])) : -1;
  if (op < 0) throw wrong(bytes, envelope, index, "op", `one of ${OPS.join(", ")}`);
  return OPS[op] as Op | "m";
}

function textOf(
  bytes: Uint8Array,
  fields: Fields,
  index: number,
  name: string,
  last: Repeated,
): string {
  const kind = fields.kindOf(index);
  if (kind !== STRING && kind !== ESCAPED) throw wrong(bytes, fields, index, name, "a string");
  return last.of(bytes, fields.startOf(index), fields.stopOf(index), kind);
}

/** A whole number of the source block; 0 where it has none. */
function numberOf(
  bytes: Uint8Array,
  source: Fields,
  name: string,
  min: number,
  max: number,
): number {
  const index = source.shape.indexOf(name);
  if (index < 0 || source.kindOf(index) === NULL) return 0;
  const text = stringOf(bytes, source.startOf(index), source.stopOf(index), STRING);
  const value = Number(text);
  if (source.kindOf(index) !== INTEGER || value < min || value > max) {
    throw wrong(bytes, source, index, `source.${name}`, `a whole number from ${min} to ${max}`);
  }
  return value + 0; // not −0
}

/** A string since Debezium 1.5, a boolean before; `""` for what is no part of a snapshot. */
function snapshotOf(bytes: Uint8Array, source: Fields, topic: Topic): string {
  const index = source.shape.indexOf("snapshot");
  if (index < 0) return "";
  switch (source.kindOf(index)) {
    case NULL:
    case FALSE:
      return "";
    case TRUE:
      return "true";
  }
  const text = textOf(bytes, source, index, "source.snapshot", topic.snapshot);
  return text === "false" ? "" : text;
}

function wrong(
  bytes: Uint8Array,
  fields: Fields,
  index: number,
  name: string,
  allowed: string,
): Malformed {
  const shown = excerpt(bytes, fields.startOf(index), fields.stopOf(index));
  return new Malformed(`"${name}" is ${shown}, and not ${allowed}`);
}
