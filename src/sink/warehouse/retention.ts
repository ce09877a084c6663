/**
 * Bounds the change logs (SLUICE_HISTORY_RETENTION): what is older than the horizon goes, except
 * the last version before the horizon of each key that lives there, so that the state at any time
 * from the horizon on can still be told.
 *
 * It works in pieces, each a transaction of its own between the sink's: a pass goes over each log
 * in the order of `_seq`, some thousand changes at a time, with one horizon for the whole pass. In
 * that order nothing comes back to life: a delete goes together with the versions that it ended.
 *
 * A pass looks only at the changes that have become older than the horizon since the last one, and
 * what they end. How far that was stands in the file, so that what a pass takes follows from the
 * traffic, not from how many rows there are, also after a restart.
 */
import { literal, type Table } from "../../catalog/catalog.ts";
import { keyList, logTable, sameKey } from "./tables.ts";

/** A piece looks at this many changes. */
const PIECE_ROWS = 50_000;

/** There is a piece for each so many ms… */
const PIECE_MS_MIN = 1000;
/** …and no more at once than this, when there was no time for them before… */
const PIECES_MAX = 4;
/** …of so many logs, where the first ones have nothing to be cut… */
const LOGS_MAX = 20;
/** …and a pass over all logs begins at most so often. */
const PASS_MS_MIN = 60_000;

/** Of each log, what the last pass over it has done; see {@linkcode Done}. */
export const RETENTION_TABLE = "CREATE TABLE IF NOT EXISTS _sluice.retention " +
  "(schema VARCHAR, name VARCHAR, seq BIGINT, horizon TIMESTAMPTZ)";

/** A change log, and up to which `_seq` it may be cut: the rest is not folded yet. */
export interface Log {
  readonly table: Table;
  readonly untilSeq: number;
  /** Rows that are created or read may be of a key that is there; see fold.ts. */
  readonly mayRepeat: boolean;
}

/** All changes of up to this `_seq`, and older than this horizon, were looked at. */
interface Done {
  readonly seq: string;
  readonly horizon: string;
}

/** Where a pass is. */
interface Pass {
  readonly horizonMs: number;
  readonly logs: Log[];
  /** In the first of `logs`, up to here all is done. */
  seq: number;
  /** What was done of it before this pass; null: nothing, undefined: not looked up yet. */
  done: Done | null | undefined;
}

/** See the top of this file. */
export class Retention {
  #pass: Pass | undefined;
  #dueMs = 0;

  /**
   * `query` answers the rows of a statement, as text; `change` runs one in a transaction of its
   * own. `retentionMs`: how old a change may become.
   */
  constructor(
    private readonly retentionMs: number,
    private readonly query: (sql: string) => Promise<unknown[][]>,
    private readonly change: (sql: string) => Promise<number>,
    private readonly pieceRows = PIECE_ROWS,
  ) {}

