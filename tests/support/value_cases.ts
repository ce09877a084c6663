/** PostgreSQL's types with values at their edges, for values_test.ts. */

/** A column: its type, its values as SQL, how PostgreSQL and DuckDB say the value as one text. */
export interface Case {
  name: string;
  type: string;
  values: string[];
  /** SQL on both sides, with `$` for the column; `duckdb` where it differs. */
  postgres?: string;
  duckdb?: string;
  /** The type here, by DuckDB's `typeof`. */
  becomes: string;
}

const MICROS = {
  postgres: "CASE WHEN isfinite($) THEN (extract(epoch FROM $) * 1000000)::numeric(40,0)::text " +
    "ELSE $::text END",
  duckdb: "CASE WHEN isfinite($) THEN epoch_us($)::VARCHAR ELSE $::VARCHAR END",
};
const DAYS = {
  postgres: "CASE WHEN isfinite($) THEN ($ - date '1970-01-01')::text ELSE $::text END",
  duckdb: "CASE WHEN isfinite($) THEN date_diff('day', DATE '1970-01-01', $)::VARCHAR " +
    "ELSE $::VARCHAR END",
};
const TIMESTAMPS = [
  "'1970-01-01 00:00:00'",
  "'2026-11-23 13:22:55.5638'",
  "'1969-12-31 23:59:59.999999'",
  "'0001-01-01 00:00:00'",
  "'4713-01-01 00:00:00 BC'",
  "'0044-03-15 12:00:00.000001 BC'",
  "'294246-12-31 23:59:59.999999'",
  "'21016-11-04 06:51:30.123456'",
  "'2000-02-29 00:00:00'",
  "'infinity'",
  "'-infinity'",
];

