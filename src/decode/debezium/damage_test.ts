/**
 * Captured events with damaged bytes. Both ways through a record (the skeleton's and the general
 * one) must come to the same; what they accept `JSON.parse` must accept, with the same values; what
 * they refuse leaves nothing in the batch, and nothing for the next row to inherit.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Batch } from "../../batch/batch.ts";
import { META_COUNT, type TableLayout } from "../../batch/column.ts";
import type { DebeziumCodec, DebeziumRows, KafkaRecord } from "../decoder.ts";
import { debeziumCodec } from "./codec.ts";
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
import type { DebeziumHead } from "./head.ts";
import { Landing, layoutOf, newBatch } from "./landing_fixture.ts";
import { Bad, type Json, Num, parseJson, type Read, same } from "./reference_fixture.ts";
import { amid } from "../../slice_fixture.ts";

/** What a damaged record came to: a fault's kind, or what was read. */
type Outcome = string;

function outcomeOf(codec: DebeziumCodec, head: DebeziumHead, record: KafkaRecord): Outcome {
  const fault = codec.scan(record, head);
  if (fault !== undefined) {
    assert.equal(fault.kind, "bad-record");
    return "bad-record";
  }
  if (head.op === null) return "none";
  const part = (fields: DebeziumHead["key"]) => {
    if (!fields.isPresent) return null;
    const slots = [...fields.slots.subarray(0, fields.shape.count * 3)];
    return [fields.shape.names(), slots, fields.start, fields.stop];
  };
  const { op, schema, table, lsn, tx, atHigh, atLow, snapshot, isInTransaction } = head;
  const isRow = op !== "m" && op !== "t";
  const blocks = [head.valueSchema?.bytes.length, isRow ? head.keySchema?.bytes.length : 0];
  return JSON.stringify([
    [op, schema, table, lsn, tx, atHigh, atLow, snapshot, isInTransaction, head.keyChange, blocks],
    isRow ? [part(head.key), part(head.before), part(head.after)] : [],
  ]);
}

/** A row's bytes in a batch: of every column whether it is NULL, and its value. */
function rowBytes(batch: Batch, layout: TableLayout): string {
  const chunk = batch.segments.get(layout)!.chunks.at(-1)!;
  const row = chunk.rows - 1;
  return layout.columns.map(({ width, isString }, i) => {
    if (i < META_COUNT - 1) return "";
    if ((batch.bytes[chunk.validity[i] + (row >> 3)] >> (row & 7) & 1) === 0) return "NULL";
    const at = chunk.data[i] + row * width;
    return (isString ? batch.stringAt(at) : batch.bytes.subarray(at, at + width)).toHex();
  }).join("|");
}

const OF_JSON = [...'{}[]:,"\\0123456789eE+-. nulltrue\u0001'].map((letter) =>
  letter.charCodeAt(0)
);
const damage = fc.record({
  part: fc.constantFrom("value", "value", "value", "key"),
  how: fc.constantFrom("flip", "bit", "cut", "insert", "remove", "double"),
  at: fc.nat(),
  near: fc.boolean(),
  byte: fc.oneof(fc.nat(255), fc.constantFrom(...OF_JSON)),
  length: fc.integer({ min: 1, max: 12 }),
});
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

function damaged(record: KafkaRecord, { part, how, at, near, byte, length }: Damage): KafkaRecord {
  const bytes = (part === "key" ? record.key : record.value)?.copy();
  if (bytes === undefined || bytes.length === 0) return record;
  // Schemas are long: half of the damage is to be behind them.
  const last = Math.min(bytes.length, 900);
  const i = near ? bytes.length - 1 - at % last : at % bytes.length;
  const spliced = (skip: number, ...more: number[]) =>
    Uint8Array.of(...bytes.subarray(0, i), ...more, ...bytes.subarray(i + skip));
  const changed = {
    flip: () => bytes.with(i, byte),
    bit: () => bytes.with(i, bytes[i] ^ (1 << byte % 8)),
    cut: () => bytes.slice(0, i),
    insert: () => spliced(0, byte),
    remove: () => spliced(length),
    double: () => spliced(0, ...bytes.subarray(i, i + length)),
  }[how]();
  return { ...record, [part]: amid(changed) };
}

/** What the reference reads in a record: undefined when it is no JSON, or no event. */
function referenceOf(record: KafkaRecord): { payload: Obj; key: Json } | undefined {
  try {
    const { payload } = unwrap(parseJson(record.value!.copy()));
    const key = record.key === null ? null : unwrap(parseJson(record.key.copy())).payload;
    return isObj(payload) ? { payload, key } : undefined;
  } catch {
    return undefined;
  }
}

interface Case {
  record: KafkaRecord;
  layout: TableLayout;
  rows: DebeziumRows;
  reads: Map<string, Read>;
}

