/** Writes records' rows into batches, and numbers them. */
import type { Batch } from "../../batch/batch.ts";
import { type ChangeHead, type DebeziumCodec, type Stop } from "../../decode/decoder.ts";
import type { Lsn } from "../position.ts";
import type { Lane } from "./lane.ts";
import { BLOCKED, manyPartitions, newKeyRecord } from "./one_partition.ts";
import { recallOldRow } from "./recall.ts";
import type { SnapshotWatch } from "./snapshot_watch.ts";
import type { Target } from "./targets.ts";
import type { OpenTransaction } from "./open_transaction.ts";

/** Moves past a lane's head record, which is of this transaction. */
export type Pass = (lane: Lane, transaction: OpenTransaction | undefined) => void;

/** See the top of this file. */
export class RowWriter {
  readonly #scratch: ChangeHead;

  constructor(
    private readonly codec: DebeziumCodec,
    private readonly snapshot: SnapshotWatch,
    private readonly pass: Pass,
    /** The number that the next row gets. */
    public nextSeq: number,
    /** The greatest of any change or commit. */
    public lsn: Lsn,
  ) {
    this.#scratch = codec.head();
  }

  /** Writes the row of a lane's head record, or the two of a change of key, and passes them. */
  write(
    lane: Lane,
    target: Target,
    batch: Batch,
    transaction: OpenTransaction | undefined,
  ): Stop | typeof BLOCKED | undefined {
    const { head, feed, isAlone } = lane;
    const { name, rows } = target;
    const record = feed.head!;
    if (head.op === "t" && !isAlone) return { kind: "fault", fault: manyPartitions(record, name) };
    const pair = head.keyChange === "old" && isAlone
      ? newKeyRecord(lane, this.#scratch, this.codec)
      : undefined;
    if (pair === BLOCKED) return BLOCKED;
    const stop = pair === undefined
      ? rows.decode(record, head, batch, this.nextSeq, lane.oldRow)
      : rows.decodeKeyChange(record, head, pair, this.#scratch, batch, this.nextSeq);
    if (stop?.kind === "fault" && stop.lacksOldRow && isAlone && lane.oldRow === undefined) {
      return { kind: "recall", recall: recallOldRow(lane) };
    }
    if (stop !== undefined) return stop;
    for (let half = pair === undefined ? 1 : 2; half > 0; half--) {
      while (lane.look() && head.op === null) this.pass(lane, undefined); // the tombstone between
      if (head.op === "r") this.snapshot.row(head, name, feed.head!);
      else this.snapshot.streaming();
      lane.remember(this.nextSeq++);
      // A snapshot's rows come whatever the transactions are at, and say nothing of how far these are.
      if (head.op !== "r") this.lsn = Math.max(this.lsn, head.lsn);
      this.pass(lane, transaction);
    }
    return undefined;
  }
}
