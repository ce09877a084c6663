/**
 * Decodes logical replication messages (pgoutput, protocol version 1) from CopyData messages:
 *
 *     message  := 'd' length:int32 ( xlog | keepalive )
 *     xlog     := 'w' start:int64 end:int64 time:int64 change
 *     keepalive:= 'k' end:int64 time:int64 reply:int8
 *     change   := begin | commit | relation | insert | update | delete | truncate | …
 *     begin    := 'B' commitLsn:int64 commitTime:int64 xid:int32
 *     commit   := 'C' flags:int8 commitLsn:int64 endLsn:int64 commitTime:int64
 *     insert   := 'I' relation:int32 'N' tuple
 *     update   := 'U' relation:int32 [ ('K' | 'O') tuple ] 'N' tuple
 *     delete   := 'D' relation:int32 ('K' | 'O') tuple
 *     truncate := 'T' count:int32 options:int8 { relation:int32 }
 *     tuple    := columns:int16 { 'n' | 'u' | ('t' | 'b') length:int32 byte{length} }
 *
 * `K` holds the key's columns of the old row, `O` all of it; `n` is NULL, `u` a stored-apart value
 * that did not change, `t` text, `b` binary.
 *
 * Source: "Logical Replication Message Formats" in PostgreSQL 14's manual, 53.9;
 * `src/backend/replication/logical/proto.c`.
 */
import { type Batch, type Chunk, GIVEN, KEPT, type Op, type RowHead } from "../batch/batch.ts";
import type { TableLayout } from "../batch/column.ts";
import { Fault } from "../errors.ts";
import { COMMIT, type Decoder, END, FULL, type Input, type Stop } from "./decoder.ts";
import { badValue } from "./fault.ts";
import { assertSame, parseRelation, schemaChanged } from "./relation.ts";
import { readTimestamp } from "./time.ts";
import { fieldAt, hasUnchanged, keyChanged, NULL, skipTuple, UNCHANGED } from "./tuple.ts";
import { BadValue } from "./value_error.ts";
import { type ColumnDecoder, columnDecoders, EXPANSION_MAX, putBinary, putText } from "./values.ts";

const HEADER_BYTES = 5; // of a CopyData message
const XLOG_BYTES = HEADER_BYTES + 1 + 8 + 8 + 8;
const TEXT = 116; // t
const OLD_KEY = 75; // K
const OLD_ROW = 79; // O

/** A table of the stream: the layout, and what a row's decoding needs besides. */
interface Target {
  readonly layout: TableLayout;
  readonly columns: readonly ColumnDecoder[];
  /** Which columns are the key. */
  readonly inKey: readonly boolean[];
  /** Scratch for a row's unchanged flags, and whether any is set. */
  readonly flags: Uint8Array;
}

/** See the top of this file. One per connection: relations are learnt anew on each. */
export class PgoutputDecoder implements Decoder {
  readonly #byOid: ReadonlyMap<number, TableLayout>;
  /** What was announced; null: a table that is not ours, whose changes are passed over. */
  readonly #relations = new Map<number, Target | null>();
  /** How many tables of the TRUNCATE that comes next are done. */
  #truncated = 0;
  readonly #head: RowHead = { lsn: 0, tx: 0, atHigh: 0, atLow: 0 };
  #commitTimeMs = 0;
  inTransaction = false;
  serverLsn = 0;
  serverWaits = false;

  /** `decodedLsn` starts as the position that the stream was asked for. */
  constructor(
    layouts: readonly TableLayout[],
    public decodedLsn: number,
    public nextSeq: number,
    private readonly passOver = false,
  ) {
    this.#byOid = new Map(layouts.map((layout) => [layout.table.oid, layout]));
  }

  decode(input: Input, batch: Batch): Stop {
    try {
      return this.#decode(input, batch);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // a RangeError is a read beyond the message
      return { kind: "fault", fault: malformed(error.message) };
    }
  }

  #decode(input: Input, batch: Batch): Stop {
    const { bytes, view } = input;
    if (this.inTransaction) batch.beginTransaction(this.#commitTimeMs);
    while (input.at < input.end) {
      const start = input.at;
      const end = start + 1 + view.getInt32(start + 1);
      let stop: Stop | undefined;
      if (bytes[start + HEADER_BYTES] === 0x77 /* w */) {
        stop = this.#change(input, start + XLOG_BYTES, end, batch);
      } else if (bytes[start + HEADER_BYTES] === 0x6b /* k */) {
        this.#keepalive(readLsn(view, start + HEADER_BYTES + 1));
        this.serverWaits = bytes[end - 1] === 1;
      } else stop = unknown("replication", bytes[start + HEADER_BYTES]);
      if (stop?.kind === "full" || stop?.kind === "fault") return stop;
      input.at = end;
      if (stop !== undefined) return stop;
    }
    return END;
  }

