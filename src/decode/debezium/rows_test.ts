/** What has gone wrong in other consumers of such events, one test each. */
import assert from "node:assert/strict";
import type { Batch } from "../../batch/batch.ts";
import type { TableLayout } from "../../batch/column.ts";
import type { ReplicaIdentity, Table } from "../../catalog/catalog.ts";
import type { ChangeHead, KafkaRecord, Stop } from "../decoder.ts";
import { debeziumCodec } from "./codec.ts";
import { captured, recordsOf } from "./corpus_fixture.ts";
import {
  DEBEZIUM,
  envelope,
  envelopeSchema,
  type Facts,
  type Parts,
  struct,
  wrapped,
  write,
} from "./events_fixture.ts";
import { columnOfKind, kinds } from "./kinds_fixture.ts";
import { Landing, layoutOf, newBatch, recordOf } from "./landing_fixture.ts";
import type { FieldSchema } from "./schema_block.ts";
import { compiling } from "./compiling.ts";

const MODES = { decimal: "string", time: "adaptive", binary: "base64" } as const;
const KINDS = kinds(MODES);
const PLACEHOLDER = '"__debezium_unavailable_value"';

function tableOf(identity: ReplicaIdentity, names: Record<string, string>): Table {
  const columns = Object.entries(names).map(([name, kind]) => columnOfKind(name, KINDS[kind]));
  return { oid: 7, schema: "public", name: "t", columns, key: [0], identity };
}
const COLUMNS = { id: "int4", v: "text", n: "int4", b: "bytea" };

type Row = Record<string, string>;
const parts = (row: Row | null): Parts | string => row === null ? "null" : Object.entries(row);

/** An event of table `t`; the key is `id` of its rows, or `key`. */
function event(
  facts: Facts,
  before: Row | null,
  after: Row | null,
  more: { key?: Row | null; headers?: string[] } = {},
): KafkaRecord {
  const { key = { id: (after ?? before)?.id ?? "1" }, headers = [] } = more;
  return recordOf(
    key === null ? null : write(Object.entries(key), DEBEZIUM),
    write(envelope(parts(before), parts(after), facts), DEBEZIUM),
    Object.fromEntries(headers.map((name) => [name, new Uint8Array(0)])),
  );
}

class Table1 {
  readonly codec = debeziumCodec();
  readonly layout: TableLayout;
  readonly rows;
  batch: Batch = newBatch();
  seq = 0;

  constructor(identity: ReplicaIdentity, names: Record<string, string> = COLUMNS) {
    this.layout = layoutOf(tableOf(identity, names));
    this.rows = this.codec.rows(this.layout);
  }

  scan(record: KafkaRecord): ChangeHead {
    const head = this.codec.head();
    const fault = this.codec.scan(record, head);
    if (fault !== undefined) throw fault;
    return head;
  }

  put(record: KafkaRecord): Stop | undefined {
    const stop = this.rows.decode(record, this.scan(record), this.batch, this.seq + 1);
    if (stop === undefined) this.seq++;
    return stop;
  }

  change(old: KafkaRecord, fresh: KafkaRecord): Stop | undefined {
    const heads = [this.scan(old), this.scan(fresh)] as const;
    return this.rows.decodeKeyChange(old, heads[0], fresh, heads[1], this.batch, this.seq + 1);
  }

  async landed(): Promise<[op: string, ...values: (string | null)[]][]> {
    await using landing = await Landing.open();
    const rows = await landing.land(this.layout, this.batch);
    return rows.map(({ op, values }) => [op, ...values]);
  }
}

function faultOf(stop: Stop | undefined): { kind: string; text: string } {
  assert.ok(stop?.kind === "fault", `no fault but ${stop?.kind}`);
  return { kind: stop.fault.kind, text: stop.fault.message };
}

const ROW: Row = { id: "1", v: '"one"', n: "1", b: '"AQI="' };

Deno.test("rows: a NULL of before does not become one of after", async () => {
  const table = new Table1("full");
  for (let i = 0; i < 3; i++) {
    const before = { id: "1", v: "null", n: "null", b: "null" };
    assert.equal(table.put(event({ op: "u" }, before, ROW)), undefined);
  }
  assert.deepEqual(await table.landed(), Array(3).fill(["u", "1", "one", "1", "0102"]));
});

