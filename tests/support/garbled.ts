/** What Debezium 2.3.4 itself writes wrongly, value by value, with the reason. */

/** A value of a column of value_cases.ts or extra_cases.ts. */
export interface Garbled {
  column: string;
  /** SQL of the value; `*`: any. */
  value: string;
  via: "snapshot" | "stream" | "both";
}

const CALENDAR = "the snapshot reads it as a java.sql type, with Julian dates before 1582-10-15";
const SIGN = "money comes as a decimal, without the sign of its currency";
const ISO = "without the catalogue nobody knows that this text is an interval";
const BYTES = "without the catalogue it is bytes of which nobody knows that they are text";

export const GARBLED: readonly (Garbled & {
  reason: string;
  /** Only in this one of the test's runs. */
  only?: string;
})[] = [
  { column: "date", value: "'1582-10-14'", via: "snapshot", reason: CALENDAR },
  { column: "date", value: "'4713-01-01 BC'", via: "snapshot", reason: CALENDAR },
  ...["ts", "tstz"].flatMap((column) =>
    ["'0001-01-01 00:00:00'", "'4713-01-01 00:00:00 BC'", "'0044-03-15 12:00:00.000001 BC'"].map(
      (value) => ({ column, value, via: "snapshot" as const, reason: CALENDAR }),
    )
  ),
  { column: "timetz", value: "*", via: "both", reason: "timetz is moved to UTC" },
  { column: "money", value: "*", via: "both", reason: SIGN },
  { column: "cash", value: "*", via: "both", reason: SIGN },
  { column: "grid", value: "*", via: "both", reason: "elements of two dimensions come as null" },
  { column: "times", value: "*", via: "both", reason: "BC is lost in an array" },
  { column: "bits20", value: "B'0001'", via: "both", reason: "its length is lost" },
  {
    column: "moods",
    value: "'{sad,NULL}'",
    via: "both",
    reason: "an array of an enum with a NULL comes as null as a whole",
  },
  ...[
    { column: "num", value: "'NaN'", reason: "without the catalogue it is text, written NAN" },
    { column: "intervl", value: "*", reason: ISO },
    { column: "interval2", value: "*", reason: ISO },
    { column: "point", value: "*", reason: "without the catalogue it is a struct, kept as JSON" },
    { column: "bits", value: "*", reason: "without the catalogue it is filled to its length" },
    { column: "bits20", value: "B''", reason: "as `bits`" },
    { column: "bits20", value: "B'1'", reason: "as `bits`" },
    { column: "bit1", value: "*", reason: "without the catalogue it is a boolean" },
    { column: "pair", value: `ROW(1, 'a,"b')::pair`, reason: BYTES },
    { column: "tsvector", value: "*", reason: BYTES },
  ].map((each) => ({ ...each, via: "both" as const, only: "schemas" })),
];
