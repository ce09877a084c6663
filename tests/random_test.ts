/**
 * Random sequences of changes against tables of every kind that keys and stored-apart values make
 * difficult. The warehouse must equal the source, its change log folded by `_seq` must equal the
 * warehouse, and folded up to a commit's LSN what the source had right after that commit.
 *
 * SLUICE_TEST_SEED repeats a run.
 */
import assert from "node:assert/strict";
import type { Fault } from "../src/errors.ts";
import { assertEqualToSource } from "./support/compare.ts";
import { TestDatabase, testServer } from "./support/postgres.ts";
import { Replica } from "./support/replica.ts";

/** A table under test: how to make a key and a row of it. */
interface Subject {
  name: string;
  ddl: string;
  key: string[];
  /** A key's values as SQL, from a small number: small ones, so that keys come back. */
  keyOf(n: number): string[];
  /** The other columns with an expression each. */
  values: Record<string, (random: Random) => string>;
}

class Random {
  constructor(private seed: number) {}

  /** In [0, 1) (mulberry32). */
  next(): number {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }
}

/** Text that is now small, now stored apart, now larger than a slab. */
const text = (random: Random) => {
  const length = random.pick([0, 5, 12, 13, 200, 3000, 9000, 40_000]);
  const size = random.below(200) === 0 ? 150_000 : length;
  return random.below(12) === 0
    ? "NULL"
    : `left(repeat(md5('${random.below(1e9)}') || 'é', ${Math.ceil(size / 33) + 1}), ${size})`;
};
const bytes = (random: Random) =>
  random.below(9) === 0 ? "NULL" : `convert_to(${text(random)}, 'UTF8')`;
const int = (random: Random) =>
  random.below(9) === 0 ? "NULL" : String(random.below(1e9) - 500_000_000);
const money = (random: Random) => `${random.below(2) ? "-" : ""}${random.below(1e9)}.25`;
const list = (random: Random) =>
  random.pick([
    "NULL",
    "'{}'",
    `ARRAY['a', NULL, 'q"uo\\te', '${random.below(1e6)}']`,
    `ARRAY[repeat('${random.below(10)}', 5000), 'é']`,
  ]);

const SUBJECTS: Subject[] = [
  {
    name: "plain",
    ddl: "id int PRIMARY KEY, a text, b bytea, n numeric(18,2), at timestamptz DEFAULT now()",
    key: ["id"],
    keyOf: (n) => [String(n)],
    values: { a: text, b: bytes, n: money },
  },
  {
    name: "composite",
    ddl: "a text, v int, b int, t text, PRIMARY KEY (b, a)",
    key: ["b", "a"],
    keyOf: (n) => [String(n % 3), `'k${n}'`],
    values: { v: int, t: text },
  },
  {
    name: "textkey",
    ddl: "v text, id text PRIMARY KEY, w text",
    key: ["id"],
    keyOf: (n) => [`'${["", "é", "twelve bytes", "thirteen byte"][n % 4]}' || ${n}`],
    values: { v: text, w: text },
  },
  {
    // A key that is itself stored apart: an update leaves it out as unchanged.
    name: "longkey",
    ddl: "id text PRIMARY KEY, v text, n int",
    key: ["id"],
    keyOf: (n) => [`repeat(md5('${n}'), 20) || ${n}`],
    values: { v: text, n: int },
  },
  {
    name: "lists",
    ddl: "id int PRIMARY KEY, l text[], m int[], v text",
    key: ["id"],
    keyOf: (n) => [String(n)],
    values: { l: list, m: (r) => r.pick(["NULL", "'{1,NULL,3}'", "'{}'"]), v: text },
  },
  {
    name: "whole",
    ddl: "n int, id bigint PRIMARY KEY, v text, w text",
    key: ["id"],
    keyOf: (n) => [String(9007199254740993n + BigInt(n))],
    values: { n: int, v: text, w: text },
  },
  {
    name: "indexed",
    ddl: "id serial PRIMARY KEY, code uuid NOT NULL UNIQUE, v text",
    key: ["code"],
    keyOf: (n) => [`md5('${n}')::uuid`],
    values: { v: text },
  },
];

