import assert from "node:assert/strict";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { typeText, writerFor } from "./json.ts";
import { JsonOut, TooLong } from "./json_out.ts";

async function withDuckdb(work: (connection: DuckDBConnection) => Promise<void>): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The JSON texts of the one column that `sql` selects, a row each. */
async function texts(
  connection: DuckDBConnection,
  sql: string,
  bytesMax = 1_000_000,
): Promise<string[]> {
  const result = await connection.run(sql);
  const write = writerFor(result.columnType(0));
  const list: string[] = [];
  for (let chunk; (chunk = await result.fetchChunk()) && chunk.rowCount > 0;) {
    for (let row = 0; row < chunk.rowCount; row++) {
      const out = new JsonOut(bytesMax);
      write(out, chunk.getColumnVector(0), row);
      assert.equal(out.bytes, new TextEncoder().encode(out.toString()).length);
      list.push(out.toString());
    }
  }
  return list;
}

const CASES: [sql: string, json: string][] = [
  ["true", "true"],
  ["NULL::INTEGER", "null"],
  ["NULL", "null"],
  ["(-128)::TINYINT", "-128"],
  ["4294967295::UINTEGER", "4294967295"],
  ["9223372036854775807::BIGINT", '"9223372036854775807"'],
  ["18446744073709551615::UBIGINT", '"18446744073709551615"'],
  [
    "(-170141183460469231731687303715884105727)::HUGEINT",
    '"-170141183460469231731687303715884105727"',
  ],
  [
    "12345678901234567890123456789012345678::DECIMAL(38,0)",
    '"12345678901234567890123456789012345678"',
  ],
  [
    "(-1234567890123456789012345678.0000000001)::DECIMAL(38,10)",
    '"-1234567890123456789012345678.0000000001"',
  ],
  ["12.5::DECIMAL(4,2)", '"12.50"'],
  ["(-0.05)::DECIMAL(9,2)", '"-0.05"'],
  ["0.1::FLOAT", "0.1"],
  ["16777217::FLOAT", "16777216"],
  ["'NaN'::FLOAT", '"NaN"'],
  ["'-inf'::DOUBLE", '"-Infinity"'],
  ["'inf'::DOUBLE", '"Infinity"'],
  ["'-0'::DOUBLE", "-0"],
  ["1e300::DOUBLE", "1e+300"],
  ["0.1::DOUBLE", "0.1"],
  ["''", '""'],
  ["'😀 \"q\" \\ ' || chr(10) || chr(1)", '"😀 \\"q\\" \\\\ \\n\\u0001"'],
  ["'a longer text than fits inline: żółć'", '"a longer text than fits inline: żółć"'],
  ["'018f2b1e-7c3a-7d41-9f00-0a1b2c3d4e5f'::UUID", '"018f2b1e-7c3a-7d41-9f00-0a1b2c3d4e5f"'],
  ["'b'::ENUM('a', 'b')", '"b"'],
  ["'\\x00\\xFF'::BLOB", '"AP8="'],
  ["''::BLOB", '""'],
  ["'101'::BIT", '"101"'],
  ["DATE '2026-11-23'", '"2026-11-23"'],
  ["DATE '0044-03-15 (BC)'", '"-000043-03-15"'],
  ["'infinity'::DATE", '"infinity"'],
  ["TIME '13:22:55.5638'", '"13:22:55.563800"'],
  ["TIMETZ '13:22:55+05:30'", '"13:22:55.000000+05:30"'],
  ["TIMESTAMP '2026-11-23 13:22:55.5638'", '"2026-11-23T13:22:55.563800"'],
  ["TIMESTAMPTZ '2026-11-23 13:22:55.5638Z'", '"2026-11-23T13:22:55.563800Z"'],
  ["TIMESTAMPTZ '2026-11-23 13:22:55+02'", '"2026-11-23T11:22:55.000000Z"'],
  ["'-infinity'::TIMESTAMPTZ", '"-infinity"'],
  ["'infinity'::TIMESTAMP", '"infinity"'],
  ["TIMESTAMP_S '2026-11-23 13:22:55'", '"2026-11-23T13:22:55.000000"'],
  ["'infinity'::TIMESTAMP_S", '"infinity"'],
  ["TIMESTAMP_MS '2026-11-23 13:22:55.563'", '"2026-11-23T13:22:55.563000"'],
  ["TIMESTAMP_NS '2026-11-23 13:22:55.563800123'", '"2026-11-23T13:22:55.563800123"'],
  ["INTERVAL '1 year 3 days 4 hours'", '"1 year 3 days 04:00:00"'],
  [
    `'{"n": 12345678901234567890.10, "a":[1, null]}'::JSON`,
    '{"n": 12345678901234567890.10, "a":[1, null]}',
  ],
  ["'NaN'::JSON", '"NaN"'],
  ["'[1,]'::JSON", '"[1,]"'],
  ["NULL::JSON", "null"],
  ["[1, NULL, 3]", "[1,null,3]"],
  ["[]::VARCHAR[]", "[]"],
  [
    "[['a', 'b'], [], NULL, ['a longer text than fits inline']]",
    '[["a","b"],[],null,["a longer text than fits inline"]]',
  ],
  ["['{\"a\": 1}'::JSON]", '[{"a": 1}]'],
  ["[1, 2]::INTEGER[2]", "[1,2]"],
  ["NULL::INTEGER[2]", "null"],
  ["{'a b': 1::BIGINT, 'c': {'d': [DATE '2026-11-23']}}", '{"a b":"1","c":{"d":["2026-11-23"]}}'],
  ["row(1, 'x')", '[1,"x"]'],
  ["NULL::STRUCT(a INTEGER)", "null"],
  ["MAP {'k': [1, 2], 'l': NULL}", '[{"key":"k","value":[1,2]},{"key":"l","value":null}]'],
  ["NULL::MAP(VARCHAR, INTEGER)", "null"],
  ["union_value(num := 1.5::DECIMAL(3,1))", '{"num":"1.5"}'],
  ["NULL::UNION(a INTEGER, b VARCHAR)", "null"],
];

