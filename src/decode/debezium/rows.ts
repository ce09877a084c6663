/**
 * One table's records into a batch. A row is planned first (where each of its values comes from),
 * then there must be room for it, then it is written; what goes wrong on the way leaves nothing.
 *
 * | op | key columns | other columns |
 * | --- | --- | --- |
 * | c, r | the record's key | `after` |
 * | u | the record's key | `after`; in place of an unchanged value that of `before`, if it is a row |
 * | d | the record's key | `before` if it is a row, else NULL |
 * | t | NULL | NULL |
 *
 * The `c` of a changed key may leave values out too, which its `d` then leads to: so the two are
 * written together, and a `c` by itself that lacks a value is a fault, unless the sink has the row of
 * the `d` that was written before.
 *
 * Whether `before` is a row depends on the replica identity; see before.ts.
 */
import type { Batch, Op } from "../../batch/batch.ts";
import { META_COUNT, type TableLayout } from "../../batch/column.ts";
import { tableName } from "../../catalog/catalog.ts";
import { Fault } from "../../errors.ts";
import {
  type ChangeHead,
  type DebeziumRows,
  FULL,
  type KafkaRecord,
  type Stop,
} from "../decoder.ts";
import { BadValue } from "../value_error.ts";
import type { DebeziumOptions } from "./column_reader.ts";
import { BadForm, badForm, badRecord, badValue, excerpt, lostUnchanged } from "./fault.ts";
import type { DebeziumHead } from "./head.ts";
import { Malformed } from "./json.ts";
import { Columns } from "./columns.ts";
import { From, Plan } from "./plan.ts";
import { Route } from "./route.ts";
import { putValue } from "./values.ts";

/** Bytes for a row's unchanged flags beside its values. */
const FLAGS_SLACK = 16;

/** See the top of this file. */
export class TableRows implements DebeziumRows {
  readonly #columns: Columns;
  readonly #plan: Plan;
  readonly #other: Plan;
  #route: Route | undefined;

  constructor(private readonly layout: TableLayout, options: DebeziumOptions) {
    this.#columns = new Columns(layout, options);
    this.#plan = new Plan(this.#columns);
    this.#other = new Plan(this.#columns);
  }