Deno.test("rows: a delete's before is the row with FULL only, never with DEFAULT", async () => {
  const before = { id: "9", v: '"active"', n: "0", b: '""' };
  for (const identity of ["full", "default", "index", "unknown"] as const) {
    const table = new Table1(identity);
    assert.equal(table.put(event({ op: "d" }, before, null, { key: { id: "1" } })), undefined);
    const wanted = identity === "full"
      ? ["d", "1", "active", "0", ""]
      : ["d", "1", null, null, null];
    assert.deepEqual(await table.landed(), [wanted], identity);
  }
});

Deno.test("rows: a delete with a row after it is a delete of its key", async () => {
  const table = new Table1("default");
  for (let i = 0; i < 3; i++) {
    table.put(event({ op: "c" }, null, ROW));
    table.put(event({ op: "d" }, null, ROW));
  }
  assert.deepEqual((await table.landed())[5], ["d", "1", null, null, null]);
});

Deno.test("rows: where nothing tells the identity, the last update does", async () => {
  const table = new Table1("unknown");
  table.put(event({ op: "u" }, ROW, ROW));
  table.put(event({ op: "d" }, ROW, null));
  table.put(event({ op: "u" }, null, ROW));
  table.put(event({ op: "d" }, ROW, null));
  const [, first, , second] = await table.landed();
  assert.deepEqual(first, ["d", "1", "one", "1", "0102"]);
  assert.deepEqual(second, ["d", "1", null, null, null]);
});

Deno.test("rows: an unchanged value is that of before, or else kept; in a create it is a text", async () => {
  const omitted = { ...ROW, v: PLACEHOLDER, b: `"${btoa("__debezium_unavailable_value")}"` };
  const table = new Table1("full");
  table.put(event({ op: "c" }, null, { ...ROW, v: PLACEHOLDER }));
  table.put(event({ op: "u" }, ROW, omitted));
  table.put(event({ op: "u" }, { ...ROW, v: PLACEHOLDER, b: "null" }, { ...omitted, n: "2" }));
  assert.deepEqual(await table.landed(), [
    ["c", "1", "__debezium_unavailable_value", "1", "0102"],
    ["u", "1", "one", "1", "0102"],
    ["u", "1", "one", "2", "0102"],
  ]);
});

Deno.test("rows: a key column that was left out comes from the key", async () => {
  const table = new Table1("default", { id: "text", v: "text" });
  table.put(event({ op: "u" }, null, { id: PLACEHOLDER, v: '"x"' }, { key: { id: '"long"' } }));
  assert.deepEqual(await table.landed(), [["u", "long", "x"]]);
});

const OLD = { headers: ["__debezium.newkey"] };
const NEW = { headers: ["__debezium.oldkey"] };

Deno.test("rows: a changed key is two rows, and stands alone where it leaves values out", async () => {
  const table = new Table1("default");
  const old = event({ op: "d" }, { id: "1", v: '""', n: "null", b: "null" }, null, OLD);
  const whole = event({ op: "c" }, null, { ...ROW, id: "2" }, NEW);
  const partial = event({ op: "c" }, null, { ...ROW, id: "2", v: PLACEHOLDER }, NEW);
  assert.equal(table.put(event({ op: "c" }, null, ROW)), undefined);
  assert.equal(table.change(old, partial)?.kind, "full");
  assert.equal(table.batch.rows, 1);
  assert.equal(table.change(old, whole), undefined);
  assert.deepEqual(await table.landed(), [
    ["c", "1", "one", "1", "0102"],
    ["d", "1", null, null, null],
    ["c", "2", "one", "1", "0102"],
  ]);
  const full = new Table1("full"); // its old row has what is left out
  full.put(event({ op: "c" }, null, ROW));
  assert.equal(full.change(event({ op: "d" }, ROW, null, OLD), partial), undefined);
  assert.deepEqual((await full.landed())[2], ["c", "2", "one", "1", "0102"]);
});

