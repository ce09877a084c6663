/** Types that Debezium treats in ways of its own, beside those of value_cases.ts. */
import type { Case } from "./value_cases.ts";

const AS_JSON = { postgres: "to_json($)::text", duckdb: "to_json($)::VARCHAR" };

function asText(name: string, type: string, ...values: string[]): Case {
  return { name, type, values, becomes: "VARCHAR" };
}

export const EXTRA_CASES: Case[] = [
  {
    name: "time0",
    type: "time(0)",
    values: ["'00:00:00'", "'23:59:59'", "'24:00:00'"],
    becomes: "TIME",
  },
  { name: "time3", type: "time(3)", values: ["'23:59:59.999'"], becomes: "TIME" },
  asText("cidr", "cidr", "'10.1.0.0/16'", "'::/0'"),
  asText("mac", "macaddr", "'08:00:2b:01:02:03'"),
  asText("mac8", "macaddr8", "'08:00:2b:01:02:03:04:05'"),
  asText("oid", "oid", "0", "4294967295"),
  asText("xml", "xml", "'<a b=\"1\">&lt;</a>'"),
  asText("bit1", "bit(1)", "B'0'", "B'1'"),
  asText("bit8", "bit(8)", "B'00000001'", "B'10000000'"),
  asText("bits20", "bit varying(20)", "B''", "B'1'", "B'0001'", "B'10101010101010101010'"),
  asText("numrange", "numrange", "'[1.10,2.20]'", "'(,)'"),
  asText("daterange", "daterange", "'[2026-01-01,2026-02-01)'", "'[2026-01-01,)'"),
  asText("tsvector", "tsvector", "'a:1 b:2'::tsvector"),
  asText("lsn", "pg_lsn", "'0/0'", "'FFFFFFFF/FFFFFFFF'"),
  asText("cash", "money", "'-92233720368547758.08'", "'1234.56'"),
  asText("interval2", "interval", "'-1 days -00:00:00.000001'", "'178000000 years 11 mons'"),
  { name: "dates", type: "date[]", values: ["'{2026-02-28,NULL}'"], ...AS_JSON, becomes: "DATE[]" },
  {
    name: "bigs",
    type: "bigint[]",
    values: ["'{9223372036854775807,NULL}'"],
    postgres: "array_to_string($, ',', 'null')",
    duckdb: "array_to_string(list_transform($, lambda x: coalesce(x::VARCHAR, 'null')), ',')",
    becomes: "BIGINT[]",
  },
  {
    name: "moods",
    type: "mood[]",
    values: ["'{sad,very happy}'", "'{sad,NULL}'"],
    ...AS_JSON,
    becomes: "VARCHAR[]",
  },
];
