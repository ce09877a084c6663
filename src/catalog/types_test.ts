import assert from "node:assert/strict";
import fc from "fast-check";
import { type ColumnType, duckdbType } from "./catalog.ts";
import { columnType, isInexact, type PgType, type PgTypeRow, resolveType } from "./types.ts";

const base = (oid: number, typmod = -1): PgType => ({
  oid,
  name: "",
  typtype: "b",
  typmod,
  dimensions: 0,
});

/** As PostgreSQL makes it: numeric's typmod, with PostgreSQL 15's signed scale. */
const numericTypmod = (precision: number, scale: number) =>
  ((precision << 16) | (scale & 0x7ff)) +
  4;

Deno.test("types: numeric(p, s) is a decimal exactly where DuckDB has one", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 1000 }),
    fc.integer({ min: -1000, max: 1000 }),
    (precision, scale) => {
      const type = columnType(base(1700, numericTypmod(precision, scale)));
      if (precision <= 38 && scale >= 0 && scale <= precision) {
        assert.deepEqual(type, { kind: "decimal", width: precision, scale });
      } else assert.deepEqual(type, { kind: "text", exact: false });
    },
  ));
});

Deno.test("types: numeric without a precision is inexact text", () => {
  assert.deepEqual(columnType(base(1700)), { kind: "text", exact: false });
});

Deno.test("types: an array is one only of exact elements, in one dimension, not nested", () => {
  const array = (element: PgType, dimensions = 1): PgType => ({ ...base(1), dimensions, element });
  assert.deepEqual(columnType(array(base(23))), { kind: "array", of: { kind: "int4" } });
  assert.deepEqual(columnType(array(base(23), 0)), { kind: "array", of: { kind: "int4" } });
  assert.deepEqual(columnType(array(base(23), 2)), { kind: "text", exact: false });
  assert.deepEqual(columnType(array(base(1700))), { kind: "text", exact: false });
  assert.deepEqual(columnType(array(array(base(23)))), { kind: "text", exact: false });
});

Deno.test("types: any type that is not known is inexact text, never an error", () => {
  fc.assert(fc.property(
    fc.integer({ min: 16_384, max: 2 ** 31 }),
    fc.constantFrom("b", "c", "r", "m", "p"),
    fc.integer({ min: -1, max: 2 ** 30 }),
    (oid, typtype, typmod) => {
      assert.deepEqual(columnType({ ...base(oid, typmod), typtype }), {
        kind: "text",
        exact: false,
      });
    },
  ));
});

Deno.test("types: citext is text whatever its oid, and so is an enum", () => {
  const exact: ColumnType = { kind: "text", exact: true };
  assert.deepEqual(columnType({ ...base(99_999), name: "citext" }), exact);
  assert.deepEqual(columnType({ ...base(99_999), typtype: "e" }), exact);
  assert.equal(isInexact(exact), false);
});

Deno.test("types: a domain brings its own typmod and dimensions, also inside an array", () => {
  const row = (oid: number, more: Partial<PgTypeRow>): [number, PgTypeRow] => [oid, {
    oid,
    name: `t${oid}`,
    typtype: "b",
    category: "U",
    length: -1,
    element: 0,
    base: 0,
    typmod: -1,
    dimensions: 0,
    ...more,
  }];
  const rows = new Map([
    row(1700, { category: "N" }),
    row(1231, { category: "A", element: 1700 }),
    row(5, { typtype: "d", base: 1700, typmod: numericTypmod(12, 2) }), // domain
    row(6, { typtype: "d", base: 5 }), // a domain over it
    row(7, { category: "A", element: 6 }), // its array
    row(8, { typtype: "d", base: 1231, typmod: numericTypmod(9, 3), dimensions: 1 }),
    row(9, { typtype: "d", base: 1231, dimensions: 2 }),
  ]);
  const duckdb = (oid: number, typmod = -1, dimensions = 0) =>
    duckdbType(columnType(resolveType(rows, oid, typmod, dimensions)));
  assert.equal(duckdb(5), "DECIMAL(12,2)");
  assert.equal(duckdb(6), "DECIMAL(12,2)");
  assert.equal(duckdb(7), "DECIMAL(12,2)[]");
  assert.equal(duckdb(8), "DECIMAL(9,3)[]");
  assert.equal(duckdb(9), "VARCHAR");
  assert.equal(duckdb(1231, numericTypmod(6, 1), 1), "DECIMAL(6,1)[]");
  assert.throws(() => duckdb(404), /no row for oid 404/);
});