Deno.test("rows: a changed key's new row by itself lacks nothing, or is a fault", async () => {
  const table = new Table1("default");
  const partial = event({ op: "c" }, null, { ...ROW, id: "2", v: PLACEHOLDER }, NEW);
  for (let i = 0; i < 2; i++) { // the second of a form may take a shorter way
    assert.equal(table.put(event({ op: "c" }, null, { ...ROW, id: "3" }, NEW)), undefined);
    const { kind, text } = faultOf(table.put(partial));
    assert.equal(kind, "bad-value");
    assert.match(text, /"v" of public\.t was left out .* id="2"/);
  }
  assert.deepEqual(await table.landed(), Array(2).fill(["c", "3", "one", "1", "0102"]));
});

Deno.test("rows: of a changed key that can't be decoded nothing is written", () => {
  const table = new Table1("full");
  const old = event({ op: "d" }, ROW, null, OLD);
  const fresh = event({ op: "c" }, null, { ...ROW, id: "2" }, NEW);
  const badOld = event({ op: "d" }, { ...ROW, n: "99999999999" }, null, OLD);
  const badNew = event({ op: "c" }, null, { ...ROW, id: "2", n: "99999999999" }, NEW);
  for (const [one, other] of [[badOld, fresh], [old, badNew]]) {
    assert.equal(faultOf(table.change(one, other)).kind, "bad-value");
    assert.equal(table.batch.rows, 0);
  }
  assert.equal(table.change(old, fresh), undefined);
  assert.equal(table.batch.rows, 2);
});

Deno.test("rows: a truncate is the first of its batch, and a row of NULLs", async () => {
  const table = new Table1("default");
  const truncate = event({ op: "t" }, null, null, { key: null });
  table.put(event({ op: "c" }, null, ROW));
  assert.equal(table.put(truncate)?.kind, "full");
  table.batch = newBatch();
  assert.equal(table.put(truncate), undefined);
  assert.equal(table.put(event({ op: "c" }, null, ROW)), undefined);
  assert.deepEqual((await table.landed())[0], ["t", null, null, null, null]);
});

Deno.test("rows: a table that is another than it was is said so, with all differences", () => {
  const { v: _, ...lacking } = ROW;
  const cases: [KafkaRecord, RegExp][] = [
    [event({ op: "c" }, null, { ...lacking, w: "1" }), /column v is gone; column w is new/],
    [event({ op: "c" }, null, ROW, { key: { n: "1" } }), /its key was \(id\) and is now \(n\)/],
    [event({ op: "c" }, null, ROW, { key: null }), /its key was \(id\) and its records have none/],
  ];
  for (const [record, text] of cases) {
    const fault = faultOf(new Table1("default").put(record));
    assert.equal(fault.kind, "schema-changed");
    assert.match(fault.text, text);
  }
});

const field = (type: string, field: string, name?: string): FieldSchema => ({ type, field, name });

function withSchema(fields: FieldSchema[], row: Row): KafkaRecord {
  const key = wrapped(struct([fields[0]]), [["id", row.id]]);
  const value = envelope("null", Object.entries(row), { op: "c" });
  return recordOf(write(key, DEBEZIUM), write(wrapped(envelopeSchema(fields), value), DEBEZIUM));
}

Deno.test("rows: a type that the schema says has changed is a changed table", () => {
  const fields = [
    field("int32", "id"),
    field("string", "v"),
    field("int32", "n"),
    field("bytes", "b"),
  ];
  const table = new Table1("default");
  assert.equal(table.put(withSchema(fields, ROW)), undefined);
  const wider = fields.map((each) => each.field === "n" ? field("int64", "n") : each);
  const fault = faultOf(table.put(withSchema(wider, ROW)));
  assert.equal(fault.kind, "schema-changed");
  assert.match(fault.text, /column n was integer and is now int64/);
  assert.equal(table.put(withSchema(fields, ROW)), undefined, "the old one is still good");
});

