/**
 * Tables, values and events of every kind against the reference: `JSON.parse` and plain code, and
 * what lands in DuckDB. Seeds are printed by fast-check when a property fails.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { TableLayout } from "../../batch/column.ts";
import type { Table } from "../../catalog/catalog.ts";
import type { DebeziumRows } from "../decoder.ts";
import { debeziumCodec } from "./codec.ts";
import {
  DEBEZIUM,
  envelope,
  envelopeSchema,
  type Parts,
  struct,
  type Style,
  wrapped,
  write,
} from "./events_fixture.ts";
import type { DebeziumModes } from "./forms.ts";
import { columnOfKind, type Kind, kinds } from "./kinds_fixture.ts";
import { type LandedRow, Landing, layoutOf, newBatch, recordOf } from "./landing_fixture.ts";
import { Bad, type Json, parseJson, type Read, same } from "./reference_fixture.ts";

const modes: fc.Arbitrary<DebeziumModes> = fc.record({
  decimal: fc.constantFrom("string", "precise", "double"),
  time: fc.constantFrom("adaptive", "adaptive_time_microseconds", "connect"),
  binary: fc.constantFrom("base64", "base64-url-safe", "hex"),
});
const style: fc.Arbitrary<Style> = fc.oneof(
  { arbitrary: fc.constant(DEBEZIUM), weight: 2 },
  {
    arbitrary: fc.record({
      shuffle: fc.option(fc.integer(), { nil: null }),
      spaces: fc.option(fc.integer(), { nil: null }),
    }),
    weight: 1,
  },
);

interface Event {
  op: "c" | "u" | "r" | "d";
  id: string;
  values: string[];
  style: Style;
}
interface Case {
  modes: DebeziumModes;
  names: string[];
  withSchema: boolean;
  isKnown: boolean;
  isFull: boolean;
  events: Event[];
}

const id = fc.oneof(fc.bigInt(1n, 5n), fc.bigInt(2n ** 53n, 2n ** 63n - 1n)).map(String);

const cases: fc.Arbitrary<Case> = modes.chain((modes) => {
  const all = kinds(modes);
  return fc.subarray(Object.keys(all), { minLength: 1, maxLength: 6 }).chain((names) => {
    const chosen = names.map((name) => all[name]);
    return fc.record({
      modes: fc.constant(modes),
      names: fc.constant(names),
      withSchema: fc.boolean(),
      isKnown: fc.boolean(),
      isFull: fc.boolean(),
      events: fc.array(
        fc.record({
          op: fc.constantFrom("c", "u", "r", "d"),
          id,
          values: fc.tuple(...chosen.map(({ json }) => fc.option(json, { nil: "null", freq: 8 }))),
          style,
        }) as fc.Arbitrary<Event>,
        { minLength: 1, maxLength: 12 },
      ),
    });
  });
});

const encoder = new TextEncoder();

/** The values that the reference reads, or undefined where it says that they can't be held. */
function expected(
  event: Event,
  reads: Read[],
  usesBefore: boolean,
): (string | null)[] | undefined {
  const read = (json: string, how: Read) => {
    const value: Json = parseJson(encoder.encode(json));
    return value === null ? null : how(value);
  };
  try {
    return [
      String(BigInt(event.id)),
      ...event.values.map((json, i) =>
        event.op === "d" && !usesBefore ? null : read(json, reads[i])
      ),
    ];
  } catch (error) {
    if (!(error instanceof Bad)) throw error;
    return undefined;
  }
}

function recordOfEvent(event: Event, given: Case, chosen: Kind[]) {
  const row: Parts = [
    ["id", event.id],
    ...event.values.map((json, i): [string, string] => [`c${i}`, json]),
  ];
  const before: Parts | string = event.op === "d" || given.isFull && event.op === "u"
    ? row
    : "null";
  const value = envelope(before, event.op === "d" ? "null" : row, { op: event.op });
  const key: Parts = [["id", event.id]];
  if (!given.withSchema) return recordOf(write(key, event.style), write(value, event.style));
  const idField = { type: "int64", optional: false, field: "id" };
  const fields = chosen.map(({ schema }, i) => ({
    ...schema,
    optional: true,
    field: `c${i}`,
  }));
  return recordOf(
    write(wrapped(struct([idField]), key), event.style),
    write(wrapped(envelopeSchema([idField, ...fields]), value), event.style),
  );
}

