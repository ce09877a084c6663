/**
 * PostgreSQL's types at their edges, through the real Debezium and Kafka: what PostgreSQL says of a
 * value, the warehouse must say too, but for the values that Debezium 2.3.4 itself garbles, which are
 * exactly those listed in support/garbled.ts. A table a type: one bad value must hide no other.
 */
import assert from "node:assert/strict";
import { EXTRA_CASES } from "./support/extra_cases.ts";
import { GARBLED, type Garbled } from "./support/garbled.ts";
import type { TestDatabase } from "./support/postgres.ts";
import type { SluiceProcess } from "./support/process.ts";
import { readiness, TestStack } from "./support/stack.ts";
import { until } from "./support/until.ts";
import { AS_TEXT, type Case, PLAIN } from "./support/value_cases.ts";
import { needs } from "./skip.ts";

const CASES: readonly Case[] = [...PLAIN, ...AS_TEXT, ...EXTRA_CASES];

const TYPES = `
  CREATE TYPE mood AS ENUM ('sad', 'very happy');
  CREATE DOMAIN cents AS numeric(10,2) CHECK (VALUE >= 0);
  CREATE TYPE pair AS (a int, b text);
  CREATE TABLE settled (id int PRIMARY KEY);`;

/** Rows of the snapshot count from 1, those of the stream from here. */
const STREAM = 1000;

let stack: TestStack;

Deno.test.beforeAll(async () => {
  if (!needs("java", "").ignore) stack = await TestStack.start();
});
Deno.test.afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

function tableOf({ name }: Case): string {
  return `c_${name}`;
}

/** A NULL, and each of the values. */
async function insertValues(database: TestDatabase, first: number): Promise<void> {
  for (const each of CASES) {
    const rows = ["NULL", ...each.values].map((value, i) => `(${first + i}, ${value})`);
    await database.query(`INSERT INTO ${tableOf(each)} VALUES ${rows.join(", ")}`);
  }
}

/** A float's text is not the same on both sides; the number that it stands for is. */
function normal(text: string | null, { type, postgres }: Case): string | null {
  if (text === null) return null;
  if (type === "real" || type === "double precision") {
    const value = text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text);
    return Object.is(value, -0) ? "-0" : String(value);
  }
  if (type === "numeric(38,38)") return text.replace(/^(-?)\./, "$10.");
  return postgres?.includes("to_json") ? JSON.stringify(JSON.parse(text)) : text;
}

/** What differs: the column, the value, the way it came, and what is there instead. */
async function differences(
  database: TestDatabase,
  sluice: SluiceProcess,
): Promise<(Garbled & { instead: string })[]> {
  const all: (Garbled & { instead: string })[] = [];
  for (const each of CASES) {
    const table = `public.${tableOf(each)}`;
    const select = (sql: string) =>
      `SELECT id::${sql.includes("VARCHAR") ? "VARCHAR" : "text"}, ${
        sql.replaceAll("$", "v")
      } FROM ${table} ORDER BY ${table}.id`;
    const theirs = await database.rows(select(each.postgres ?? "$::text"));
    const answer = await sluice.sql(select(each.duckdb ?? "$::VARCHAR"));
    const ours = new Map((answer?.rows ?? []).map(([id, text]) => [id, text as string | null]));
    for (const [id, text] of theirs) {
      const [via, at] = Number(id) >= STREAM
        ? ["stream", Number(id) - STREAM] as const
        : ["snapshot", Number(id) - 1] as const;
      const value = ["NULL", ...each.values][at];
      const got = ours.has(id!) ? normal(ours.get(id!)!, each) : "(a dead letter)";
      if (got === normal(text, each)) continue;
      all.push({ column: each.name, value, via, instead: `${got?.slice(0, 60)}` });
    }
  }
  return all;
}

async function run(
  name: string,
  connector: Record<string, string>,
  env: (database: TestDatabase) => Record<string, string>,
): Promise<void> {
  await using database = await stack.database(name);
  await database.query(TYPES);
  for (const each of CASES) {
    await database.query(`CREATE TABLE ${tableOf(each)} (id int PRIMARY KEY, v ${each.type})`);
  }
  await insertValues(database, 1);
  await stack.connector(database, connector);
  await insertValues(database, STREAM);
  await database.query("INSERT INTO settled VALUES (1)");
  await using sluice = stack.sluice(name, {
    env: { SLUICE_ON_BAD_RECORD: "dead-letter", ...env(database) },
  });
  await sluice.ready();
  await sluice.until(async () => (await sluice.sql("FROM public.settled"))?.rows.length === 1);
  await until("all is read", async () => (await readiness(sluice))?.lag_records === 0);
  const found = await differences(database, sluice);
  const listed = GARBLED.filter(({ only }) => only === undefined || only === name).flatMap(each);
  assert.deepEqual(
    found.filter((one) => !listed.includes(nameOf(one))),
    [],
    "values that are not what PostgreSQL says",
  );
  const garbled = found.map(nameOf);
  assert.deepEqual(
    listed.filter((one) => !garbled.includes(one)),
    [],
    "values that are listed as garbled, and are not",
  );
}

function nameOf({ column, value, via }: Garbled): string {
  return `${column} ${value} by the ${via}`;
}

/** Each value that it stands for, and each way. */
function each({ column, value, via }: Garbled): string[] {
  const values = value === "*" ? CASES.find(({ name }) => name === column)!.values : [value];
  const ways = via === "both" ? ["snapshot", "stream"] as const : [via];
  return values.flatMap((value) => ways.map((via) => nameOf({ column, value, via })));
}

Deno.test({
  ...needs("java", "types: with the source's catalogue"),
  fn: () => run("types", {}, (database) => ({ SLUICE_DATABASE_URL: database.url })),
});

Deno.test({
  ...needs("java", "types: with the events' schemas"),
  fn: () =>
    run("schemas", {
      "key.converter.schemas.enable": "true",
      "value.converter.schemas.enable": "true",
    }, () => ({})),
});
