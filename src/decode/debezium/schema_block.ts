/**
 * The `schema` block that Kafka Connect's JsonConverter puts before each payload. A topic's records
 * carry the same one until the table changes, so that it is compared, and read only when it is new.
 *
 *     schema := { "type", "optional", ["name", "version", "parameters", "default",]
 *                 ["fields": [ schema + "field" ],] ["items": schema] }
 *
 * Source: `JsonSchema` and `JsonConverter` of Kafka Connect 3.3.
 */
import { z } from "zod";
import { Malformed } from "./json.ts";
import { stringOf } from "./json_string.ts";

/** One field's schema. */
export interface FieldSchema {
  /** `int8` … `int64`, `float`, `double`, `boolean`, `string`, `bytes`, `array`, `map`, `struct`. */
  readonly type: string;
  /** The semantic type's name, as `io.debezium.time.Date`. */
  readonly name?: string | null;
  readonly optional?: boolean;
  readonly field?: string;
  readonly default?: unknown;
  readonly parameters?: Readonly<Record<string, string>> | null;
  readonly fields?: readonly FieldSchema[];
  readonly items?: FieldSchema;
}

const FIELD_SCHEMA: z.ZodType<FieldSchema> = z.object({
  type: z.string(),
  name: z.string().nullish(),
  optional: z.boolean().optional(),
  field: z.string().optional(),
  default: z.unknown().optional(),
  parameters: z.record(z.string(), z.string()).nullish(),
  get fields() {
    return z.array(FIELD_SCHEMA).optional();
  },
  get items() {
    return FIELD_SCHEMA.optional();
  },
});

/** One schema, told from others by its bytes. */
export class SchemaBlock {
  #schema: FieldSchema | undefined;

  constructor(readonly bytes: Uint8Array) {}

  isAt(bytes: Uint8Array, start: number, stop: number): boolean {
    const mine = this.bytes;
    if (mine.length !== stop - start) return false;
    for (let i = 0; i < mine.length; i++) if (mine[i] !== bytes[start + i]) return false;
    return true;
  }

  /** The row's columns, in their order: of a key's schema, or of an envelope's `after`. */
  columns(part: "key" | "value"): readonly FieldSchema[] {
    this.#schema ??= parse(this.bytes);
    if (part === "key") return fieldsOf(this.#schema, "the key");
    const envelope = fieldsOf(this.#schema, "the envelope");
    const row = envelope.find(({ field }) => field === "after");
    if (row === undefined) throw new Malformed("a schema without the field after");
    return fieldsOf(row, "after");
  }
}

function fieldsOf({ type, fields }: FieldSchema, what: string): readonly FieldSchema[] {
  if (
    type !== "struct" || fields === undefined || fields.some(({ field }) => field === undefined)
  ) {
    throw new Malformed(`a schema in which ${what} is no struct with named fields`);
  }
  return fields;
}

function parse(bytes: Uint8Array): FieldSchema {
  const { success, data, error } = FIELD_SCHEMA.safeParse(
    JSON.parse(stringOf(bytes, 0, bytes.length, 0)), // it was read as JSON before
  );
  if (!success) throw new Malformed(`a schema that is none: ${z.prettifyError(error)}`);
  return data;
}