/** Types that the decoder reads in binary as well as in text. */
export const PLAIN: Case[] = [
  {
    name: "bool",
    type: "boolean",
    values: ["true", "false"],
    postgres: "$::int::text",
    duckdb: "$::INT::VARCHAR",
    becomes: "BOOLEAN",
  },
  { name: "int2", type: "smallint", values: ["0", "-1", "32767", "-32768"], becomes: "SMALLINT" },
  {
    name: "int4",
    type: "integer",
    values: ["0", "-1", "2147483647", "-2147483648"],
    becomes: "INTEGER",
  },
  {
    name: "int8",
    type: "bigint",
    values: [
      "0",
      "-1",
      "9007199254740993",
      "-9007199254740993",
      "9223372036854775807",
      "-9223372036854775808",
      "4294967296",
      "-4294967296",
      "4294967295",
    ],
    becomes: "BIGINT",
  },
  {
    name: "real",
    type: "real",
    values: [
      "0",
      "'-0'",
      "1.5",
      "3.4028235e38",
      "1e-45",
      "'NaN'",
      "'Infinity'",
      "'-Infinity'",
      "0.1",
    ],
    postgres: "$::float8::text",
    duckdb: "$::DOUBLE::VARCHAR",
    becomes: "FLOAT",
  },
  {
    name: "double",
    type: "double precision",
    values: [
      "0",
      "0.1",
      "1.7976931348623157e308",
      "5e-324",
      "'NaN'",
      "'Infinity'",
      "'-Infinity'",
      "-123456.789",
    ],
    becomes: "DOUBLE",
  },
  {
    name: "dec4",
    type: "numeric(4,2)",
    values: ["0", "99.99", "-99.99", "0.01", "-0.01"],
    becomes: "DECIMAL(4,2)",
  },
  {
    name: "dec9",
    type: "numeric(9,0)",
    values: ["0", "999999999", "-999999999"],
    becomes: "DECIMAL(9,0)",
  },
  {
    name: "dec18",
    type: "numeric(18,2)",
    values: [
      "0",
      "0.10",
      "9999999999999999.99",
      "-9999999999999999.99",
      "10000",
      "100000000",
      "1234567.89",
      "-0.01",
      "20000.00",
    ],
    becomes: "DECIMAL(18,2)",
  },
  {
    name: "dec38",
    type: "numeric(38,10)",
    values: [
      "0",
      "1",
      "-1",
      "9999999999999999999999999999.9999999999",
      "-9999999999999999999999999999.9999999999",
      "0.0000000001",
      "-0.0000000001",
      "10000000000000000",
    ],
    becomes: "DECIMAL(38,10)",
  },
  {
    name: "dec38_38",
    type: "numeric(38,38)",
    values: [
      "0",
      "0.99999999999999999999999999999999999999",
      "-0.00000000000000000000000000000000000001",
    ],
    becomes: "DECIMAL(38,38)",
  },
  {
    name: "uuid",
    type: "uuid",
    values: [
      "'00000000-0000-0000-0000-000000000000'",
      "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
      "'80000000-0000-0000-0000-000000000001'",
      "'01234567-89ab-cdef-0123-456789abcdef'",
    ],
    becomes: "UUID",
  },
  {
    name: "text",
    type: "text",
    values: [
      "''",
      "'a'",
      "'twelve bytes'",
      "'thirteen byte'",
      "'NULL'",
      "'\\N'",
      "E'tab\\tnew\\nline\\\\'",
      "'😀 日本語 العربية Ünï'",
      "repeat('é', 5000)",
      "repeat('x', 300000)",
      "'__debezium_unavailable_value'",
      "E'\\x01\\x7f'",
    ],
    becomes: "VARCHAR",
  },
  {
    name: "varchar",
    type: "varchar(20)",
    values: ["''", "'äöü'", "repeat('x', 20)"],
    becomes: "VARCHAR",
  },
  {
    name: "bpchar",
    type: "char(5)",
    values: ["'a'", "'abcde'", "''"],
    postgres: "rpad($::text, 5)",
    becomes: "VARCHAR",
  },
  { name: "name", type: "name", values: ["'a name'"], becomes: "VARCHAR" },
  {
    name: "enum",
    type: "mood",
    values: ["'sad'", "'very happy'"],
    postgres: "$::text",
    becomes: "VARCHAR",
  },
  { name: "domain", type: "cents", values: ["0", "12345678.90"], becomes: "DECIMAL(10,2)" },
  {
    name: "jsonb",
    type: "jsonb",
    values: [
      "'{}'",
      `'{"b": [1, 2.50, null], "a": "\\u00e9 \\" \\\\"}'`,
      "'12345678901234567890.123'",
      `'"text"'`,
      "'null'",
    ],
    becomes: "JSON",
  },
  { name: "json", type: "json", values: [`'{"z":1, "a":2, "a":3}'`, "' [1 ]'"], becomes: "JSON" },
  {
    name: "bytea",
    type: "bytea",
    values: [
      "'\\x'",
      "'\\x00ff10'",
      "'\\x000102030405060708090a0b0c0d0e0f'",
      "decode(repeat('ab', 5000), 'hex')",
    ],
    postgres: "encode($, 'hex')",
    duckdb: "lower(hex($))",
    becomes: "BLOB",
  },
  {
    name: "date",
    type: "date",
    values: [
      "'1970-01-01'",
      "'1582-10-14'",
      "'1582-10-15'",
      "'0001-01-01'",
      "'4713-01-01 BC'",
      "'5874897-12-31'",
      "'infinity'",
      "'-infinity'",
      "'1900-02-28'",
    ],
    ...DAYS,
    becomes: "DATE",
  },
  {
    name: "time",
    type: "time",
    values: ["'00:00:00'", "'23:59:59.999999'", "'24:00:00'", "'13:22:55.5638'"],
    becomes: "TIME",
  },
  { name: "ts", type: "timestamp", values: TIMESTAMPS, ...MICROS, becomes: "TIMESTAMP" },
  {
    name: "ts3",
    type: "timestamp(3)",
    values: ["'2026-11-23 13:22:55.563'"],
    ...MICROS,
    becomes: "TIMESTAMP",
  },
  {
    name: "tstz",
    type: "timestamptz",
    values: TIMESTAMPS,
    ...MICROS,
    becomes: "TIMESTAMP WITH TIME ZONE",
  },
];

