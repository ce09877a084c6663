/** A warehouse with tables and no position: a snapshot from PostgreSQL has begun, and was cut off. */
import { Fault } from "./errors.ts";
import type { SinkState } from "./sink/sink.ts";

/** Throws when what it held would be dropped by a filling that nobody has asked for. */
export function assertEmpty({ tables }: SinkState): void {
  if (tables.length === 0) return;
  throw new Fault("setup", {
    what:
      "this warehouse waits for a snapshot from PostgreSQL, which was begun, and SLUICE_SOURCE " +
      "is kafka now",
    received: `${tables.length} tables, as they were before`,
    todo:
      "Go on with SLUICE_SOURCE=postgres; or drop them and fill the warehouse from the topics: " +
      "`deno task serve --resnapshot`.",
  });
}
