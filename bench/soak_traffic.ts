/**
 * The soak's source: a bounded set of live rows in four tables, and traffic that inserts, updates
 * and deletes them at a steady rate. The transactions are made inside the server, some dozens a
 * call, so that making them takes little of the machine that Sluice is measured on.
 */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";

/** A column, and its text as either side writes it, `$` for the column. */
interface SoakColumn {
  readonly name: string;
  readonly type: string;
}

/** A table of the soak. */
export interface SoakTable {
  readonly name: string;
  readonly key: string;
  readonly columns: readonly SoakColumn[];
  /** How many rows live at any time; the same number at the end as at the beginning. */
  readonly live: number;
}

function table(name: string, live: number, columns: Record<string, string>): SoakTable {
  const list = Object.entries(columns).map(([name, type]) => ({ name, type }));
  return { name, key: list[0].name, columns: list, live };
}

/** 200,000 live rows in all. */
export const SOAK_TABLES: readonly SoakTable[] = [
  // Rows die anywhere and come again with the same key.
  table("accounts", 50_000, {
    id: "int8",
    holder: "text",
    balance: "numeric(18,2)",
    version: "int4",
    active: "bool",
    updated_at: "timestamptz",
  }),
  // The oldest die; a note has up to 1,400 letters, and may be missing.
  table("orders", 100_000, {
    id: "int8",
    account_id: "int8",
    status: "text",
    note: "text",
    amount: "numeric(12,2)",
    placed_at: "timestamptz",
  }),
  // The oldest die, but their keys lie anywhere.
  table("sessions", 48_000, {
    id: "uuid",
    account_id: "int8",
    agent: "text",
    seen: "int4",
    seen_at: "timestamptz",
  }),
  // Bodies of 2 to 12 kB, which PostgreSQL keeps apart (TOAST) and leaves out of most updates.
  table("documents", 2_000, { id: "int8", title: "text", body: "text", revision: "int4" }),
];

const LIVE = Object.fromEntries(SOAK_TABLES.map(({ name, live }) => [name, live]));

/** The values of a row, by its number `n`. */
const VALUES: Readonly<Record<string, string>> = {
  accounts: `n, 'Holder ' || md5(n::text), (random() * 1e6)::numeric(18,2), 0, n % 3 > 0,
    clock_timestamp()`,
  orders: `n, 1 + n % ${LIVE.accounts}, 'placed',
    CASE WHEN n % 10 > 0 THEN left(repeat(md5(n::text) || ' ', 43), (1400 * random() ^ 3)::int) END,
    (random() * 1e4)::numeric(12,2), clock_timestamp()`,
  sessions: `md5('s' || n)::uuid, 1 + n % ${LIVE.accounts},
    'Agent/' || n % 97 || ' ' || md5(random()::text), 0, clock_timestamp()`,
  documents: `n, 'Document ' || n,
    (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 60 + (n % 300)::int)), 0`,
};

/** A step at the head of a table whose oldest row dies: a row comes, one goes, two change. */
function slide(name: string, id: (n: string) => string, set: string): string {
  return `
    n := nextval('soak.${name}');
    INSERT INTO ${name} SELECT ${VALUES[name]};
    DELETE FROM ${name} WHERE id = ${id(`(n - ${LIVE[name]})`)};
    GET DIAGNOSTICS changed = ROW_COUNT;
    made := made + 1 + changed;
    FOR i IN 1..2 LOOP
      other := n - floor(random() * ${LIVE[name]})::bigint;
      UPDATE ${name} SET ${set} WHERE id = ${id("other")};
      GET DIAGNOSTICS changed = ROW_COUNT;
      made := made + changed;
    END LOOP;`;
}

/**
 * \`soak.traffic\` makes at least `target` changes in transactions of 4 to some 100 each, most of
 * them small, and says how many it made.
 */