/** Types that come as text, which makes the whole stream one of text. */
export const AS_TEXT: Case[] = [
  {
    name: "num",
    type: "numeric",
    values: ["0", "'NaN'", "1.500", "1e-30", "-123456789012345678901234567890123456789012345678.9"],
    becomes: "VARCHAR",
  },
  {
    name: "num50",
    type: "numeric(50,5)",
    values: ["1.5", "-123456789012345678901234567890123456789012345.67890"],
    becomes: "VARCHAR",
  },
  {
    name: "intervl",
    type: "interval",
    values: ["'1 year 2 mons -3 days 04:05:06.789'", "'0'"],
    becomes: "VARCHAR",
  },
  { name: "timetz", type: "timetz", values: ["'13:22:55.5+02'"], becomes: "VARCHAR" },
  {
    name: "inet",
    type: "inet",
    values: ["'192.168.0.1/24'", "'::1'"],
    postgres: "CASE WHEN $ IS NOT NULL THEN format('%s', $) END",
    becomes: "VARCHAR",
  },
  { name: "point", type: "point", values: ["'(1,2)'"], becomes: "VARCHAR" },
  { name: "range", type: "int4range", values: ["'[1,10)'", "'empty'"], becomes: "VARCHAR" },
  { name: "bits", type: "bit varying(9)", values: ["B'101'"], becomes: "VARCHAR" },
  {
    name: "pair",
    type: "pair",
    values: ["ROW(1, 'a,\"b')::pair", "ROW(NULL, NULL)::pair"],
    becomes: "VARCHAR",
  },
  { name: "money", type: "money", values: ["12.34"], becomes: "VARCHAR" },
  { name: "grid", type: "int[][]", values: ["'{{1,2},{3,4}}'"], becomes: "VARCHAR" },
  {
    name: "ints",
    type: "int[]",
    values: ["'{}'", "'{1,NULL,-3}'"],
    postgres: "to_json($)::text",
    duckdb: "to_json($)::VARCHAR",
    becomes: "INTEGER[]",
  },
  {
    name: "texts",
    type: "text[]",
    values: [`'{a,"b c","q\\"uote","back\\\\slash",NULL,"NULL","","😀"}'`],
    postgres: "to_json($)::text",
    duckdb: "to_json($)::VARCHAR",
    becomes: "VARCHAR[]",
  },
  {
    name: "decs",
    type: "numeric(10,2)[]",
    values: ["'{1.50,-99999999.99,NULL}'"],
    postgres: "(SELECT to_json(array_agg(x::text)) FROM unnest($) x)::text",
    duckdb: "to_json(list_transform($, lambda x: x::VARCHAR))::VARCHAR",
    becomes: "DECIMAL(10,2)[]",
  },
  {
    name: "bools",
    type: "bool[]",
    values: ["'{t,f,NULL}'"],
    postgres: "to_json($)::text",
    duckdb: "to_json($)::VARCHAR",
    becomes: "BOOLEAN[]",
  },
  {
    name: "uuids",
    type: "uuid[]",
    values: ["'{01234567-89ab-cdef-0123-456789abcdef}'"],
    postgres: "to_json($)::text",
    duckdb: "to_json($)::VARCHAR",
    becomes: "UUID[]",
  },
  {
    name: "times",
    type: "timestamptz[]",
    values: ['\'{"2026-11-23 13:22:55.5638+00","0044-03-15 12:00:00+00 BC",infinity}\''],
    postgres:
      "(SELECT to_json(array_agg(CASE WHEN isfinite(x) THEN (extract(epoch FROM x)*1000000)::numeric(40,0)::text ELSE x::text END)) FROM unnest($) x)::text",
    duckdb:
      "to_json(list_transform($, lambda x: CASE WHEN isfinite(x) THEN epoch_us(x)::VARCHAR ELSE x::VARCHAR END))::VARCHAR",
    becomes: "TIMESTAMP WITH TIME ZONE[]",
  },
  {
    name: "jsons",
    type: "jsonb[]",
    values: [`ARRAY['{"a": [1, null]}'::jsonb, '"text"', 'null', NULL]`],
    postgres: "to_json($::text[])::text",
    duckdb: "to_json(list_transform($, lambda x: x::VARCHAR))::VARCHAR",
    becomes: "JSON[]",
  },
  {
    name: "blobs",
    type: "bytea[]",
    values: [`'{"\\\\x00ff","\\\\x"}'`],
    postgres: "(SELECT to_json(array_agg(encode(x, 'hex'))) FROM unnest($) x)::text",
    duckdb: "to_json(list_transform($, lambda x: lower(hex(x))))::VARCHAR",
    becomes: "BLOB[]",
  },
];