const AFTER = `
  ALTER TABLE longkey ALTER id SET STORAGE EXTERNAL, SET (toast_tuple_target = 128);
  ALTER TABLE whole REPLICA IDENTITY FULL;
  ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_code_key;
  ALTER TABLE plain ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
  ALTER TABLE composite ALTER t SET STORAGE EXTERNAL;
  ALTER TABLE textkey ALTER v SET STORAGE EXTERNAL, ALTER w SET STORAGE EXTERNAL;
  ALTER TABLE lists ALTER v SET STORAGE EXTERNAL, ALTER l SET STORAGE EXTERNAL;
  ALTER TABLE whole ALTER v SET STORAGE EXTERNAL, ALTER w SET STORAGE EXTERNAL;
  ALTER TABLE indexed ALTER v SET STORAGE EXTERNAL;`;

/** Keys are drawn from this many, so that they are soon used again. */
const KEYS = 12;

/** Writes statements that never fail: what is not there is not touched, what is there not made. */
class Writer {
  constructor(private readonly random: Random) {}

  /** One transaction. */
  transaction(): string {
    const { random } = this;
    const statements = Array.from({ length: 1 + random.below(12) }, () => this.#statement());
    if (random.below(4) === 0) {
      const at = random.below(statements.length);
      statements[at] = `SAVEPOINT s; ${statements[at]}; ${this.#statement()}; ${
        random.below(3) === 0 ? "RELEASE s" : "ROLLBACK TO s"
      }`;
    }
    if (random.below(15) === 0) statements.splice(random.below(3), 0, this.#truncate());
    if (random.below(6) === 0) statements.push(this.#large());
    const end = random.below(12) === 0 ? "ROLLBACK" : "COMMIT";
    return `BEGIN; ${statements.join("; ")}; ${end}`;
  }

  #statement(): string {
    const { random } = this;
    const table = random.pick(SUBJECTS);
    switch (random.below(9)) {
      case 0:
      case 1:
        return this.#insert(table, random.below(KEYS));
      case 2:
      case 3:
      case 4:
        return this.#update(table, random.below(KEYS));
      case 5:
        return `DELETE FROM ${table.name} WHERE ${where(table, random.below(KEYS))}`;
      case 6:
        return this.#move(table, random.below(KEYS), random.below(KEYS), random.below(2) === 0);
      case 7:
        return this.#swap(table, random.below(KEYS), random.below(KEYS));
      default:
        return this.#life(table, random.below(KEYS));
    }
  }

  #insert(table: Subject, n: number): string {
    const columns = Object.keys(table.values);
    const values = columns.map((column) => table.values[column](this.random));
    return `INSERT INTO ${table.name} (${[...table.key, ...columns].join(", ")})
      VALUES (${[...table.keyOf(n), ...values].join(", ")}) ON CONFLICT DO NOTHING`;
  }

  /** Sets some columns; the others, stored apart or not, stay. */
  #update(table: Subject, n: number): string {
    const { random } = this;
    const columns = Object.keys(table.values).filter(() => random.below(2) === 0);
    if (columns.length === 0) columns.push(random.pick(Object.keys(table.values)));
    const sets = columns.map((column) => `${column} = ${table.values[column](random)}`);
    // All rows but those of #large: many rows of large values at once take more than DuckDB has.
    const most = table.name === "plain" ? "id < 1000" : "true";
    const all = random.below(6) === 0 ? most : where(table, n);
    return `UPDATE ${table.name} SET ${sets.join(", ")} WHERE ${all}`;
  }