const PROCEDURE = `
  CREATE PROCEDURE soak.traffic(target int, INOUT made int) LANGUAGE plpgsql AS $$
  DECLARE n bigint; other bigint; gone bigint; changed int; which float8;
  BEGIN
    made := 0;
    WHILE made < target LOOP
      FOR step IN 1 .. 1 + (random() ^ 3 * 24)::int LOOP
        which := random();
        IF which < 0.4 THEN ${
  slide("orders", (n) => n, "status = 'paid ' || n, amount = amount + 1")
}
        ELSIF which < 0.7 THEN ${
  slide("sessions", (n) => `md5('s' || ${n})::uuid`, "seen = seen + 1, seen_at = clock_timestamp()")
}
        ELSIF which < 0.99 THEN
          IF gone IS NOT NULL THEN
            n := gone;
            INSERT INTO accounts SELECT ${VALUES.accounts};
            made := made + 1;
          END IF;
          gone := 1 + floor(random() * ${LIVE.accounts})::bigint;
          DELETE FROM accounts WHERE id = gone;
          FOR i IN 1..2 LOOP
            other := 1 + floor(random() * ${LIVE.accounts})::bigint;
            UPDATE accounts SET balance = balance + i, version = version + 1,
              updated_at = clock_timestamp() WHERE id = other;
            GET DIAGNOSTICS changed = ROW_COUNT;
            made := made + changed;
          END LOOP;
          made := made + 1;
        ELSE ${
  slide("documents", (n) => n, "title = 'Revision ' || md5(n::text), revision = revision + 1")
}
        END IF;
      END LOOP;
      COMMIT;
    END LOOP;
    IF gone IS NOT NULL THEN
      n := gone;
      INSERT INTO accounts SELECT ${VALUES.accounts};
      made := made + 1;
    END IF;
  END $$`;

/** Makes the tables with their rows, and what makes the traffic. */
export async function makeSource(sql: pg.Client): Promise<void> {
  await sql.query("SET synchronous_commit = off");
  await sql.query("CREATE SCHEMA soak");
  for (const { name, key, columns, live } of SOAK_TABLES) {
    const list = columns.map(({ name, type }) => `${name} ${type}`).join(", ");
    await sql.query(`CREATE TABLE ${name} (${list}, PRIMARY KEY (${key}))`);
    await sql.query(`CREATE SEQUENCE soak.${name} START ${live + 1}`);
    await sql.query(
      `INSERT INTO ${name} SELECT ${VALUES[name]} FROM generate_series(1::bigint, ${live}) n`,
    );
  }
  await sql.query(PROCEDURE);
}

/** How often changes are made; the server sends what is flushed, every 200 ms. */
const TICK_MS = 100;
/** What one call may catch up, in seconds of traffic. */
const BEHIND_SECONDS_MAX = 0.5;

/** Steady traffic on a connection of its own. */
export class SoakTraffic {
  /** Changes made so far. */
  changes = 0;
  #stopping = false;
  #pause: (() => Promise<void>) | undefined;
  readonly #done: Promise<void>;

  /** Begins at once. `rate`: changes a second. */
  constructor(private readonly sql: pg.Client, private readonly rate: number) {
    this.#done = this.#run();
    this.#done.catch(() => {}); // `stop` and `failure` tell
  }

  /** Rejects when the traffic fails. */
  async failure(): Promise<never> {
    await this.#done;
    return new Promise(() => {});
  }

  /** Runs `work` between two calls, with nothing under way at the source. */
  paused<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#pause = () => work().then(resolve, reject);
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    const begun = performance.now();
    for (let tick = 1; !this.#stopping; tick++) {
      const wait = begun + tick * TICK_MS - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const pause = this.#pause;
      this.#pause = undefined;
      await pause?.();
      const owed = this.rate * (performance.now() - begun) / 1000 - this.changes;
      const target = Math.floor(Math.min(owed, this.rate * BEHIND_SECONDS_MAX));
      if (target <= 0) continue;
      const { rows: [{ made }] } = await this.sql.query(`CALL soak.traffic(${target}, NULL)`);
      this.changes += made;
    }
  }
}