  #keepalive(serverLsn: number): void {
    this.serverLsn = Math.max(this.serverLsn, serverLsn);
    if (!this.inTransaction) this.decodedLsn = Math.max(this.decodedLsn, serverLsn);
  }

  #change(input: Input, at: number, end: number, batch: Batch): Stop | undefined {
    const { bytes, view } = input;
    switch (bytes[at]) {
      case 0x42: // Begin
        this.#head.lsn = readLsn(view, at + 1);
        readTimestamp(view, at + 9, this.#head);
        this.#head.tx = view.getUint32(at + 17);
        this.#commitTimeMs = (this.#head.atHigh * 0x1_0000_0000 + this.#head.atLow) / 1000;
        this.inTransaction = true;
        batch.beginTransaction(this.#commitTimeMs);
        return undefined;
      case 0x43: // Commit
        this.inTransaction = false;
        this.decodedLsn = readLsn(view, at + 10);
        this.serverLsn = Math.max(this.serverLsn, this.decodedLsn);
        batch.endTransaction(this.#commitTimeMs);
        return COMMIT;
      case 0x52: // Relation
        return this.#relation(input, at);
      case 0x49: // Insert
        return this.#insert(input, at, end, batch);
      case 0x55: // Update
        return this.#update(input, at, end, batch);
      case 0x44: // Delete
        return this.#delete(input, at, end, batch);
      case 0x54: // Truncate
        return this.#truncate(input, at, batch);
      case 0x59: // Type: names a type; the catalogue knows it
      case 0x4f: // Origin
      case 0x4d: // Message: not asked for, not a row
        return undefined;
      default:
        return unknown("pgoutput", bytes[at]);
    }
  }

  #relation(input: Input, at: number): Stop | undefined {
    const relation = parseRelation(input.bytes, input.view, at);
    const name = `${relation.schema}.${relation.name}`;
    const layout = this.#byOid.get(relation.id);
    if (layout === undefined && this.passOver) {
      this.#relations.set(relation.id, null);
      return undefined;
    }
    try {
      if (layout === undefined) {
        throw schemaChanged(name, [
          "it is published, but the snapshot did not have it (it is new, or was made again)",
        ]);
      }
      assertSame(relation, layout.table);
    } catch (error) {
      if (error instanceof Fault) return { kind: "fault", fault: error };
      throw error;
    }
    this.#relations.set(relation.id, {
      layout,
      columns: columnDecoders(layout),
      inKey: layout.table.columns.map((_, i) => layout.table.key.includes(i)),
      flags: new Uint8Array(layout.toastable.length),
    });
    // With REPLICA IDENTITY FULL the message doesn't say which columns are the key.
    return relation.identity === "f" ? { kind: "verify", table: layout.table } : undefined;
  }

  #insert(input: Input, at: number, end: number, batch: Batch): Stop | undefined {
    const target = this.#relations.get(input.view.getUint32(at + 1));
    if (target === undefined) return unannounced(input.view.getUint32(at + 1));
    if (target === null) return undefined;
    if (!this.#makeRoom(batch, target, 1, end - at)) return FULL;
    return this.#row(input, at + 6, end, 0, batch, target, "c");
  }

  #delete(input: Input, at: number, end: number, batch: Batch): Stop | undefined {
    const target = this.#relations.get(input.view.getUint32(at + 1));
    if (target === undefined) return unannounced(input.view.getUint32(at + 1));
    if (target === null) return undefined;
    if (!this.#makeRoom(batch, target, 1, end - at)) return FULL;
    return this.#row(input, at + 6, end, 0, batch, target, "d");
  }

  #update(input: Input, at: number, end: number, batch: Batch): Stop | undefined {
    const { bytes, view } = input;
    const target = this.#relations.get(view.getUint32(at + 1));
    if (target === undefined) return unannounced(view.getUint32(at + 1));
    if (target === null) return undefined;
    const tag = bytes[at + 5];
    const old = tag === OLD_KEY || tag === OLD_ROW ? at + 6 : 0;
    const fresh = old === 0 ? at + 6 : skipTuple(input, old) + 1;
    if (old === 0 || !keyChanged(input, old, fresh, target.inKey)) {
      if (!this.#makeRoom(batch, target, 1, end - at)) return FULL;
      return this.#row(input, fresh, end, old, batch, target, "u");
    }
    // A change of key: the old key goes, the new one comes. Where it keeps a stored value, that is
    // found under the old key, so nothing else may have happened to the table in this batch.
    const rows = batch.segments.get(target.layout)?.rows ?? 0;
    if (rows > 0 && hasUnchanged(input, fresh)) return FULL;
    if (!this.#makeRoom(batch, target, 2, end - at)) return FULL;
    return this.#row(input, old, end, 0, batch, target, "d") ??
      this.#row(input, fresh, end, old, batch, target, "c");
  }

  #truncate(input: Input, at: number, batch: Batch): Stop | undefined {
    // What came before it must be applied first; it starts a batch of its own.
    if (batch.rows > 0) return FULL;
    const { view } = input;
    for (const count = view.getInt32(at + 1); this.#truncated < count; this.#truncated++) {
      const id = view.getUint32(at + 6 + this.#truncated * 4);
      const target = this.#relations.get(id);
      if (target === undefined) return unannounced(id);
      if (target === null) continue;
      const { layout } = target;
      if (!this.#makeRoom(batch, target, 1, 0)) return FULL; // the others go into the next batch
      batch.putNullRow(layout);
      batch.endRow(layout, "t", this.nextSeq++, this.#head);
    }
    this.#truncated = 0;
    return undefined;
  }

  #makeRoom(batch: Batch, target: Target, rows: number, messageBytes: number): boolean {
    const { layout } = target;
    // A change of key may put a value of the old row into both of its rows.
    const expansion = rows * (layout.mayExpand ? EXPANSION_MAX : 1);
    const bytes = messageBytes * expansion + target.flags.length;
    if (batch.reserve(layout, rows, bytes)) return true;
    if (batch.rows > 0) return false;
    batch.enlarge(layout, rows, bytes);
    return batch.reserve(layout, rows, bytes);
  }

  /** Decodes the tuple at `at`, in a message up to `end`. `old` (0: none) is where the old tuple's values can be found. */
  #row(
    input: Input,
    at: number,
    end: number,
    old: number,
    batch: Batch,
    target: Target,
    op: Op,
  ): Stop | undefined {
    const { layout, columns, flags } = target;
    const { bytes, view } = input;
    const tuple = at;
    const mark = batch.mark;
    const chunk = batch.beginRow(layout);
    const row = chunk.rows;
    let unchanged = false;
    let column: ColumnDecoder | undefined;
    try {
      const count = view.getInt16(at);
      if (count !== columns.length) throw new RangeError(`a tuple of ${count} columns`);
      at += 2;
      for (let i = 0; i < count; i++) {
        column = columns[i];
        const tag = bytes[at++];
        if (tag === NULL) batch.putNull(chunk, column.at, row, column.isString);
        else if (tag === UNCHANGED) {
          if (old !== 0 && this.#putOld(input, old, i, batch, chunk, column)) continue;
          if (column.toast < 0) {
            throw new BadValue("left out as unchanged, which its type can't be");
          }
          batch.putNull(chunk, column.at, row, column.isString);
          if (!unchanged) flags.fill(GIVEN);
          flags[column.toast] = KEPT;
          unchanged = true;
        } else {
          const length = view.getInt32(at);
          at += 4;
          if (length < 0 || at + length > end) throw new RangeError(`a value of ${length} bytes`);
          this.#put(input, tag, batch, chunk, column, at, at + length);
          at += length;
        }
      }
    } catch (error) {
      const fault = badValue(error, layout, chunk, column, batch, (i) => {
        const field = fieldAt(input, tuple, i);
        const length = view.getInt32(field + 1);
        this.#put(input, bytes[field], batch, chunk, columns[i], field + 5, field + 5 + length);
      });
      batch.abandonRow(layout, mark);
      return { kind: "fault", fault };
    }
    if (unchanged) batch.putUnchanged(layout, flags);
    batch.endRow(layout, op, this.nextSeq++, this.#head);
    return undefined;
  }

  #put(
    input: Input,
    tag: number,
    batch: Batch,
    chunk: Chunk,
    column: ColumnDecoder,
    start: number,
    end: number,
  ): void {
    if (tag === TEXT) putText(batch, chunk, chunk.rows, column, input.bytes, start, end);
    else putBinary(batch, chunk, chunk.rows, column, input.bytes, input.view, start, end);
  }

  /** Takes an unchanged value from the old tuple, where it has one. */
  #putOld(
    input: Input,
    old: number,
    index: number,
    batch: Batch,
    chunk: Chunk,
    column: ColumnDecoder,
  ): boolean {
    const at = fieldAt(input, old, index);
    const tag = input.bytes[at];
    if (tag === NULL || tag === UNCHANGED) return false;
    const length = input.view.getInt32(at + 1);
    this.#put(input, tag, batch, chunk, column, at + 5, at + 5 + length);
    return true;
  }
}

function malformed(received: string): Fault {
  return new Fault("protocol", {
    what: "a replication message is not as PostgreSQL 14 sends it",
    received,
    todo: "Nothing of its transaction was applied. Start again; if it comes back, report it.",
  });
}

/** An unsigned 64-bit number of the WAL; a number beyond 2^53 does not occur (position.ts). */
function readLsn(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

function unknown(what: string, byte: number): Stop {
  const fault = new Fault("protocol", {
    what: `a ${what} message of an unknown kind`,
    received: JSON.stringify(String.fromCharCode(byte)),
    todo: "Report it, with the server's version.",
  });
  return { kind: "fault", fault };
}

function unannounced(id: number): Stop {
  const fault = new Fault("protocol", {
    what: "a change of a relation that was not announced",
    received: `relation ${id}`,
    todo: "Report it, with the server's version.",
  });
  return { kind: "fault", fault };
}
