/**
 * How far Debezium's own snapshot has come, as its records tell: rows of op `r`, all with the LSN
 * at which it was taken. One with another LSN is another snapshot: what was deleted at the source
 * before it has no event, so what is here can't be relied on until the operator has decided.
 */
import type { ChangeHead, KafkaRecord } from "../../decode/decoder.ts";
import type { KafkaSnapshot, Lsn } from "../position.ts";
import type { TableProgress } from "../source.ts";

/** Where a record is. */
type RecordPlace = Pick<KafkaRecord, "topic" | "partition" | "offset" | "timestampMs">;

/** See the top of this file. */
export class SnapshotWatch {
  #phase: KafkaSnapshot["phase"];
  #again: { atMs: number; sinceMs: number; offsets: Record<string, number[]> } | null;
  #lsn: Lsn;
  /** Offsets up to which everything must be read until it is done, by topic and partition. */
  #ends: ReadonlyMap<string, readonly number[]> | null = null;
  readonly #rows = new Map<string, number>();
  /** The snapshot's last record was seen: the ends are to be asked for, and given to `endsAt`. */
  wantsEnds = false;

  constructor(state: KafkaSnapshot, private readonly now: () => number) {
    this.#phase = state.phase;
    this.#lsn = state.lsn;
    this.#again = state.again === null
      ? null
      : { ...state.again, offsets: copy(state.again.offsets) };
    // Its last record may have been applied before the restart; if it was not, it comes again.
    this.wantsEnds = state.phase === "ending";
  }

  /** The state to be stored with a position. */
  get state(): KafkaSnapshot {
    return {
      phase: this.#phase,
      lsn: this.#lsn,
      again: this.#again === null ? null : { ...this.#again, offsets: copy(this.#again.offsets) },
    };
  }

  get isDone(): boolean {
    return this.#phase === "done";
  }

  /** When the snapshot began again (ms since 1970); null: it did not. */
  get againAtMs(): number | null {
    return this.#again?.atMs ?? null;
  }

  get tables(): TableProgress[] {
    return [...this.#rows].map(([table, rows]) => ({
      table,
      rows,
      rowsEstimated: -1,
      done: this.isDone,
    }));
  }

  /** Notes a row of the snapshot, right before it is taken. */
  row(head: ChangeHead, name: string, record: RecordPlace): void {
    if (head.snapshot === "incremental") return;
    const { topic, partition, offset, timestampMs } = record;
    if (head.lsn > this.#lsn && this.#lsn > 0) {
      this.#again = { atMs: this.now(), sinceMs: timestampMs, offsets: {} };
      this.#rows.clear();
      this.#phase = "reading";
      this.#ends = null; // they were those of the one before
      this.wantsEnds = false;
    }
    // Also when a heartbeat or a change had been taken for the sign that there is no snapshot.
    if (this.#phase === "waiting" || this.#lsn === 0) this.#phase = "reading";
    this.#lsn = Math.max(this.#lsn, head.lsn);
    // A row of the snapshot before may still come, from another partition.
    if (this.#again !== null && head.lsn === this.#lsn) {
      (this.#again.offsets[topic] ??= [])[partition] ??= offset;
      this.#again.sinceMs = Math.min(this.#again.sinceMs, timestampMs);
    }
    this.#rows.set(name, (this.#rows.get(name) ?? 0) + 1);
    if (head.snapshot === "last") this.#end();
  }

  /** Notes that something came which is written only when the snapshot is complete. */
  streaming(): void {
    if (this.#phase === "waiting" || this.#phase === "reading") this.#end();
  }

  /** Where the topics ended after the snapshot's last record was seen. */
  endsAt(ends: ReadonlyMap<string, readonly number[]>): void {
    if (!this.wantsEnds) return; // another snapshot has begun since they were asked for
    this.wantsEnds = false;
    this.#ends = ends;
  }

  /** Looks whether all of it has been read. `next` gives a partition's next offset. */
  look(next: (topic: string, partition: number) => number): void {
    if (this.#ends === null) return;
    for (const [topic, partitions] of this.#ends) {
      for (const [partition, end] of partitions.entries()) {
        if (next(topic, partition) < end) return;
      }
    }
    this.#ends = null;
    this.#phase = "done";
  }

  #end(): void {
    this.#phase = "ending";
    this.#ends = null;
    this.wantsEnds = true;
  }
}

function copy(offsets: Readonly<Record<string, readonly number[]>>): Record<string, number[]> {
  return Object.fromEntries(Object.entries(offsets).map(([topic, each]) => [topic, [...each]]));
}
