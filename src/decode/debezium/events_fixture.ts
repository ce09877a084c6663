/** Events written as a connector might: in any order of keys, with any white space, either way of schemas. */
import type { FieldSchema } from "./schema_block.ts";

/** An object's fields as JSON texts, or objects inside it. */
export type Parts = [name: string, value: string | Parts][];

/** How an event is written. */
export interface Style {
  /** Keys in the order of Debezium, or shuffled by this seed. */
  readonly shuffle: number | null;
  /** No white space, or some by this seed. */
  readonly spaces: number | null;
}

/** Debezium's own way. */
export const DEBEZIUM: Style = { shuffle: null, spaces: null };

/** Numbers from 0 to 1, the same for the same seed. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

/** The text of an object in a style. */
export function write(parts: Parts, style: Style): string {
  const order = style.shuffle === null ? () => 0 : random(style.shuffle);
  const space = style.spaces === null ? () => 0 : random(style.spaces);
  const gap = () => {
    const roll = space();
    return roll < 0.6 ? "" : roll < 0.8 ? " " : roll < 0.9 ? "\n\t" : "\r\n  ";
  };
  const object = (parts: Parts): string => {
    const shuffled = style.shuffle === null
      ? parts
      : parts.map((part) => [order(), part] as const).sort((a, b) => a[0] - b[0]).map(([, p]) => p);
    const fields = shuffled.map(([name, value]) =>
      `${gap()}${JSON.stringify(name)}${gap()}:${gap()}` +
      `${typeof value === "string" ? value : object(value)}${gap()}`
    );
    return `{${fields.join(",") || gap()}}`;
  };
  return gap() + object(parts) + gap();
}

/** What an event says beside its rows. */
export interface Facts {
  readonly op: string;
  readonly lsn?: number;
  readonly tx?: number;
  readonly atMs?: number;
  readonly snapshot?: string;
  readonly transaction?: string | null;
  readonly table?: string;
}

/** The envelope's parts. */
export function envelope(before: string | Parts, after: string | Parts, facts: Facts): Parts {
  const { lsn = 311630592, tx = 779, atMs = 1_700_000_000_123, snapshot = '"false"' } = facts;
  const { transaction = null, table = "t" } = facts;
  return [
    ["before", before],
    ["after", after],
    ["source", [
      ["version", '"2.3.4.Final"'],
      ["connector", '"postgresql"'],
      ["name", '"bank"'],
      ["ts_ms", String(atMs)],
      ["snapshot", snapshot],
      ["db", '"bank"'],
      ["sequence", '"[\\"311630384\\",\\"311630592\\"]"'],
      ["schema", '"public"'],
      ["table", JSON.stringify(table)],
      ["txId", String(tx)],
      ["lsn", String(lsn)],
      ["xmin", "null"],
    ]],
    ["op", JSON.stringify(facts.op)],
    ["ts_ms", String(atMs + 77)],
    [
      "transaction",
      transaction === null ? "null" : [
        ["id", JSON.stringify(transaction)],
        ["total_order", "1"],
        ["data_collection_order", "1"],
      ],
    ],
  ];
}

/** A struct's schema of these fields. */
export function struct(fields: readonly FieldSchema[], field?: string): FieldSchema {
  return { type: "struct", fields, optional: field !== undefined, name: "bank.public.t.X", field };
}

/** The schema of an envelope whose rows have these fields. */
export function envelopeSchema(fields: readonly FieldSchema[]): FieldSchema {
  const plain = (field: string, type: string): FieldSchema => ({ type, optional: true, field });
  return struct([
    struct(fields, "before"),
    struct(fields, "after"),
    struct([plain("version", "string"), plain("lsn", "int64")], "source"),
    plain("op", "string"),
    plain("ts_ms", "int64"),
  ]);
}

/** An object wrapped as JsonConverter wraps it. */
export function wrapped(schema: FieldSchema, payload: Parts): Parts {
  return [["schema", JSON.stringify(schema)], ["payload", payload]];
}
