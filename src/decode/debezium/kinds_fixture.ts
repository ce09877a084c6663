/** Kinds of columns with values of theirs as Debezium writes them, and how the reference reads them. */
import fc from "fast-check";
import type { Column, ColumnType } from "../../catalog/catalog.ts";
import { decimalKind, numericKind } from "./decimal_kinds_fixture.ts";
import type { DebeziumModes } from "./forms.ts";
import { integer, odd, pad, quote, string } from "./json_values_fixture.ts";
import type { Kind } from "./kind_fixture.ts";
import * as read from "./reference_fixture.ts";
import type { FieldSchema } from "./schema_block.ts";

const timestampText = fc.record({
  year: fc.oneof(fc.integer({ min: 1990, max: 2040 }), fc.integer({ min: -4000, max: 250_000 })),
  rest: fc.date({ min: new Date(0), max: new Date(1e12), noInvalidDate: true }),
  nanos: fc.constantFrom("", ".5", ".5638", ".563800", ".999999", ".123456000"),
}).map(({ year, rest, nanos }) => {
  const sign = year < 0 ? "-" : year > 9999 ? "+" : "";
  const leap = rest.toISOString().slice(4, 19).replace("-02-29", "-02-28");
  return quote(`${sign}${pad(Math.abs(year), 4)}${leap}${nanos}Z`);
});

