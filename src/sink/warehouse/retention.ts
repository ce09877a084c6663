/**
 * Bounds the change logs (SLUICE_HISTORY_RETENTION): what is older than the horizon goes, except
 * the last version before the horizon of each key that lives there, so that the state at any time
 * from the horizon on can still be told.
 *
 * It works in pieces, each a transaction of its own between the sink's: a pass goes over each log
 * in the order of `_seq`, some thousand changes at a time, with one horizon for the whole pass. In
 * that order nothing comes back to life: a delete goes after the versions that it ended.
 */
import { literal, type Table } from "../../catalog/catalog.ts";
import { keyList, logTable, sameKey } from "./tables.ts";

/** A piece looks at this many changes. */
const PIECE_ROWS = 50_000;

/** A change log, and up to which `_seq` it may be cut: the rest is not folded yet. */
export interface Log {
  readonly table: Table;
  readonly untilSeq: number;
}

/** Where a pass is. */
interface Pass {
  readonly horizonMs: number;
  readonly logs: Log[];
  /** In the first of `logs`, up to here all is done. */
  seq: number;
}

/** See the top of this file. */
export class Retention {
  #pass: Pass | undefined;

  /**
   * `query` answers the rows of a statement, as text; `change` runs one in a transaction of its
   * own. `retentionMs`: how old a change may become.
   */
  constructor(
    private readonly retentionMs: number,
    private readonly query: (sql: string) => Promise<unknown[][]>,
    private readonly change: (sql: string) => Promise<number>,
  ) {}

  /** Does the next piece of the pass, or the first of a new one; returns whether the pass goes on. */
  async piece(nowMs: number, logs: () => Log[]): Promise<boolean> {
    const pass = this.#pass ??= { horizonMs: nowMs - this.retentionMs, logs: logs(), seq: 0 };
    const [log] = pass.logs;
    if (log === undefined) {
      this.#pass = undefined;
      return false;
    }
    const end = await this.#endOfPiece(log, pass);
    if (end === null) {
      pass.logs.shift();
      pass.seq = 0;
    } else {
      await this.change(deleteOld(log.table, pass, end));
      pass.seq = end;
    }
    return true;
  }

  /** The last `_seq` of the next piece; null when nothing old is left. */
  async #endOfPiece({ table, untilSeq }: Log, { seq, horizonMs }: Pass): Promise<number | null> {
    const [[end]] = await this.query(
      `SELECT max(_seq)::VARCHAR FROM (SELECT _seq FROM ${logTable(table)} WHERE _seq > ${seq} ` +
        `AND _seq <= ${untilSeq} AND _at < ${time(horizonMs)} ORDER BY _seq LIMIT ${PIECE_ROWS})`,
    );
    return end === null ? null : Number(end);
  }
}

function deleteOld(table: Table, { horizonMs, seq }: Pass, end: number): string {
  const log = logTable(table);
  const isOld = (row: string) => `${row}._at < ${time(horizonMs)}`;
  return `DELETE FROM ${log} AS l WHERE l._seq > ${seq} AND l._seq <= ${end} AND ${isOld("l")} ` +
    `AND (l._op IN ('d', 't') OR ` +
    `l._seq < (SELECT max(t._seq) FROM ${log} AS t WHERE t._op = 't' AND ${isOld("t")}) OR ` +
    `l._seq IN (SELECT p._seq FROM (SELECT _seq, ${keyList(table)} FROM ${log} ` +
    `WHERE _seq > ${seq} AND _seq <= ${end}) AS p ` +
    `JOIN ${log} AS n ON ${sameKey(table, "n", "p")} ` +
    `WHERE n._seq > p._seq AND n._seq > ${seq} AND ${isOld("n")}))`;
}

function time(ms: number): string {
  return `TIMESTAMPTZ ${literal(new Date(ms).toISOString())}`;
}
