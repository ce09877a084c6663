/** What lies in a batch for one table. */
import type { TableLayout } from "./column.ts";

/** What a change is: create, update, delete, read (snapshot), truncate. */
export type Op = "c" | "u" | "d" | "r" | "t";

/** The ops' character codes, as a batch stores them. */
export const OP: Readonly<Record<Op, number>> = { c: 99, u: 117, d: 100, r: 114, t: 116 };

/** The flag of a toastable column whose value was left out as unchanged (ASCII `1`), and of one whose
 * value is given (`0`). */
export const KEPT = 0x31;
export const GIVEN = 0x30;

/** A run of rows of one table; every column lies at its own offset in the slab. */
export interface Chunk {
  readonly capacity: number;
  rows: number;
  /** Byte offset of each column's values. */
  readonly data: readonly number[];
  /** Byte offset of each column's validity bits, one bit a row, 1 for a value, 0 for NULL. */
  readonly validity: readonly number[];
}

/** What belongs to every row of a source transaction. LSN and time are exact as two halves. */
export interface RowHead {
  lsn: number;
  tx: number;
  /** Commit time in µs since 1970, as the high and low 32 bits. */
  atHigh: number;
  atLow: number;
}

/** One table's rows in a batch. */
export class Segment {
  readonly chunks: Chunk[] = [];
  readonly counts: Record<Op, number> = { c: 0, u: 0, d: 0, r: 0, t: 0 };
  /** Which of the layout's toastable columns have an unchanged value, in some row, that the sink
   * must fill in. */
  readonly unchanged: boolean[] = [];
  /** Its first row is a changed key's `c` with unchanged values, whose `d` was written before. */
  isCut = false;
  rows = 0;

  constructor(readonly layout: TableLayout) {}

  /** Some row has an unchanged value. */
  get hasUnchanged(): boolean {
    return this.unchanged.length > 0;
  }
}

/** By name, since a property that is named by a variable is looked up each time. */
export function count(counts: Record<Op, number>, op: Op): void {
  switch (op) {
    case "c":
      counts.c++;
      break;
    case "u":
      counts.u++;
      break;
    case "d":
      counts.d++;
      break;
    case "r":
      counts.r++;
      break;
    case "t":
      counts.t++;
      break;
  }
}