  /** A change of key, over whatever had the new one; with a value or without. */
  #move(table: Subject, from: number, to: number, withValue: boolean): string {
    if (from === to) return this.#update(table, from);
    const value = withValue ? `, ${this.#oneSet(table)}` : "";
    return `DELETE FROM ${table.name} WHERE ${where(table, to)}
        AND EXISTS (SELECT FROM ${table.name} WHERE ${where(table, from)});
      UPDATE ${table.name} SET ${set(table, to)}${value} WHERE ${where(table, from)}`;
  }

  /** Two rows exchange their keys, by way of a third. */
  #swap(table: Subject, a: number, b: number): string {
    if (a === b) return this.#update(table, a);
    const spare = KEYS + 1;
    const step = (from: number, to: number) =>
      `UPDATE ${table.name} SET ${set(table, to)} WHERE ${where(table, from)}`;
    return [step(a, spare), step(b, a), step(spare, b)].join("; ");
  }

  /** A row's whole life: made, changed, moved on twice, changed, and often gone again. */
  #life(table: Subject, n: number): string {
    const { random } = this;
    const [to, next] = [(n + 1) % KEYS, (n + 2) % KEYS];
    const last = random.pick([
      `DELETE FROM ${table.name} WHERE ${where(table, next)}`,
      this.#update(table, next),
      this.#insert(table, n),
    ]);
    return [
      this.#insert(table, n),
      this.#update(table, n),
      this.#move(table, n, to, false),
      this.#update(table, to),
      this.#move(table, to, next, random.below(2) === 0),
      last,
    ].join("; ");
  }

  #oneSet(table: Subject): string {
    const column = this.random.pick(Object.keys(table.values));
    return `${column} = ${table.values[column](this.random)}`;
  }

  #truncate(): string {
    const tables = SUBJECTS.filter(() => this.random.below(4) === 0).map(({ name }) => name);
    return `TRUNCATE ${(tables.length > 0 ? tables : ["plain"]).join(", ")}`;
  }

  /** More rows than a batch of the tiny pool holds; they go again, or stay for a while. */
  #large(): string {
    const first = 1_000_000 + this.random.below(5) * 2000;
    const insert = `INSERT INTO plain (id, a, n) SELECT i, md5(i::text), i
      FROM generate_series(${first}, ${first + 1500}) i ON CONFLICT DO NOTHING`;
    const rest = this.random.pick([
      `DELETE FROM plain WHERE id >= 1000000 AND id % 7 <> 0`,
      `UPDATE plain SET n = n + 1 WHERE id >= 1000000`,
      `UPDATE plain SET id = id + 20000 WHERE id BETWEEN 1000000 AND 1009999 AND id % 50 = 0
         AND NOT EXISTS (SELECT FROM plain p WHERE p.id = plain.id + 20000)`,
    ]);
    return `${insert}; ${rest}`;
  }
}

function where(table: Subject, n: number): string {
  return table.keyOf(n).map((value, i) => `${table.key[i]} = ${value}`).join(" AND ");
}

function set(table: Subject, n: number): string {
  return table.keyOf(n).map((value, i) => `${table.key[i]} = ${value}`).join(", ");
}

/** A table's rows as short texts, on both sides the same: long values by their MD5. */
const HASHES: Record<"postgres" | "duckdb", Record<string, Record<string, string>>> = {
  postgres: {},
  duckdb: {},
};
const MD5_OF: [RegExp, postgres: string, duckdb: string][] = [
  [/^bytea$/, "md5($)", "md5(hex($))"],
  [
    /^ARRAY$/,
    "md5(array_to_string($, '|', '~'))",
    "md5(array_to_string(list_transform($, lambda x: coalesce(x::VARCHAR, '~')), '|'))",
  ],
  [/^timestamp/, "(extract(epoch FROM $) * 1000000)::numeric(40,0)::text", "epoch_us($)::VARCHAR"],
  [/^text$/, "md5($)", "md5($)"],
  [/./, "$::text", "$::VARCHAR"],
];

async function learnColumns(database: TestDatabase): Promise<void> {
  const rows = await database.rows(`SELECT table_name, column_name, data_type
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, ordinal_position`);
  for (const [table, column, type] of rows as string[][]) {
    const [, postgres, duckdb] = MD5_OF.find(([pattern]) => pattern.test(type))!;
    const lower = type === "bytea" ? "md5(encode($, 'hex'))" : postgres;
    const hex = type === "bytea" ? "md5(lower(hex($)))" : duckdb;
    (HASHES.postgres[table] ??= {})[column] = lower.replaceAll("$", `"${column}"`);
    (HASHES.duckdb[table] ??= {})[column] = hex.replaceAll("$", `"${column}"`);
  }
}

function hashed(side: "postgres" | "duckdb", table: string): string {
  const parts = Object.values(HASHES[side][table]).map((sql) => `coalesce(${sql}, '-')`);
  return parts.join(" || ' ' || ");
}

type State = Record<string, string[]>;

/** What the source holds, with the LSN up to which it is that. */
async function sourceState(database: TestDatabase): Promise<State> {
  const state: State = {};
  for (const { name } of SUBJECTS) {
    const rows = await database.rows(`SELECT ${hashed("postgres", name)} FROM ${name}`);
    state[name] = rows.map(([row]) => row!).sort();
  }
  return state;
}

