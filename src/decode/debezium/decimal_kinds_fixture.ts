/** Columns of decimals in each mode of the connector. */
import fc from "fast-check";
import type { ColumnType } from "../../catalog/catalog.ts";
import type { DebeziumModes } from "./forms.ts";
import { decimalText, odd, quote, spread, twosComplement } from "./json_values_fixture.ts";
import type { Kind } from "./kind_fixture.ts";
import * as read from "./reference_fixture.ts";

export function decimalKind(
  precision: number,
  scale: number,
  mode: DebeziumModes["decimal"],
): Kind {
  const type: ColumnType = { kind: "decimal", width: precision, scale };
  const rest = {
    type,
    typeOid: 1700,
    typeMod: (precision << 16 | scale) + 4,
    sourceType: `numeric(${precision},${scale})`,
  };
  const limit = 10n ** BigInt(precision);
  switch (mode) {
    case "precise":
      return {
        ...rest,
        schema: {
          type: "bytes",
          name: "org.apache.kafka.connect.data.Decimal",
          parameters: { scale: `${scale}`, "connect.decimal.precision": `${precision}` },
        },
        json: odd(
          fc.bigInt(-limit + 1n, limit - 1n).map((n) => quote(twosComplement(n))),
          quote(twosComplement(limit)),
          '""',
          '"AQ"',
        ),
        read: read.decimal(precision, scale, scale),
      };
    case "double":
      return {
        ...rest,
        schema: { type: "double" },
        json: odd(
          fc.integer({ min: -9999, max: 9999 }).map((n) => String(n / 10 ** Math.min(scale, 2))),
          "1e2",
          "1E-40",
          "0.0",
        ),
        read: read.decimal(precision, scale),
        derived: { read: read.float(false) },
      };
    case "string":
      return {
        ...rest,
        schema: { type: "string" },
        json: odd(
          decimalText(precision, scale).map(quote),
          '"NAN"',
          '"1E+1"',
          '"1."',
          '"0E-20"',
          '"1e40"',
        ),
        read: read.decimal(precision, scale),
        derived: { read: read.text },
      };
  }
}

export function numericKind(mode: DebeziumModes["decimal"]): Kind {
  const rest = {
    type: { kind: "text", exact: false } as const,
    typeOid: 1700,
    typeMod: -1,
    sourceType: "numeric",
  };
  if (mode === "precise") {
    return {
      ...rest,
      schema: { type: "struct", name: "io.debezium.data.VariableScaleDecimal" },
      json: fc.tuple(spread, fc.nat(40)).map(([n, scale]) =>
        `{"scale":${scale},"value":"${twosComplement(n * n)}"}`
      ),
      read: read.numeric,
    };
  }
  if (mode === "double") {
    return {
      ...rest,
      schema: { type: "double" },
      json: fc.nat(99999).map(String),
      read: read.numeric,
      derived: { read: read.float(false) },
    };
  }
  return {
    ...rest,
    schema: { type: "string" },
    json: odd(decimalText(60, 20).map(quote), '"NAN"', '"0E-8"'),
    read: read.numeric,
    derived: { read: read.text },
  };
}