  decode(
    record: KafkaRecord,
    head: ChangeHead,
    batch: Batch,
    seq: number,
    hasOldRow = false,
  ): Stop | undefined {
    const own = head as DebeziumHead;
    if (own.op === "t") return this.#truncate(own, batch, seq);
    const isNewKey = own.keyChange === "new";
    const direct = isNewKey ? null : this.#direct(record, own, batch, seq);
    if (direct !== null) return direct;
    const plan = this.#plan;
    try {
      plan.make(record, own, own.op === "u" || isNewKey, null, null);
    } catch (error) {
      return this.#fault(error, record, own, plan.column);
    }
    const isCut = isNewKey && plan.hasUnchanged;
    if (isCut && !hasOldRow) {
      const column = this.layout.table.columns[plan.from.indexOf(From.unchanged)];
      const fault = lostUnchanged(record, this.layout.table, column, this.#keyText(record, own));
      return { kind: "fault", fault, lacksOldRow: true };
    }
    if (isCut && this.#rowsIn(batch) > 0) return FULL;
    if (!this.#makeRoom(batch, 1, plan.bytes)) return FULL;
    const mark = batch.mark;
    try {
      this.#write(plan, batch);
    } catch (error) {
      batch.abandonRow(this.layout, mark);
      return this.#fault(error, record, own, plan.column);
    }
    batch.endRow(this.layout, own.op as Op, seq, own);
    if (isCut) batch.segments.get(this.layout)!.isCut = true;
    return undefined;
  }

  decodeKey(record: KafkaRecord, head: ChangeHead, batch: Batch, seq: number): Stop | undefined {
    const own = head as DebeziumHead;
    const plan = this.#plan;
    try {
      if (own.op === "t") plan.bytes = 0;
      else plan.makeKey(record, own);
    } catch (error) {
      return this.#fault(error, record, own, plan.column);
    }
    if (!this.#makeRoom(batch, 1, plan.bytes)) return FULL;
    const mark = batch.mark;
    try {
      if (own.op === "t") batch.putNullRow(this.layout);
      else this.#write(plan, batch);
    } catch (error) {
      batch.abandonRow(this.layout, mark);
      return this.#fault(error, record, own, plan.column);
    }
    batch.endRow(this.layout, own.op as Op, seq, own);
    return undefined;
  }

  decodeKeyChange(
    old: KafkaRecord,
    oldHead: ChangeHead,
    fresh: KafkaRecord,
    freshHead: ChangeHead,
    batch: Batch,
    seq: number,
  ): Stop | undefined {
    const [ownOld, ownFresh] = [oldHead as DebeziumHead, freshHead as DebeziumHead];
    const { layout } = this;
    const first = this.#plan;
    const second = this.#other;
    try {
      first.make(old, ownOld, false, null, null);
    } catch (error) {
      return this.#fault(error, old, ownOld, first.column);
    }
    try {
      second.make(fresh, ownFresh, true, old, ownOld);
    } catch (error) {
      return this.#fault(error, fresh, ownFresh, second.column);
    }
    // What `c` leaves out is found under the old key, so nothing else may have happened to it.
    if (second.hasUnchanged && this.#rowsIn(batch) > 0) return FULL;
    if (!this.#makeRoom(batch, 2, first.bytes + second.bytes)) return FULL;
    const mark = batch.mark;
    try { // tried, and taken back: once the first row is there, the second must not fail
      this.#write(second, batch);
    } catch (error) {
      batch.abandonRow(layout, mark);
      return this.#fault(error, fresh, ownFresh, second.column);
    }
    batch.abandonRow(layout, mark);
    try {
      this.#write(first, batch);
    } catch (error) {
      batch.abandonRow(layout, mark);
      return this.#fault(error, old, ownOld, first.column);
    }
    batch.endRow(layout, "d", seq, ownOld);
    this.#write(second, batch);
    batch.endRow(layout, "c", seq + 1, ownFresh);
    return undefined;
  }

  /** Takes the short way: null when it leads nowhere, and nothing has happened. */
  #direct(
    { key, value }: KafkaRecord,
    head: DebeziumHead,
    batch: Batch,
    seq: number,
  ): Stop | undefined | null {
    const route = this.#route;
    if (key === null || value === null || head.op === "d" || !head.after.isPresent) return null;
    if (route === undefined || !route.isOf(head)) return this.#learn(head);
    if (!route.isOpen) return null;
    const { layout } = this;
    if (!this.#makeRoom(batch, 1, key.length + head.after.stop - head.after.start)) return FULL;
    const mark = batch.mark;
    const chunk = batch.beginRow(layout);
    try {
      if (route.write(head, value.bytes, key.bytes, batch, chunk)) {
        if (head.op === "u") this.#columns.isFull = head.before.isPresent;
        batch.endRow(layout, head.op as Op, seq, head);
        return undefined;
      }
    } catch (error) { // the plan will meet it again, and say what it is about
      if (!(error instanceof BadValue || error instanceof BadForm)) throw error;
    }
    batch.abandonRow(layout, mark);
    return null;
  }

  /** Makes the short way for the next records like this one, if it is one of this table. */
  #learn(head: DebeziumHead): null {
    const { after, key, valueSchema, keySchema } = head;
    if (!key.isPresent) return null;
    try {
      const { layout } = this;
      this.#route = new Route(
        layout,
        this.#columns,
        after.shape,
        valueSchema,
        key.shape,
        keySchema,
      );
    } catch (error) { // the plan will meet it again
      if (!(error instanceof Fault || error instanceof Malformed)) throw error;
      this.#route = undefined;
    }
    return null;
  }

  #truncate(head: DebeziumHead, batch: Batch, seq: number): Stop | undefined {
    if (batch.rows > 0) return FULL; // what came before it must be applied first
    if (!this.#makeRoom(batch, 1, 0)) return FULL;
    batch.putNullRow(this.layout);
    batch.endRow(this.layout, "t", seq, head);
    return undefined;
  }

  #rowsIn(batch: Batch): number {
    return batch.segments.get(this.layout)?.rows ?? 0;
  }

  #makeRoom(batch: Batch, rows: number, valueBytes: number): boolean {
    const { layout } = this;
    const bytes = valueBytes + rows * (layout.toastable.length + FLAGS_SLACK);
    if (batch.reserve(layout, rows, bytes)) return true;
    if (batch.rows > 0) return false;
    batch.enlarge(layout, rows, bytes);
    return batch.reserve(layout, rows, bytes);
  }

  /** Writes all of a row's values; `plan.column` is the one that a thrown error is about. */
  #write(plan: Plan, batch: Batch): void {
    const { layout } = this;
    const chunk = batch.beginRow(layout);
    const row = chunk.rows;
    const count = layout.table.columns.length;
    for (let i = 0; i < count; i++) {
      plan.column = i;
      const from = plan.from[i];
      if (from === From.null || from === From.unchanged) {
        const at = META_COUNT + i;
        batch.putNull(chunk, at, row, layout.columns[at].isString);
        continue;
      }
      const start = plan.starts[i];
      const stop = plan.stops[i];
      if (from === From.scratch) {
        batch.putString(chunk, META_COUNT + i, row, plan.scratch, start, stop);
        continue;
      }
      const reader = plan.readers[from][i]!;
      putValue(batch, chunk, row, reader, plan.sources[from], start, stop, plan.kinds[i]);
    }
    if (plan.hasUnchanged) batch.putUnchanged(layout, plan.flags);
  }

  #fault(error: unknown, record: KafkaRecord, head: DebeziumHead, column: number): Stop {
    if (error instanceof Fault) return { kind: "fault", fault: error };
    const { table } = this.layout;
    const about = table.columns[column];
    if (error instanceof BadValue && about !== undefined) {
      const fault = badValue(record, table, about, this.#keyText(record, head), error.message);
      return { kind: "fault", fault };
    }
    const isForm = error instanceof BadForm || error instanceof Malformed;
    if (isForm && about !== undefined) {
      const fault = badForm(record, table, about, this.#keyText(record, head), error.message);
      return { kind: "fault", fault };
    }
    if (isForm) {
      const part = `row of ${tableName(table)} in the value`;
      return { kind: "fault", fault: badRecord(record, part, error.message) };
    }
    throw error;
  }

  /** `id=1, at="x"`: the key as the record writes it. */
  #keyText({ key }: KafkaRecord, head: DebeziumHead): string {
    const { table } = this.layout;
    return table.key.map((i) => {
      const { name } = table.columns[i];
      const at = head.key.shape.indexOf(name);
      if (key === null || at < 0) return `${name}=?`;
      return `${name}=${excerpt(key.bytes, head.key.startOf(at), head.key.stopOf(at))}`;
    }).join(", ");
  }
}
