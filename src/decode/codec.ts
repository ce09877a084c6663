/** PostgreSQL's decoders as its source takes them, so that neither stage knows the other's inside. */
import { copyColumns, CopyDecoder } from "./copy_binary.ts";
import type { PostgresCodec } from "./decoder.ts";
import { PgoutputDecoder } from "./pgoutput.ts";
import { hasBinary } from "./values.ts";

export const postgresCodec: PostgresCodec = {
  isBinary: (layouts) => layouts.every((layout) => layout.table.columns.every(hasBinary)),
  stream: (layouts, from, nextSeq, passOver) =>
    new PgoutputDecoder(layouts, from, nextSeq, passOver),
  copyColumns,
  copy: (layout, head) => new CopyDecoder(layout, head),
};
