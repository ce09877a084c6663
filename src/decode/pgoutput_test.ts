/** Whole streams, and streams with damaged bytes: what is written is whole, or there is a fault. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Batch, OP } from "../batch/batch.ts";
import { META, META_COUNT, TableLayout } from "../batch/column.ts";
import type { Column, ColumnType, Table } from "../catalog/catalog.ts";
import type { Input, Stop } from "./decoder.ts";
import { PgoutputDecoder } from "./pgoutput.ts";

function column(name: string, type: ColumnType, typeOid: number, toastable: boolean): Column {
  return { name, type, sourceType: name, typeOid, typeMod: -1, notNull: false, toastable };
}

const TABLE: Table = {
  oid: 4711,
  schema: "public",
  name: "t",
  columns: [
    column("id", { kind: "int4" }, 23, false),
    column("v", { kind: "text", exact: true }, 25, true),
    column("u", { kind: "uuid" }, 2950, false),
    column("at", { kind: "timestamptz" }, 1184, false),
  ],
  key: [0],
  identity: "default",
};
const UUID = "01234567-89ab-cdef-0123-456789abcdef";

type Field = string | null | "unchanged";
const encoder = new TextEncoder();
const int16 = (n: number) => [n >> 8 & 255, n & 255];
const int32 = (n: number) => [...int16(n >>> 16), ...int16(n & 0xffff)];
const int64 = (n: number) => [...int32(Math.floor(n / 2 ** 32)), ...int32(n >>> 0)];
const zero = (text: string) => [...encoder.encode(text), 0];
const letter = (text: string) => text.charCodeAt(0);

function copyData(payload: number[]): number[] {
  return [letter("d"), ...int32(payload.length + 4), ...payload];
}
const xlog = (change: number[]) =>
  copyData([letter("w"), ...int64(1), ...int64(1), ...int64(1), ...change]);
const keepalive = (lsn: number) => copyData([letter("k"), ...int64(lsn), ...int64(0), 0]);
const begin = (lsn: number) => xlog([letter("B"), ...int64(lsn), ...int64(0), ...int32(77)]);
const commit = (lsn: number) =>
  xlog([letter("C"), 0, ...int64(lsn), ...int64(lsn + 8), ...int64(0)]);
const relation = xlog([
  ...[letter("R"), ...int32(TABLE.oid), ...zero("public"), ...zero("t"), letter("d")],
  ...int16(TABLE.columns.length),
  ...TABLE.columns.flatMap(({ name, typeOid }, i) => [
    ...[i === 0 ? 1 : 0, ...zero(name)],
    ...[...int32(typeOid), ...int32(-1)],
  ]),
]);
function tuple(fields: Field[]): number[] {
  return [
    ...int16(fields.length),
    ...fields.flatMap((field) => {
      if (field === null) return [letter("n")];
      if (field === "unchanged") return [letter("u")];
      const bytes = encoder.encode(field);
      return [letter("t"), ...int32(bytes.length), ...bytes];
    }),
  ];
}
const insert = (fields: Field[]) =>
  xlog([letter("I"), ...int32(TABLE.oid), letter("N"), ...tuple(fields)]);
const update = (fields: Field[], old?: Field[]) =>
  xlog([
    ...[letter("U"), ...int32(TABLE.oid)],
    ...(old === undefined ? [] : [letter("K"), ...tuple(old)]),
    ...[letter("N"), ...tuple(fields)],
  ]);
const remove = (old: Field[]) =>
  xlog([letter("D"), ...int32(TABLE.oid), letter("K"), ...tuple(old)]);
const truncate = xlog([letter("T"), ...int32(1), 0, ...int32(TABLE.oid)]);

function inputOf(messages: number[][]): Input {
  const bytes = Uint8Array.from(messages.flat());
  return { bytes, view: new DataView(bytes.buffer), at: 0, end: bytes.length };
}

interface Row {
  op: string;
  seq: number;
  id: number;
  v: string | null;
}

/** The rows of a batch in the order of their `_seq`, checked on the way. */
function rowsOf(batch: Batch, layout: TableLayout): Row[] {
  const rows: Row[] = [];
  for (const chunk of batch.segments.get(layout)?.chunks ?? []) {
    for (let row = 0; row < chunk.rows; row++) {
      const op = Object.entries(OP).find(([, code]) => code === batch.bytes[chunk.data[0] + row]);
      assert.ok(op, "a row without an op");
      const at = META_COUNT + 1;
      const valid = batch.bytes[chunk.validity[at] + (row >> 3)] >> (row & 7) & 1;
      const text = new TextDecoder().decode(batch.stringAt(chunk.data[at] + row * 16));
      rows.push({
        op: op[0],
        seq: batch.ints[(chunk.data[META.seq] >> 2) + row * 2],
        id: batch.ints[(chunk.data[META_COUNT] >> 2) + row],
        v: valid ? text : null,
      });
    }
  }
  const sorted = rows.toSorted((a, b) => a.seq - b.seq);
  assert.equal(sorted.length, batch.rows);
  return sorted;
}

