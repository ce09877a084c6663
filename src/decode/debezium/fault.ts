/** What is said about a record that can't be decoded. */
import { type Column, type Table, tableName } from "../../catalog/catalog.ts";
import { Fault, quoted } from "../../errors.ts";
import type { KafkaRecord } from "../decoder.ts";

const TODO =
  "Nothing of its transaction was applied. Look at it with Kafka's own console consumer; " +
  "to pass over such records and keep them apart, set SLUICE_ON_BAD_RECORD=dead-letter.";

/** A value is not of the JSON that its column's form has. */
export class BadForm extends Error {
  override readonly name = "BadForm";
}

/** `received` says what is wrong, and at which byte. */
export function badRecord(
  { topic, partition, offset }: KafkaRecord,
  part: string,
  received: string,
): Fault {
  return new Fault("bad-record", {
    what: `the ${part} of the record at offset ${offset} of ${topic}, partition ${partition}, is ` +
      "not what Debezium writes",
    received,
    allowed: "a change event as JSON, with or without its schema",
    todo: TODO,
  });
}

/** A value of a good record that is not of its column's form. */
export function badForm(
  { topic, partition, offset }: KafkaRecord,
  table: Table,
  { name, sourceType }: Column,
  key: string,
  received: string,
): Fault {
  return new Fault("bad-record", {
    what: `column ${JSON.stringify(name)} (${sourceType}) of ${tableName(table)} has a value of ` +
      `another form, in the row with the key ${key} (offset ${offset} of ${topic}, partition ` +
      `${partition})`,
    received,
    todo: TODO,
  });
}

/** A value that its column can't hold. */
export function badValue(
  { topic, partition, offset }: KafkaRecord,
  table: Table,
  { name, sourceType }: Column,
  key: string,
  received: string,
): Fault {
  return new Fault("bad-value", {
    what: `column ${JSON.stringify(name)} (${sourceType}) of ${tableName(table)} has a value ` +
      `without a counterpart in the warehouse, in the row with the key ${key} (offset ${offset} ` +
      `of ${topic}, partition ${partition})`,
    received,
    todo: TODO,
  });
}

/** A value that a changed key's new row leaves out, when its old row did not come before. */
export function lostUnchanged(
  { topic, partition, offset }: KafkaRecord,
  table: Table,
  { name }: Column,
  key: string,
): Fault {
  return new Fault("bad-value", {
    what:
      `column ${JSON.stringify(name)} of ${tableName(table)} was left out as unchanged when the ` +
      `row's key changed to ${key} (offset ${offset} of ${topic}, partition ${partition}), and the ` +
      "row of its old key is not known",
    allowed: "a key that changes by a topic of one partition, of which the warehouse has the row " +
      "before; or REPLICA IDENTITY FULL",
    todo: TODO,
  });
}

const decoder = new TextDecoder();

/** A piece of a record's text for a message, cut to a sensible length. */
export function excerpt(bytes: Uint8Array, start: number, stop: number): string {
  return quoted(decoder.decode(bytes.subarray(start, Math.min(stop, start + 400))), 80);
}