/** A file's changes of tables with keys, and a codec that has learnt from them. */
function casesOf(name: string): { codec: DebeziumCodec; cases: Case[] } {
  const codec = debeziumCodec();
  const tables = new Map<string, Omit<Case, "record">>();
  const cases: Case[] = [];
  const all = recordsOf(name).filter(({ topic }) => !topic.endsWith(".transaction"));
  for (const record of [...all, ...all, ...all]) { // so that skeletons are learnt
    const head = codec.head();
    assert.equal(codec.scan(record, head), undefined);
    if (head.op === null || head.op === "m" || head.op === "t" || record.key === null) continue;
    const id = `${head.schema}.${head.table}`;
    if (!tables.has(id)) {
      const described = codec.describe(record, head, undefined);
      if (!("table" in described)) throw described;
      const layout = layoutOf(described.table);
      const { schema } = unwrap(parseJson(record.value!.copy()));
      const reads = readsOf(described.table, schema);
      tables.set(id, { layout, rows: codec.rows(layout), reads });
    }
    cases.push({ record, ...tables.get(id)! });
  }
  return { codec, cases: cases.slice(-all.length) };
}

/** The values that the reference reads for a `c` or `r`; undefined: there is one that it can't. */
function valuesOf({ layout, reads }: Case, payload: Obj, key: Json): (string | null)[] | undefined {
  const after = payload.after as Obj;
  try {
    return layout.table.columns.map(({ name }) => {
      const value = (isObj(key) && name in key ? key : after)[name];
      return value === null ? null : reads.get(name)!(value);
    });
  } catch (error) {
    if (!(error instanceof Bad)) throw error;
    return undefined;
  }
}

const RUNS = 250;

Deno.test("damage: no bytes get past the decoder that get not past JSON.parse, and none break it", async (t) => {
  const sum = { damaged: 0, refused: 0, accepted: 0, rows: 0, compared: 0 };
  for (const name of captured()) {
    await t.step(name, async () => {
      const { codec, cases } = casesOf(name);
      if (cases.length === 0) return;
      await using landing = await Landing.open();
      const batch = newBatch(16 << 20);
      const fresh = newBatch();
      const wanted = new Map<number, { layout: TableLayout; values: (string | null)[] }>();
      let seq = 0;
      const head = codec.head() as DebeziumHead;
      fc.assert(
        fc.property(fc.nat(), damage, (pick, how) => {
          const given = cases[pick % cases.length];
          const { layout, rows } = given;
          const record = damaged(given.record, how);
          sum.damaged++;
          // A codec that has learnt nothing knows the general way only.
          const other = debeziumCodec();
          const general = outcomeOf(other, other.head() as DebeziumHead, record);
          const outcome = outcomeOf(codec, head, record);
          assert.equal(outcome, general, "the short way and the general way differ");
          const reference = referenceOf(record);
          if (outcome === "bad-record") {
            sum.refused++;
            return;
          }
          sum.accepted++;
          assert.ok(reference !== undefined, "JSON.parse refuses it");
          if (head.op === null) return assert.ok(!("op" in reference.payload));
          assert.equal(head.op, reference.payload.op);
          const source = reference.payload.source as Obj;
          assert.equal(head.schema, source.schema);
          assert.equal(head.table, source.table);
          assert.equal(head.lsn, Number(canonical(source.lsn ?? new Num("0"))));
          assert.equal(head.commitTimeMs, Number(canonical(source.ts_ms ?? new Num("0"))));
          if (head.op === "m" || head.op === "t") return;
          const before = batch.rows;
          const stop = rows.decode(record, head, batch, seq + 1);
          assert.notEqual(stop?.kind, "full");
          if (stop?.kind === "fault") {
            assert.equal(batch.rows, before);
            const kinds = ["bad-record", "bad-value", "schema-changed"];
            assert.ok(kinds.includes(stop.fault.kind), stop.fault.kind);
          } else {
            assert.equal(batch.rows, before + 1);
            seq++;
            sum.rows++;
            if (head.op === "c" || head.op === "r") {
              const values = valuesOf(given, reference.payload, reference.key);
              assert.ok(values !== undefined, "the reference can't hold a value of it");
              wanted.set(seq, { layout, values });
            }
          }
          // The row after it is what it is in a batch of its own.
          assert.equal(codec.scan(given.record, head), undefined);
          const again = rows.decode(given.record, head, batch, ++seq);
          const alone = rows.decode(given.record, head, fresh, seq);
          assert.equal(again?.kind, alone?.kind);
          if (again === undefined) assert.equal(rowBytes(batch, layout), rowBytes(fresh, layout));
          fresh.discard();
          fresh.become("filling");
        }),
        { numRuns: RUNS },
      );
      for (const layout of new Set(cases.map((each) => each.layout))) {
        for (const { seq, values } of await landing.land(layout, batch)) {
          const expected = wanted.get(seq);
          if (expected === undefined) continue;
          layout.table.columns.forEach(({ type }, i) => {
            const value = canonicalValue(values[i], layout.table.columns[i], expected.values[i]);
            same(value, expected.values[i], type);
          });
          sum.compared++;
        }
      }
    });
  }
  assert.ok(
    sum.refused > sum.damaged / 3 && sum.rows > 100 && sum.compared > 50,
    JSON.stringify(sum),
  );
});