Deno.test("rows: after a restart the stored table is enough, with a schema, without, and mixed", async () => {
  const names = [
    "io.debezium.time.MicroTimestamp",
    "io.debezium.time.Timestamp",
    "io.debezium.time.Time",
  ];
  const fields = [field("int32", "id"), ...names.map((name, i) => field("int64", `t${i}`, name))];
  fields.push({
    ...field("bytes", "d", "org.apache.kafka.connect.data.Decimal"),
    parameters: { scale: "2", "connect.decimal.precision": "10" },
  });
  const row = { id: "1", t0: "1700000000000001", t1: "1700000000001", t2: "1000", d: '"MDk="' };
  const record = withSchema(fields, row);
  const codec = debeziumCodec();
  const head = codec.head();
  assert.equal(codec.scan(record, head), undefined);
  const described = codec.describe(record, head, undefined);
  assert.ok("table" in described);
  const stored: Table = JSON.parse(JSON.stringify(described.table));
  const bare = recordOf(
    '{"id":1}',
    write(envelope("null", Object.entries(row), { op: "c" }), DEBEZIUM),
  );
  for (const records of [[record], [bare], [bare, record, bare]]) {
    const again = debeziumCodec();
    const layout = layoutOf(stored);
    const rows = again.rows(layout);
    const batch = newBatch();
    for (const [i, each] of records.entries()) {
      const head = again.head();
      assert.equal(again.scan(each, head), undefined);
      assert.equal(rows.decode(each, head, batch, i + 1), undefined);
    }
    await using landing = await Landing.open();
    for (const { values } of await landing.land(layout, batch)) {
      assert.deepEqual(values, ["1", "1700000000000001", "1700000000001000", "00:00:01", "123.45"]);
    }
  }
});

Deno.test("rows: a fault names table, key and column, and what is wrong with the value", () => {
  const table = new Table1("default");
  const value = faultOf(table.put(event({ op: "c" }, null, { ...ROW, n: "2147483648" })));
  assert.equal(value.kind, "bad-value");
  assert.match(value.text, /column "n" \(integer\) of public\.t .* key id="1".*offset 42/);
  assert.match(value.text, /2147483648 does not fit into a 32-bit integer/);
  const form = faultOf(table.put(event({ op: "c" }, null, { ...ROW, n: '"7"' })));
  assert.equal(form.kind, "bad-record");
  assert.match(form.text, /column "n".*a string, "7"/);
  assert.equal(table.batch.rows, 0);
});

Deno.test("rows: a row larger than any slab is written, and one that has no room waits", async () => {
  const table = new Table1("default");
  table.batch = newBatch(65536);
  const large = event({ op: "c" }, null, { ...ROW, v: `"${"x".repeat(200_000)}"` });
  table.put(event({ op: "c" }, null, ROW));
  assert.equal(table.put(large)?.kind, "full");
  table.batch.discard();
  table.batch.become("filling");
  assert.equal(table.put(large), undefined);
  assert.equal((await table.landed())[0][2]?.length, 200_000);
});

Deno.test("scan: what is no change is none, and what only looks so is a fault", () => {
  const codec = debeziumCodec();
  const head = codec.head();
  const good = write(envelope("null", Object.entries(ROW), { op: "c" }), DEBEZIUM);
  for (const value of [null, '{"ts_ms":1}', "{}", '{"schema":{"type":"struct"},"payload":null}']) {
    assert.equal(codec.scan(recordOf('{"id":1}', value), head), undefined);
    assert.equal(head.op, null, String(value));
  }
  const bad: [string, RegExp][] = [
    [good.replace('"op":"c",', ""), /without "op"/],
    [good.replace('"op":"c"', '"op":"x"'), /"op" is "\\?"?x/],
    [good.replace('"op":"c"', '"op":"c","op":"c"'), /the key "op" twice/],
    [good.replace('"op":"c"', '"\\u006fp":"c","op":"c"'), /the key "op" twice/],
    [`${good} 1`, /behind the end/],
    [good.slice(0, -1), /it ends/],
    [good.replace('"v":"one"', `"v":${"[".repeat(100_000)}`), /at a depth of/],
    [good.replace('"lsn":311630592', '"lsn":9007199254740993'), /source\.lsn/],
    [good.replace('"after":{', '"after":[],"x":{'), /"after" is/],
    ["[]", /where/],
    ["", /it ends/],
  ];
  for (const [value, text] of bad) {
    for (let i = 0; i < 3; i++) { // before and after a skeleton was learnt
      const fault = codec.scan(recordOf('{"id":1}', value), head);
      assert.equal(fault?.kind, "bad-record", value.slice(0, 400));
      assert.match(fault.message, text);
      assert.equal(codec.scan(recordOf('{"id":1}', good), head), undefined);
    }
  }
  const fault = codec.scan(recordOf('{"id":1', good), head);
  assert.match(fault?.message ?? "", /the key of the record at offset 42 of bank\.public\.t/);
});

