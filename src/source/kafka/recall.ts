/** Asks the sink which of a lane's next records were applied before: see decoder.ts's `Recall`. */
import { tableName } from "../../catalog/catalog.ts";
import type { ChangeHead, DebeziumCodec, DebeziumRows, Recall } from "../../decode/decoder.ts";
import type { Lane } from "./lane.ts";

/** So many at once: they come in runs, after a crash of the connector. */
const RECORDS_MAX = 10_000;

/**
 * About the run of records at the lane's head that are of one table. `rowsOf` gives its decoder, if
 * the table was met before; a table that was not has no change that was applied.
 */
export function recallOf(
  lane: Lane,
  rowsOf: (name: string) => DebeziumRows | undefined,
  scratch: ChangeHead,
  codec: DebeziumCodec,
): Recall {
  const offsets: number[] = [];
  const passed: number[] = [];
  return {
    of: "rows",
    fill: (batch) => {
      const name = tableName({ schema: lane.head.schema, name: lane.head.table });
      const rows = rowsOf(name);
      for (let ahead = 0; ahead < RECORDS_MAX; ahead++) {
        const record = lane.feed.peek(ahead);
        if (record === undefined) break;
        // A record that can't be read is none that was applied: it is met again in its turn.
        const isRead = codec.scan(record, scratch) === undefined;
        if (isRead && (scratch.op === null || scratch.op === "m")) continue;
        if (isRead && tableName({ schema: scratch.schema, name: scratch.table }) !== name) break;
        if (!isRead || rows === undefined) {
          passed.push(record.offset);
          continue;
        }
        const stop = rows.decodeKey(record, scratch, batch, offsets.length + 1);
        if (stop?.kind === "full") break;
        (stop === undefined ? offsets : passed).push(record.offset);
      }
    },
    answer: (originals) => {
      offsets.forEach((offset, i) => lane.recalled(offset, originals[i]));
      for (const offset of passed) lane.recalled(offset, 0);
    },
  };
}

/** About the row that the lane's head record, the `c` of a changed key, had under its old one. */
export function recallOldRow(lane: Lane): Recall {
  const { table, head: { lsn, tx } } = lane;
  return { of: "deleted", table, lsn, tx, answer: (isThere) => lane.oldRow = isThere };
}