Deno.test("each type has its JSON form", async () => {
  await withDuckdb(async (connection) => {
    for (const [sql, json] of CASES) {
      assert.deepEqual(await texts(connection, `SELECT ${sql}`), [json], sql);
    }
  });
});

Deno.test("every type of DuckDB, at its least and greatest and NULL, is valid JSON", async () => {
  await withDuckdb(async (connection) => {
    const result = await connection.run("FROM test_all_types()");
    const names = result.columnNames();
    const writers = result.columnTypes().map(writerFor);
    let rows = 0;
    for (let chunk; (chunk = await result.fetchChunk()) && chunk.rowCount > 0;) {
      for (let row = 0; row < chunk.rowCount; row++, rows++) {
        for (const [column, write] of writers.entries()) {
          const out = new JsonOut(10_000_000);
          write(out, chunk.getColumnVector(column), row);
          assert.doesNotThrow(() => JSON.parse(out.toString()), `${names[column]}: ${out}`);
        }
      }
    }
    assert.equal(rows, 3);
  });
});

Deno.test("lists in the middle of a chunk read their own part of the elements", async () => {
  await withDuckdb(async (connection) => {
    const found = await texts(
      connection,
      "SELECT CASE WHEN i % 7 = 0 THEN NULL ELSE list_transform(range(i % 5), lambda x: " +
        "{'v': [i, x]}) END FROM range(5000) t(i) ORDER BY i",
    );
    const expected = Array.from({ length: 5000 }, (_, i) =>
      JSON.stringify(
        i % 7 === 0
          ? null
          : Array.from({ length: i % 5 }, (_, x) => ({ v: [String(i), String(x)] })),
      ));
    assert.deepEqual(found, expected);
  });
});

Deno.test("any text, decimal, float and bytes come back from JSON as they were", async () => {
  await withDuckdb(async (connection) => {
    const prepared = await connection.prepare(
      "SELECT [$1::VARCHAR], $2::DOUBLE, $3::FLOAT, $4::BLOB",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        fc.uint8Array(),
        async (text, double, float, bytes) => {
          prepared.bindVarchar(1, text);
          prepared.bindDouble(2, double);
          prepared.bindFloat(3, float);
          prepared.bindBlob(4, bytes);
          const result = await prepared.run();
          const chunk = await result.fetchChunk();
          const out = result.columnTypes().map((type, i) => {
            const one = new JsonOut(1_000_000);
            writerFor(type)(one, chunk!.getColumnVector(i), 0);
            return JSON.parse(one.toString());
          });
          assert.deepEqual(out[0], [text]);
          assert.ok(Object.is(out[1], double));
          assert.ok(Object.is(Math.fround(out[2]), float));
          assert.equal(out[3], btoa(String.fromCharCode(...bytes)));
        },
      ),
      { numRuns: 60 },
    );
  });
});

Deno.test("a value that does not fit is refused before it is materialised", async () => {
  await withDuckdb(async (connection) => {
    for (
      const sql of [
        "repeat('x', 10_000_000)",
        "encode(repeat('x', 10_000_000))",
        "range(1_000_000)",
        "[repeat('x', 10_000_000)]",
        "map_from_entries([(1, repeat('x', 10_000_000))])",
      ]
    ) {
      await assert.rejects(texts(connection, `SELECT ${sql}`, 1000), TooLong, sql);
    }
    assert.deepEqual(await texts(connection, "SELECT repeat('ż', 499)", 1000), [
      `"${"ż".repeat(499)}"`,
    ]);
    await assert.rejects(texts(connection, "SELECT repeat('ż', 500)", 1000), TooLong);
  });
});

Deno.test("types are named as in SQL", async () => {
  await withDuckdb(async (connection) => {
    const result = await connection.run(
      "SELECT '1'::JSON, ['1'::JSON], 1::DECIMAL(18,2), now(), 'a', [[1]]",
    );
    assert.deepEqual(result.columnTypes().map(typeText), [
      "JSON",
      "JSON[]",
      "DECIMAL(18,2)",
      "TIMESTAMP WITH TIME ZONE",
      "VARCHAR",
      "INTEGER[][]",
    ]);
  });
});