Deno.test("scan: a key whose columns are called schema and payload is a key", () => {
  const codec = debeziumCodec();
  const row: Parts = [["schema", '"a"'], ["payload", '"b"']];
  for (let i = 0; i < 3; i++) {
    const record = recordOf(
      write(row, DEBEZIUM),
      write(envelope("null", row, { op: "c" }), DEBEZIUM),
    );
    const head = codec.head();
    assert.equal(codec.scan(record, head), undefined);
    const described = codec.describe(record, head, undefined);
    assert.ok("table" in described);
    assert.deepEqual(described.table.key, [0, 1]);
  }
});

Deno.test("rows: what is said of a bad date is its own text, and nothing of what lies before it", () => {
  const table = new Table1("default", { id: "timestamptz", v: "text" });
  const stop = table.put(event({ op: "c" }, null, { id: '"2026"', v: '"a"' }));
  assert.ok(stop?.kind === "fault");
  assert.equal(stop.fault.details.received, '"2026" does not end in a date or time');
});

Deno.test("scan: what a record lacks is not that of another, by the general, the learnt and the compiled way", () => {
  const codec = debeziumCodec();
  const head = codec.head();
  const text = (lsn: string, transaction?: string) =>
    write(envelope("null", Object.entries(ROW), { op: "c", transaction }), DEBEZIUM)
      .replace('"lsn":311630592', `"lsn":${lsn}`);
  const given = [
    { record: recordOf('{"id":1}', text("311630592", "7:1")), lsn: 311630592, named: true },
    { record: recordOf('{"id":1}', text("null", "8:1")), lsn: 0, named: true },
    { record: recordOf('{"id":1}', text("311630592")), lsn: 311630592, named: false },
  ];
  for (let i = 0; i < 3 * (compiling.afterRecords + 10); i++) {
    const { record, lsn, named } = given[i % 3];
    assert.equal(codec.scan(record, head), undefined);
    assert.deepEqual([head.lsn, head.isInTransaction], [lsn, named]);
  }
});

Deno.test("scan: a codec that has learnt reads every captured record as one that has not", () => {
  const learnt = debeziumCodec();
  const records = captured().flatMap(recordsOf).filter(({ topic }) =>
    !topic.endsWith("transaction")
  );
  assert.ok(records.length > 200);
  const shown = (head: ChangeHead) =>
    JSON.stringify(head, (name, value) => {
      if (name === "shape") return value.names();
      if (name.endsWith("View")) return undefined;
      return value?.isPresent === false ? null : value;
    });
  const head = learnt.head();
  for (let round = 0; round < 3; round++) {
    for (const record of records) {
      const codec = debeziumCodec();
      const other = codec.head();
      assert.equal(learnt.scan(record, head)?.kind, codec.scan(record, other)?.kind);
      if (other.op === null || other.op === "m" || other.op === "t") {
        assert.equal(head.op, other.op);
      } else assert.equal(shown(head), shown(other));
    }
  }
});

Deno.test("describe: a table without a key is a fault; one from the catalogue keeps its types", () => {
  const codec = debeziumCodec();
  const head = codec.head();
  const keyless = event({ op: "c" }, null, ROW, { key: null });
  assert.equal(codec.scan(keyless, head), undefined);
  const fault = codec.describe(keyless, head, undefined);
  assert.ok("kind" in fault && fault.kind === "setup");
  const known = tableOf("full", { n: "int4", id: "int4", v: "text", b: "bytea", gone: "text" });
  const table = { ...known, key: [1] };
  const record = event({ op: "c" }, null, ROW);
  assert.equal(codec.scan(record, head), undefined);
  const described = codec.describe(record, head, table);
  assert.ok("table" in described);
  assert.deepEqual(described.table.columns.map(({ name }) => name), ["id", "v", "n", "b"]);
  assert.deepEqual([described.table.key, described.table.identity], [[0], "full"]);
  assert.match(described.unsure.join(), /lack its columns gone \(text\)/);
});