const tableOf = (given: Case, chosen: Kind[]): Table => ({
  oid: 7,
  schema: "public",
  name: "t",
  columns: [
    columnOfKind("id", kinds(given.modes).int8),
    ...chosen.map((kind, i) => columnOfKind(`c${i}`, kind)),
  ],
  key: [0],
  identity: given.isFull ? "full" : "default",
});

Deno.test("generated: what is decoded is what the reference reads, and lands in DuckDB", async () => {
  await using landing = await Landing.open();
  let rowsSeen = 0;
  let faultsSeen = 0;
  await fc.assert(
    fc.asyncProperty(cases, async (given) => {
      const codec = debeziumCodec(given.modes);
      const all = kinds(given.modes);
      const chosen = given.names.map((name) => all[name]);
      const head = codec.head();
      const batch = newBatch();
      const isDerived = given.withSchema && !given.isKnown;
      let layout: TableLayout | undefined;
      let rows: DebeziumRows | undefined;
      const wanted: LandedRow[] = [];
      let updated = false;
      for (const [seq, event] of given.events.entries()) {
        const record = recordOfEvent(event, given, chosen);
        assert.equal(codec.scan(record, head), undefined);
        assert.equal(head.op, event.op);
        if (rows === undefined || layout === undefined) {
          const described = codec.describe(
            record,
            head,
            isDerived ? undefined : tableOf(given, chosen),
          );
          if (!("table" in described)) throw described;
          assert.deepEqual(described.unsure, []);
          const names = described.table.columns.map(({ name }) => name);
          assert.equal(
            names.toSorted().join(),
            tableOf(given, chosen).columns.map((c) => c.name).sort().join(),
          );
          layout = layoutOf(described.table);
          rows = codec.rows(layout);
        }
        const reads = chosen.map((kind) => isDerived ? kind.derived?.read ?? kind.read : kind.read);
        if (event.op === "u") updated = true;
        const usesBefore = isDerived ? isEvident(event, updated && !given.isFull) : given.isFull;
        const values = expected(event, reads, usesBefore);
        const before = batch.rows;
        const stop = rows.decode(record, head, batch, seq + 1);
        if (values === undefined) {
          assert.ok(stop?.kind === "fault", `a fault was expected for ${JSON.stringify(event)}`);
          assert.ok(["bad-value", "bad-record"].includes(stop.fault.kind));
          assert.equal(batch.rows, before);
          faultsSeen++;
        } else {
          if (stop?.kind === "fault") throw stop.fault;
          assert.equal(stop, undefined);
          const order = layout.table.columns.map(({ name }) =>
            name === "id" ? 0 : Number(name.slice(1)) + 1
          );
          wanted.push({ op: event.op, seq: seq + 1, values: order.map((i) => values[i]) });
          rowsSeen++;
        }
      }
      if (layout === undefined) return;
      const landed = await landing.land(layout, batch);
      await landing.drop(layout);
      assert.deepEqual(
        landed.map(({ op, seq }) => [op, seq]),
        wanted.map(({ op, seq }) => [op, seq]),
      );
      for (const [r, { values }] of landed.entries()) {
        for (const [i, value] of values.entries()) {
          same(value, wanted[r].values[i], layout.table.columns[i].type);
        }
      }
    }),
    { numRuns: 400 },
  );
  assert.ok(rowsSeen > 1000 && faultsSeen > 50, `${rowsSeen} rows and ${faultsSeen} faults`);
});

/** Whether a delete's `before` is taken where no catalogue tells. `isNotFull`: an update without
 * `before` was seen; all columns but the key are optional. */
function isEvident(event: Event, isNotFull: boolean): boolean {
  return event.op === "d" && !isNotFull && event.values.some((json) => json !== "null");
}
