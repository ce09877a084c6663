/** Tables with every kind of key and stored-apart value, and random changes of them from a seed. */

/** A table under test: how to make a key and a row of it. */
export interface Subject {
  name: string;
  ddl: string;
  key: string[];
  /** A key's values as SQL, from a small number: small ones, so that keys come back. */
  keyOf(n: number): string[];
  /** The other columns with an expression each. */
  values: Record<string, (random: Random) => string>;
}

export class Random {
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

export const SUBJECTS: Subject[] = [
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

/** Their storage and replica identities. */
export const AFTER = `
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
export class Writer {
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
