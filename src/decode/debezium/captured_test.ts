/**
 * Every captured event against plain code: by what its schema says, or else by what its JSON shows.
 * What lands in DuckDB's change log is compared, with unchanged values filled in.
 */
import assert from "node:assert/strict";
import type { Batch } from "../../batch/batch.ts";
import type { TableLayout } from "../../batch/column.ts";
import type { DebeziumRows, KafkaRecord, Stop } from "../decoder.ts";
import { debeziumCodec, type DebeziumOptions } from "./codec.ts";
import {
  canonical,
  canonicalValue,
  captured,
  isObj,
  type Obj,
  readsOf,
  recordsOf,
  unwrap,
} from "./corpus_fixture.ts";
import { Landing, layoutOf, newBatch } from "./landing_fixture.ts";
import { Bad, Num, parseJson, type Read, same } from "./reference_fixture.ts";

const PLACEHOLDER = "__debezium_unavailable_value";

/** How the connector was set up, from the file's name. */
function optionsOf(name: string): Partial<DebeziumOptions> {
  if (name.includes("precise")) return { decimal: "precise" };
  if (name.includes("double")) return { decimal: "double" };
  if (name.includes("time-connect")) return { time: "connect" };
  if (name.includes("time-microseconds")) return { time: "adaptive_time_microseconds" };
  return {};
}

interface Wanted {
  op: string;
  values: (string | null)[];
}

/** A table as the test follows it. */
interface Followed {
  layout: TableLayout;
  rows: DebeziumRows;
  reads: Map<string, Read>;
  /** The last version of each key, by its JSON. */
  versions: Map<string, (string | null)[]>;
  /** Whether the last update had a `before`. */
  isFull: boolean | null;
}

function isPlaceholder(value: unknown): boolean {
  const text = Array.isArray(value) ? value[0] : value;
  const bytes = [...PLACEHOLDER].map((letter) => String(letter.charCodeAt(0)));
  return text === PLACEHOLDER || text === btoa(PLACEHOLDER) ||
    Array.isArray(value) && value.map((each) => each?.source).join() === bytes.join();
}

/** A row's values as plain code reads them; throws `Bad`. */
function valuesOf(
  table: Followed,
  key: Obj,
  row: Obj | null,
  before: Obj | null,
  last: (string | null)[] | undefined,
): (string | null)[] {
  return table.layout.table.columns.map(({ name }, i) => {
    const how = table.reads.get(name)!;
    if (name in key) return how(key[name]);
    let value = row === null ? null : row[name];
    if (isPlaceholder(value) && last !== undefined) {
      if (before === null || before[name] === null) return last[i];
      value = before[name];
    }
    return value === null ? null : how(value);
  });
}

class Follower {
  readonly codec;
  readonly tables = new Map<string, Followed>();
  batch: Batch = newBatch();
  seq = 0;
  readonly wanted = new Map<number, Wanted>();
  compared = 0;
  faults = 0;

  constructor(options: Partial<DebeziumOptions>, private readonly landing: Landing) {
    this.codec = debeziumCodec(options);
  }

  /** Reads one record; `before`: the old half of the changed key that it is the new half of. */
  async record(record: KafkaRecord, old: KafkaRecord | null): Promise<void> {
    const { codec } = this;
    const head = codec.head();
    const fault = codec.scan(record, head);
    if (fault !== undefined) throw fault;
    const { schema, payload } = unwrap(
      record.value === null ? null : parseJson(record.value.copy()),
    );
    if (!isObj(payload) || !("op" in payload)) return assert.equal(head.op, null);
    assert.equal(head.op, payload.op);
    const source = payload.source as Obj;
    assert.equal(head.schema, source.schema);
    assert.equal(head.table, source.table);
    assert.equal(head.lsn, Number(canonical(source.lsn ?? new Num("0"))));
    assert.equal(head.tx, Number(canonical(source.txId ?? new Num("0"))));
    assert.equal(head.commitTimeMs, Number(canonical(source.ts_ms)));
    assert.equal(head.atHigh * 2 ** 32 + head.atLow, head.commitTimeMs * 1000);
    assert.equal(head.snapshot, source.snapshot === "false" ? "" : source.snapshot);
    const { transaction } = payload;
    assert.equal(head.isInTransaction, isObj(transaction));
    if (isObj(transaction)) assert.equal(head.tx, Number(String(transaction.id).split(":")[0]));
    if (head.op === "m") return;
    const name = `${head.schema}.${head.table}`;
    let table = this.tables.get(name);
    if (table === undefined) {
      if (head.op === "t") return;
      const described = codec.describe(record, head, undefined);
      if (!("table" in described)) {
        assert.equal(described.kind, "setup");
        assert.equal(record.key, null);
        return;
      }
      assert.equal(described.unsure.length, schema === null ? 1 : 0);
      const layout = layoutOf(described.table);
      const reads = readsOf(described.table, schema);
      const rows = codec.rows(layout);
      table = { layout, rows, reads, versions: new Map(), isFull: null };
      this.tables.set(name, table);
    }
    await this.#row(table, record, head.op ?? "", payload, old);
  }

