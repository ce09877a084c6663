/** What the tests know of a kind of column. */
import type fc from "fast-check";
import type { ColumnType } from "../../catalog/catalog.ts";
import type * as read from "./reference_fixture.ts";
import type { FieldSchema } from "./schema_block.ts";

/** A kind of column under some modes of the connector. */
export interface Kind {
  readonly type: ColumnType;
  readonly typeOid: number;
  readonly typeMod: number;
  readonly sourceType: string;
  readonly schema: FieldSchema;
  /** JSON of a value that is not null, nearly always one that PostgreSQL has. */
  readonly json: fc.Arbitrary<string>;
  readonly read: read.Read;
  /** Its type and reading when only the schema is known, where they are others. */
  readonly derived?: { readonly read: read.Read };
}