  /** Does the pieces whose time has come. `logs` gives all logs, as they are now. */
  async maintain(nowMs: number, logs: () => Log[]): Promise<void> {
    if (nowMs < this.#dueMs) return;
    let left = Math.min(PIECES_MAX, 1 + Math.floor((nowMs - this.#dueMs) / PIECE_MS_MIN));
    let goesOn = true;
    while (goesOn && left-- > 0) goesOn = await this.piece(nowMs, logs);
    this.#dueMs = nowMs + (goesOn ? PIECE_MS_MIN : PASS_MS_MIN);
  }

  /** Does the next piece of the pass, or the first of a new one; returns whether the pass goes on. */
  async piece(nowMs: number, logs: () => Log[]): Promise<boolean> {
    const pass = this.#pass ??= {
      horizonMs: nowMs - this.retentionMs,
      logs: logs(),
      seq: 0,
      done: undefined,
    };
    for (const log of pass.logs.slice(0, LOGS_MAX)) {
      if (pass.done === undefined) pass.done = await this.#done(log.table);
      const end = await this.#endOfPiece(log, pass);
      if (end !== null) {
        await this.change(deleteEnded(log, pass, end, this.pieceRows));
        pass.seq = end;
        return true;
      }
      if (pass.seq > 0) await this.#store(log, pass);
      pass.logs.shift();
      pass.seq = 0;
      pass.done = undefined;
    }
    if (pass.logs.length > 0) return true;
    this.#pass = undefined;
    return false;
  }

  /** Gives up the pass under way: its tables are being replaced. */
  restart(): void {
    this.#pass = undefined;
  }

  /** The last `_seq` of the next piece; null when nothing is left to look at. */
  async #endOfPiece(log: Log, pass: Pass): Promise<number | null> {
    const [[end]] = await this.query(
      `SELECT max(_seq)::VARCHAR FROM (SELECT _seq FROM ${logTable(log.table)} ` +
        `WHERE _seq > ${pass.seq} AND ${isNew(log, pass)} ORDER BY _seq LIMIT ${this.pieceRows})`,
    );
    return end === null ? null : Number(end);
  }

  async #done(table: Table): Promise<Done | null> {
    const [row] = await this.query(
      `SELECT seq::VARCHAR, epoch_us(horizon)::VARCHAR FROM _sluice.retention WHERE ${of(table)}`,
    );
    if (row === undefined) return null;
    return { seq: row[0] as string, horizon: `make_timestamptz(${row[1]})` };
  }

  async #store({ table, untilSeq }: Log, { horizonMs }: Pass): Promise<void> {
    const updated = await this.change(
      `UPDATE _sluice.retention SET seq = ${untilSeq}, horizon = ${time(horizonMs)} ` +
        `WHERE ${of(table)}`,
    );
    if (updated > 0) return;
    const [schema, name] = [table.schema, table.name].map(literal);
    await this.change(
      `INSERT INTO _sluice.retention VALUES (${schema}, ${name}, ${untilSeq}, ${time(horizonMs)})`,
    );
  }
}

/** Whether a change has become older than the horizon since the last pass, and may end others. */
function isNew({ untilSeq, mayRepeat }: Log, { horizonMs, done }: Pass): string {
  const since = done == null ? "" : ` AND (_seq > ${done.seq} OR _at >= ${done.horizon})`;
  const ops = mayRepeat ? "" : " AND _op IN ('u', 'd', 't')";
  return `_seq <= ${untilSeq} AND _at < ${time(horizonMs)}${since}${ops}`;
}

/**
 * Deletes what a piece's changes end: of two versions of a key the earlier one, deletes themselves,
 * and all before a truncate. The LIMIT cuts nothing off; it tells the planner what to build its hash
 * table on (see fold.ts).
 */
function deleteEnded(log: Log, pass: Pass, end: number, pieceRows: number): string {
  const { table, untilSeq } = log;
  const name = logTable(table);
  // What comes before an old change by `_seq` is ended by it, whatever time it has: the rows of
  // Debezium's snapshot have times of their own.
  const isOld = `x._at < ${time(pass.horizonMs)}`;
  return `DELETE FROM ${name} WHERE _seq <= ${untilSeq} AND _seq IN (WITH p AS MATERIALIZED (` +
    `SELECT ${keyList(table)}, _seq, _op FROM ${name} ` +
    `WHERE _seq > ${pass.seq} AND _seq <= ${end} AND ${isNew(log, pass)} LIMIT ${pieceRows}) ` +
    `SELECT least(x._seq, p._seq) FROM ${name} AS x JOIN p ON ${sameKey(table, "x", "p")} ` +
    `WHERE x._seq <> p._seq AND x._seq <= ${untilSeq} AND (x._seq < p._seq OR ${isOld}) ` +
    `UNION ALL SELECT _seq FROM p WHERE _op IN ('d', 't') ` +
    `UNION ALL SELECT x._seq FROM ${name} AS x ` +
    `WHERE x._seq < (SELECT max(_seq) FROM p WHERE _op = 't'))`;
}

function of({ schema, name }: Table): string {
  return `schema = ${literal(schema)} AND name = ${literal(name)}`;
}

function time(ms: number): string {
  return `TIMESTAMPTZ ${literal(new Date(ms).toISOString())}`;
}