const hex = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => bytes.toHex());
const uuid = hex(16).map((text) =>
  quote(text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"))
);

function bytesText(form: DebeziumModes["binary"]): fc.Arbitrary<string> {
  return fc.uint8Array({ maxLength: 40 }).map((bytes) =>
    quote(
      form === "hex"
        ? bytes.toHex()
        : bytes.toBase64({ alphabet: form === "base64" ? "base64" : "base64url" }),
    )
  );
}

const micros = fc.oneof(
  fc.bigInt(1_600_000_000_000_000n, 1_800_000_000_000_000n),
  fc.bigInt(-200_000_000_000_000_000n, 9_100_000_000_000_000_000n),
);
const SENTINELS = ["9223372036825200000", "-9223372036832400000"];

/** As Debezium and as PostgreSQL write them. */
const INTERVALS = {
  "P1Y2M3DT4H5M6.78S": "1 year 2 mons 3 days 04:05:06.78",
  "P0Y0M0DT0H0M0S": "00:00:00",
  "P-178000000Y-11M-1DT0H0M-0.000001S": "-178000000 years -11 mons -1 days -00:00:00.000001",
  "P0Y-1M2DT0H0M0S": "-1 mons +2 days",
  "P0Y0M-1DT25H0M0.5S": "-1 days +25:00:00.5",
};

/** All kinds, as a connector with these modes writes them. */
export function kinds(modes: DebeziumModes): Record<string, Kind> {
  const isConnect = modes.time === "connect";
  const temporal = (name: string, type = "int64"): FieldSchema => ({ type, name });
  const plain = (
    kind: string,
    typeOid: number,
    sourceType: string,
    schema: FieldSchema,
    json: fc.Arbitrary<string>,
    how: read.Read,
  ): Kind => {
    const type = (kind === "text" ? { kind, exact: true } : { kind }) as ColumnType;
    return { type, typeOid, typeMod: -1, sourceType, schema, json, read: how };
  };
  const timeKind = (precision: number): Kind => {
    const isMs = isConnect || modes.time === "adaptive" && precision <= 3;
    const name = isConnect
      ? "org.apache.kafka.connect.data.Time"
      : isMs
      ? "io.debezium.time.Time"
      : "io.debezium.time.MicroTime";
    const max = isMs ? 86_400_000n : 86_400_000_000n;
    return {
      ...plain(
        "time",
        1083,
        `time(${precision})`,
        temporal(name, isMs ? "int32" : "int64"),
        odd(fc.bigInt(0n, max).map(String), `${max}`, `${max + 1n}`, "-1"),
        read.time(isMs ? 1000 : 1),
      ),
      typeMod: precision,
    };
  };
  const timestampKind = (precision: number): Kind => {
    const isMs = isConnect || precision <= 3;
    const name = isConnect
      ? "org.apache.kafka.connect.data.Timestamp"
      : isMs
      ? "io.debezium.time.Timestamp"
      : "io.debezium.time.MicroTimestamp";
    const json = odd(
      micros.map((at) => String(isMs ? at / 1000n : at)),
      ...SENTINELS,
      "9223372036825200",
      "-9223372036832400",
      "9223372036854775807",
      "9223372036854775806",
      "1e5",
    );
    return {
      ...plain(
        "timestamp",
        1114,
        `timestamp(${precision})`,
        temporal(name),
        json,
        read.timestamp(isMs ? 1000 : 1),
      ),
      typeMod: precision,
    };
  };
  const date = plain(
    "date",
    1082,
    "date",
    temporal(isConnect ? "org.apache.kafka.connect.data.Date" : "io.debezium.time.Date", "int32"),
    odd(
      fc.oneof(
        fc.integer({ min: 0, max: 40_000 }),
        fc.integer({ min: -2_440_588, max: 2_145_042_905 }),
      )
        .map(String),
      "-2440589",
      "2147483647",
      "-2147472692",
      "-2147472691",
    ),
    read.date,
  );
  const scalars: Record<string, Kind> = {
    bool: plain("bool", 16, "boolean", { type: "boolean" }, fc.boolean().map(String), read.bool),
    int2: plain("int2", 21, "smallint", { type: "int16" }, integer(16), read.whole(16)),
    int4: plain("int4", 23, "integer", { type: "int32" }, integer(32), read.whole(32)),
    int8: plain("int8", 20, "bigint", { type: "int64" }, integer(64), read.whole(64)),
    float4: {
      ...plain(
        "float4",
        700,
        "real",
        { type: "float" },
        odd(
          fc.float({ noNaN: true, noDefaultInfinity: true }).map(String),
          '"NaN"',
          '"-Infinity"',
          "1e39",
          '"x"',
        ),
        read.float(true),
      ),
    },
    float8: {
      ...plain(
        "float8",
        701,
        "double precision",
        { type: "double" },
        odd(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), '"Infinity"', "1e400"),
        read.float(false),
      ),
    },
    decimal18: decimalKind(18, 2, modes.decimal),
    decimal38: decimalKind(38, 10, modes.decimal),
    decimal4: decimalKind(4, 4, modes.decimal),
    decimal9: decimalKind(9, 0, modes.decimal),
    numeric: numericKind(modes.decimal),
    text: plain("text", 25, "text", { type: "string" }, string, read.text),
    varchar: plain("text", 1043, "character varying(40)", { type: "string" }, string, read.text),
    uuid: plain(
      "uuid",
      2950,
      "uuid",
      { type: "string", name: "io.debezium.data.Uuid" },
      odd(uuid, '"x"', '"01234567-89ab-cdef-0123456789ab-cdef"', "1"),
      read.uuid,
    ),
    jsonb: plain(
      "json",
      3802,
      "jsonb",
      { type: "string", name: "io.debezium.data.Json" },
      odd(fc.json().map(quote), '"{"', '""', '"1 "'),
      read.json,
    ),
    bytea: {
      ...plain(
        "bytea",
        17,
        "bytea",
        { type: modes.binary === "base64" ? "bytes" : "string" },
        odd(bytesText(modes.binary), '"A"', '"AB=="', '"=AAA"', '"A-_/"'),
        read.bytes(modes.binary),
      ),
      ...(modes.binary === "base64" ? {} : { derived: { read: read.text } }),
    },
    date,
    time3: timeKind(3),
    time6: timeKind(6),
    timestamp3: timestampKind(3),
    timestamp6: timestampKind(6),
    timestamptz: plain(
      "timestamptz",
      1184,
      "timestamp with time zone",
      { type: "string", name: "io.debezium.time.ZonedTimestamp" },
      odd(
        timestampText,
        '"infinity"',
        '"-infinity"',
        '"2026-02-29T00:00:00Z"',
        '"2026-01-01T24:00:00Z"',
        '"2026-01-01T10:00:00+05:30"',
        '"2026-01-01T10:00:00.1234567Z"',
        '"2026-01-01 10:00:00Z"',
        '"0000-03-01T00:00Z"',
      ),
      read.timestamptz,
    ),
    interval: {
      ...plain(
        "text",
        1186,
        "interval",
        { type: "string", name: "io.debezium.time.Interval" },
        fc.constantFrom(...Object.keys(INTERVALS).map(quote)),
        read.oneOf(INTERVALS),
      ),
      derived: { read: read.text },
      type: { kind: "text", exact: false },
    },
    bit5: {
      ...plain(
        "text",
        1560,
        "bit(5)",
        { type: "bytes", name: "io.debezium.data.Bits", parameters: { length: "5" } },
        odd(fc.nat(31).map((n) => quote(Uint8Array.of(n).toBase64())), '"IA=="', '"AAA="'),
        read.bits(5),
      ),
      type: { kind: "text", exact: false },
      typeMod: 5,
    },
    bit1: {
      ...plain("text", 1560, "bit(1)", { type: "boolean" }, fc.boolean().map(String), read.bits(1)),
      type: { kind: "text", exact: false },
      typeMod: 1,
      derived: { read: read.bool },
    },
  };
  const all = { ...scalars };
  for (const [name, shown] of Object.entries(ELEMENTS)) {
    const of = scalars[name];
    // Elements of a time array are µs in every mode.
    const element = name === "time6" && isConnect
      ? kinds({ ...modes, time: "adaptive" })[name]
      : of;
    const json = fc.array(fc.option(element.json, { nil: "null", freq: 10 }), { maxLength: 5 });
    all[`${name}[]`] = {
      ...element,
      type: { kind: "array", of: of.type },
      typeOid: 1_000_000 + of.typeOid,
      sourceType: `${of.sourceType}[]`,
      schema: { type: "array", items: { ...element.schema, optional: true } },
      json: odd(json.map((each) => `[${each.join(",")}]`), "[[1]]", "1", '""'),
      read: read.array(element.read, shown),
      ...(of.derived === undefined ? {} : { derived: { read: read.array(of.derived.read) } }),
    };
  }
  return all;
}

const epochText = (text: string) => {
  if (text.includes("infinity")) return text;
  return `µs ${text}`;
};

/** Of which there are arrays; how an element is shown, where its text is not that of a scalar. */
const ELEMENTS: Record<string, ((text: string) => string) | undefined> = {
  bool: undefined,
  int2: undefined,
  int4: undefined,
  int8: undefined,
  float8: undefined,
  decimal18: undefined,
  decimal38: undefined,
  text: undefined,
  uuid: undefined,
  bytea: undefined,
  date: epochText,
  time6: undefined,
  timestamp3: epochText,
  timestamp6: epochText,
  timestamptz: epochText,
};

/** A column of this kind. */
export function columnOfKind(name: string, kind: Kind): Column {
  const { type, typeOid, typeMod, sourceType } = kind;
  const toastable = ["text", "json", "bytea", "array"].includes(type.kind);
  return { name, type, sourceType, typeOid, typeMod, notNull: false, toastable };
}

export type { Kind };
