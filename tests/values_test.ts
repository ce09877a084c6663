/**
 * Every type at its edges: what PostgreSQL says of a value, the warehouse must say too, whether it
 * came by the snapshot's COPY (binary) or by the stream, in text or in binary.
 */
import assert from "node:assert/strict";
import { AS_TEXT, type Case, PLAIN } from "./support/value_cases.ts";
import { Replica } from "./support/replica.ts";
import { TestDatabase, testServer } from "./support/postgres.ts";

const TYPES = `
  CREATE TYPE mood AS ENUM ('sad', 'very happy');
  CREATE DOMAIN cents AS numeric(10,2) CHECK (VALUE >= 0);
  CREATE TYPE pair AS (a int, b text);`;

function createTable(table: string, cases: Case[]): string {
  const columns = cases.map(({ name, type }) => `"${name}" ${type}`);
  return `CREATE TABLE ${table} (id int PRIMARY KEY, ${columns.join(", ")})`;
}

/** Rows `first`, `first + 1`, …: each column's values in turn, so that all of them occur. */
function insertRows(table: string, cases: Case[], first: number): string[] {
  const rows = Math.max(...cases.map(({ values }) => values.length)) + 1;
  const names = ["id", ...cases.map(({ name }) => `"${name}"`)].join(", ");
  return Array.from({ length: rows }, (_, i) => {
    const values = cases.map(({ values }) => i < rows - 1 ? values[i % values.length] : "NULL");
    return `INSERT INTO ${table} (${names}) VALUES (${first + i}, ${values.join(", ")})`;
  });
}

/** A float's text is not the same on both sides; the number that it stands for is. */
function normal(text: string | null, { type, postgres }: Case): string | null {
  if (text === null) return null;
  if (type === "real" || type === "double precision") {
    const value = text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text);
    return Object.is(value, -0) ? "-0" : String(value);
  }
  if (type.startsWith("numeric(38,38)")) return text.replace(/^(-?)\./, "$10.");
  return postgres?.includes("to_json") ? JSON.stringify(JSON.parse(text)) : text;
}

async function assertEqualTables(
  database: TestDatabase,
  replica: Replica,
  table: string,
  cases: Case[],
) {
  const select = (side: "postgres" | "duckdb") =>
    `SELECT id::text, ${
      cases.map((c) => {
        const plain = side === "postgres" ? "$::text" : "$::VARCHAR";
        return (c[side] ?? plain).replaceAll("$", `"${c.name}"`);
      }).join(", ")
    } FROM public.${table} ORDER BY public.${table}.id`;
  const theirs = await database.rows(select("postgres"));
  const ours = await replica.query(select("duckdb")) as (string | null)[][];
  assert.equal(ours.length, theirs.length);
  assert.ok(theirs.length > 2);
  const differences: string[] = [];
  theirs.forEach((row, r) => {
    cases.forEach((each, c) => {
      const [a, b] = [normal(ours[r][c + 1], each), normal(row[c + 1], each)];
      if (a === b) return;
      differences.push(
        `${each.name} of ${row[0]}: ${a?.slice(0, 80)} instead of ${b?.slice(0, 80)}`,
      );
    });
    if (ours[r][0] !== row[0]) differences.push(`row ${ours[r][0]} instead of ${row[0]}`);
  });
  assert.deepEqual(differences, []);
}

for (
  const [table, cases, form] of [["plain", PLAIN, "binary"], ["astext", AS_TEXT, "text"]] as const
) {
  Deno.test(`values: ${table} columns by COPY and by the stream (${form})`, async () => {
    await using server = await testServer();
    await using database = await TestDatabase.create(server, `values_${table}`);
    await database.query(TYPES);
    await database.query(createTable(table, cases as Case[]));
    for (const sql of insertRows(table, cases as Case[], 1)) await database.query(sql);
    await using replica = await Replica.start(database, { dataDir: `${server.folder}/data` });
    await replica.caughtUp();
    await assertEqualTables(database, replica, table, cases as Case[]);
    // The same values through the stream, and every row changed into the next one.
    for (const sql of insertRows(table, cases as Case[], 1000)) await database.query(sql);
    const sets = cases.map(({ name }) => `"${name}" = o."${name}"`).join(", ");
    await database.query(
      `UPDATE ${table} AS t SET ${sets} FROM ${table} AS o WHERE o.id = t.id + 1 AND t.id < 1000`,
    );
    await replica.caughtUp();
    await assertEqualTables(database, replica, table, cases as Case[]);
    for (const { name, becomes } of cases) {
      const [[type]] = await replica.query(
        `SELECT any_value(typeof("${name}")) FROM public.${table}`,
      );
      assert.equal(type, becomes, name);
    }
  });
}

Deno.test("values: the plain columns as text, since another table has one that needs it", async () => {
  await using server = await testServer();
  await using database = await TestDatabase.create(server, "values_mixed");
  await database.query(TYPES);
  await database.query(createTable("plain", PLAIN));
  await database.query("CREATE TABLE other (id int PRIMARY KEY, ages int[])");
  await using replica = await Replica.start(database, { dataDir: `${server.folder}/data` });
  await replica.caughtUp();
  for (const sql of insertRows("plain", PLAIN, 1)) await database.query(sql);
  await replica.caughtUp();
  await assertEqualTables(database, replica, "plain", PLAIN);
});
