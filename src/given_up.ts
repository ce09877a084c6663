/** A warehouse that waits for a snapshot from PostgreSQL, and is to be filled from topics. */
import { Fault } from "./errors.ts";
import { logger } from "./log.ts";
import type { SinkState } from "./sink/sink.ts";

const log = logger("pipeline");

/** Throws when what it held would be dropped and nobody has asked for that; warns of a slot that was
 * made for it. */
export function leavePostgres({ tables, snapshot }: SinkState, isAsked: boolean): void {
  const drop = snapshot === null
    ? ""
    : ` At the source, pg_drop_replication_slot('${snapshot.slot}') drops the slot that was made ` +
      "for it, which else keeps the WAL.";
  if (tables.length > 0 && !isAsked) {
    throw new Fault("setup", {
      what:
        "this warehouse waits for a snapshot from PostgreSQL, which was begun, and SLUICE_SOURCE " +
        "is kafka now",
      received: `${tables.length} tables, as they were before`,
      todo:
        "Go on with SLUICE_SOURCE=postgres; or drop them and fill the warehouse from the topics: " +
        `\`deno task serve --resnapshot\`.${drop}`,
    });
  }
  if (snapshot !== null) log.warn(`a snapshot from PostgreSQL was begun and is given up.${drop}`);
}