  async #row(
    table: Followed,
    record: KafkaRecord,
    op: string,
    payload: Obj,
    old: KafkaRecord | null,
  ): Promise<void> {
    const key = record.key === null ? {} : unwrap(parseJson(record.key.copy())).payload as Obj;
    const before = isObj(payload.before) ? payload.before : null;
    const after = isObj(payload.after) ? payload.after : null;
    if (op === "u") table.isFull = before !== null;
    let wanted: (string | null)[] | undefined;
    let lost: (string | null)[] | undefined; // of the old half of a changed key
    try {
      if (op === "t") wanted = table.layout.table.columns.map(() => null);
      else if (op === "d") {
        wanted = valuesOf(table, key, table.isFull ? before : null, null, undefined);
      } else if (old === null) {
        const last = op === "u" ? table.versions.get(canonical(key)) : undefined;
        wanted = valuesOf(table, key, after, op === "u" ? before : null, last);
      } else {
        const oldKey = unwrap(parseJson(old.key!.copy())).payload as Obj;
        const oldRow = (unwrap(parseJson(old.value!.copy())).payload as Obj).before as Obj;
        const last = table.versions.get(canonical(oldKey));
        lost = valuesOf(table, oldKey, table.isFull ? oldRow : null, null, undefined);
        wanted = valuesOf(table, key, after, table.isFull ? oldRow : null, last);
        table.versions.delete(canonical(oldKey));
      }
    } catch (error) {
      if (!(error instanceof Bad)) throw error;
    }
    const { codec } = this;
    const head = codec.head();
    const oldHead = codec.head();
    assert.equal(codec.scan(record, head), undefined);
    assert.equal(
      head.keyChange,
      "__debezium.newkey" in record.headers ? "old" : old ? "new" : null,
    );
    if (old !== null) assert.equal(codec.scan(old, oldHead), undefined);
    const write = (): Stop | undefined =>
      old === null
        ? table.rows.decode(record, head, this.batch, this.seq + 1)
        : table.rows.decodeKeyChange(old, oldHead, record, head, this.batch, this.seq + 1);
    let stop = write();
    if (stop?.kind === "full") {
      await this.flush();
      stop = write();
    }
    if (wanted === undefined) {
      assert.ok(stop?.kind === "fault" && stop.fault.kind === "bad-value");
      this.faults++;
      return;
    }
    if (stop?.kind === "fault") throw stop.fault;
    assert.equal(stop, undefined);
    if (lost !== undefined) this.wanted.set(++this.seq, { op: "d", values: lost });
    this.wanted.set(++this.seq, { op, values: wanted });
    if (op === "d") table.versions.delete(canonical(key));
    else if (op === "t") table.versions.clear();
    else table.versions.set(canonical(key), wanted);
  }

  /** Lands the batch, and compares. */
  async flush(): Promise<void> {
    for (const { layout } of this.tables.values()) {
      for (const { op, seq, values } of await this.landing.land(layout, this.batch)) {
        const wanted = this.wanted.get(seq)!;
        assert.equal(op, wanted.op);
        layout.table.columns.forEach(({ type }, i) => {
          const value = canonicalValue(values[i], layout.table.columns[i], wanted.values[i]);
          same(value, wanted.values[i], type);
        });
        this.compared++;
        this.wanted.delete(seq);
      }
    }
    this.batch = newBatch();
  }

  async close(): Promise<void> {
    await this.flush();
    assert.equal(this.wanted.size, 0);
  }
}

const names = captured();

Deno.test("captured: every event is read as plain code reads it, and lands so", async (t) => {
  assert.ok(names.length > 20);
  const sum = { compared: 0, faults: 0 };
  for (const name of names) {
    await t.step(name, async () => {
      await using landing = await Landing.open();
      const follower = new Follower(optionsOf(name), landing);
      const oldHalves = new Map<string, KafkaRecord>();
      for (const record of recordsOf(name)) {
        if (record.topic.endsWith(".transaction")) {
          const mark = follower.codec.scanTransaction(record);
          const { payload } = unwrap(parseJson(record.value!.copy())) as { payload: Obj };
          assert.ok("status" in mark, String(mark));
          assert.equal(mark.status, payload.status);
          assert.equal(mark.tx, Number(String(payload.id).split(":")[0]));
          const counts = (payload.data_collections as Obj[] | null)?.map((each) => ({
            table: each.data_collection,
            rows: Number(canonical(each.event_count)),
          }));
          assert.deepEqual(mark.counts, counts ?? null);
        } else if ("__debezium.newkey" in record.headers && record.value !== null) {
          oldHalves.set(record.topic, record);
        } else if ("__debezium.oldkey" in record.headers) {
          await follower.record(record, oldHalves.get(record.topic)!);
        } else await follower.record(record, null);
      }
      await follower.close();
      sum.compared += follower.compared;
      sum.faults += follower.faults;
    });
  }
  // Of the types' edges some have no counterpart: numbers that are none, the year 294276.
  assert.ok(sum.compared > 150 && sum.faults < sum.compared / 5, JSON.stringify(sum));
});