/** Decodes all of `input` into batches of `slabBytes`; each full one is emptied and counted. */
function run(input: Input, slabBytes = 1 << 20): { rows: Row[]; stops: Stop["kind"][] } {
  const layout = new TableLayout(TABLE);
  const decoder = new PgoutputDecoder([layout], 0, 1);
  const batch = new Batch(new ArrayBuffer(slabBytes));
  const [rows, stops]: [Row[], Stop["kind"][]] = [[], []];
  batch.become("filling");
  let idle = 0; // a full batch that was empty: the next must take the record
  while (input.at < input.end) {
    const before = input.at;
    const stop = decoder.decode(input, batch);
    stops.push(stop.kind);
    if (stop.kind === "fault") break;
    if (stop.kind === "full") {
      rows.push(...rowsOf(batch, layout));
      batch.discard();
      batch.become("filling");
      idle = input.at === before ? idle + 1 : 0;
      assert.ok(idle < 3, "it gets nowhere: full, and full again");
    }
  }
  rows.push(...rowsOf(batch, layout));
  return { rows, stops };
}

const STREAM = [
  ...[begin(100), relation, insert(["1", "a value longer than twelve", UUID, null]), commit(110)],
  ...[keepalive(130), begin(140), update(["1", "unchanged", null, "2026-11-23 13:22:55+00"])],
  update(["2", "unchanged", UUID, null], ["1", null, null, null]),
  ...[remove(["2", null, null, null]), truncate, insert(["-5", null, null, "infinity"])],
  commit(200),
];

Deno.test("pgoutput: a stream becomes rows, a change of key two of them, whatever the batch's size", () => {
  const expected = [
    { op: "c", seq: 1, id: 1, v: "a value longer than twelve" },
    { op: "u", seq: 2, id: 1, v: null },
    { op: "d", seq: 3, id: 1, v: null },
    { op: "c", seq: 4, id: 2, v: null },
    { op: "d", seq: 5, id: 2, v: null },
    { op: "t", seq: 6 },
    { op: "c", seq: 7, id: -5, v: null },
  ];
  for (const slab of [8192, 1 << 20]) {
    const { rows, stops } = run(inputOf(STREAM), slab);
    assert.deepEqual(rows.map((row) => row.op === "t" ? { op: "t", seq: row.seq } : row), expected);
    assert.ok(!stops.includes("fault"));
    assert.equal(stops.filter((stop) => stop === "commit").length, 2);
  }
});

Deno.test("pgoutput: positions move with commits, and with keepalives outside of transactions only", () => {
  const layout = new TableLayout(TABLE);
  const decoder = new PgoutputDecoder([layout], 50, 1);
  const batch = new Batch(new ArrayBuffer(1 << 20));
  batch.become("filling");
  const after = (...messages: number[][]) => {
    const input = inputOf(messages);
    while (input.at < input.end) decoder.decode(input, batch);
    return decoder.decodedLsn;
  };
  assert.equal(after(keepalive(60)), 60);
  assert.equal(after(keepalive(55)), 60, "it never goes back");
  assert.equal(after(begin(100), relation), 60);
  assert.equal(after(keepalive(90)), 60, "amid a transaction it says nothing of what is decoded");
  assert.equal(after(insert(["1", null, null, null])), 60);
  assert.equal(after(commit(100)), 108);
  assert.equal(decoder.inTransaction, false);
});

Deno.test("pgoutput: damaged bytes are rows that are whole, a fault or an assertion; nothing else", () => {
  const frames = STREAM.map((message) => message.length);
  const damage = fc.array(
    fc.record({
      message: fc.nat({ max: STREAM.length - 1 }),
      at: fc.nat({ max: 200 }),
      byte: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 0x7f, 0x80, 0xff)),
    }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(damage, (damages) => {
      const messages = STREAM.map((message) => [...message]);
      for (const { message, at, byte } of damages) {
        // The frame itself (type and length) is the wire's to vouch for.
        messages[message][5 + at % (frames[message] - 5)] = byte;
      }
      try {
        run(inputOf(messages));
      } catch (error) {
        const isAssertion = (error as { code?: string }).code === "ERR_ASSERTION";
        assert.ok(isAssertion, `${(error as Error).stack}\nafter ${JSON.stringify(damages)}`);
      }
    }),
    { numRuns: 5000 },
  );
});

Deno.test("pgoutput: a value that goes beyond its message is a fault, not the next message's bytes", () => {
  const damaged = insert(["1", "abcdef", null, null]);
  damaged[damaged.length - 9] = 30; // the length of "abcdef"
  assert.equal(damaged[damaged.length - 8], letter("a"));
  const { rows, stops } = run(inputOf([
    ...[begin(100), relation, damaged],
    ...[insert(["2", "x", null, null]), commit(110)],
  ]));
  assert.ok(stops.includes("fault"), `no fault, but ${JSON.stringify(rows)}`);
  assert.deepEqual(rows, []);
});