/** The change log folded by `_seq`, up to `lsn`: the last version of each key that is there. */
async function foldedState(replica: Replica, lsn?: number): Promise<State> {
  const state: State = {};
  const until = lsn === undefined ? "" : `WHERE _lsn < ${lsn}`;
  for (const { name, key } of SUBJECTS) {
    const sql = `WITH log AS (SELECT * FROM public__changes.${name} ${until}),
      cut AS (SELECT coalesce(max(_seq), -1) AS seq FROM log WHERE _op = 't'),
      last AS (SELECT *, row_number() OVER (PARTITION BY ${
      key.join(", ")
    } ORDER BY _seq DESC) AS nth
        FROM log, cut WHERE _op <> 't' AND _seq > cut.seq)
      SELECT ${hashed("duckdb", name)} FROM last WHERE nth = 1 AND _op <> 'd'`;
    state[name] = (await replica.query(sql)).map(([row]) => row as string).sort();
  }
  return state;
}

function assertState(actual: State, expected: State, what: string): void {
  for (const { name } of SUBJECTS) {
    const [ours, theirs] = [new Set(actual[name]), new Set(expected[name])];
    const missing = expected[name].filter((row) => !ours.has(row));
    const extra = actual[name].filter((row) => !theirs.has(row));
    assert.deepEqual(
      { missing: missing.slice(0, 3), extra: extra.slice(0, 3) },
      { missing: [], extra: [] },
      `${name}, ${what}: ${missing.length} rows missing, ${extra.length} too many or different`,
    );
    assert.equal(actual[name].length, expected[name].length, `${name}, ${what}: a row twice`);
  }
}

async function assertAllEqual(replica: Replica, database: TestDatabase): Promise<void> {
  const connection = await replica.warehouse.instance.connect();
  try {
    await assertEqualToSource(database, connection);
  } finally {
    connection.closeSync();
  }
  assertState(await foldedState(replica), await sourceState(database), "the folded log");
  const sequence = SUBJECTS.map(({ name }) => `SELECT _seq FROM public__changes.${name}`);
  const [[twice]] = await replica.query(
    `SELECT count(*)::INT FROM (SELECT _seq FROM (${
      sequence.join(" UNION ALL ")
    }) GROUP BY _seq HAVING count(*) > 1)`,
  );
  assert.equal(twice, 0, "_seq is given twice");
}

const POOLS: [name: string, poolBytes: number | undefined, backlog: boolean][] = [
  ["a tiny pool, so that batches fill in mid-transaction", 4 * 65536, false],
  ["a tiny pool and a backlog, so that batches hold many transactions", 4 * 65536, true],
  ["a pool of the usual size", undefined, false],
  ["a pool of the usual size and a backlog", undefined, true],
];

/** Room enough for DuckDB: how little it can do with is faults_test.ts's to find out. */
const TOTAL_MB = 4096;

const SEED = Number(Deno.env.get("SLUICE_TEST_SEED") ?? Math.floor(Math.random() * 1e9));

POOLS.forEach(([name, poolBytes, backlog], index) => {
  Deno.test(`random: equal after each round, and as of each commit, with ${name}`, async () => {
    console.log(`SLUICE_TEST_SEED=${SEED} repeats this run`);
    const random = new Random(SEED + index);
    const writer = new Writer(random);
    await using server = await testServer({ synchronous_commit: "off", wal_writer_delay: "10ms" });
    await using database = await TestDatabase.create(server, `random${index}`);
    for (const { name, ddl } of SUBJECTS) await database.query(`CREATE TABLE ${name} (${ddl})`);
    await database.query(AFTER);
    await learnColumns(database);
    for (let i = 0; i < 20; i++) await database.query(writer.transaction());
    const options = { dataDir: `${server.folder}/data`, poolBytes, totalMb: TOTAL_MB };
    let replica = await Replica.start(database, options);
    let ended: Fault | undefined;
    try {
      await replica.caughtUp();
      await assertAllEqual(replica, database);
      for (let round = 0; round < 4; round++) {
        if (backlog) assert.equal(await replica.stop(), undefined);
        const samples: { lsn: number; state: State; sql: string }[] = [];
        for (let i = 0; i < 25; i++) {
          const sql = writer.transaction();
          await database.query(sql).catch((error) => {
            throw new Error(`${error.message}: ${sql.slice(0, 2000)}`);
          });
          if (random.below(3) > 0) continue;
          samples.push({
            lsn: await database.currentLsn(),
            state: await sourceState(database),
            sql,
          });
        }
        if (backlog) replica = await Replica.start(database, options);
        await replica.caughtUp();
        for (const { lsn, state, sql } of samples) {
          const what = `as of the commit of ${sql.slice(0, 1500)}`;
          assertState(await foldedState(replica, lsn), state, what);
        }
        await assertAllEqual(replica, database);
      }
    } finally {
      ended = await replica.stop();
    }
    assert.equal(ended, undefined);
  });
});
