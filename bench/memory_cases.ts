/** What is hard on memory: the cases of `deno task bench memory`. */

/** A load on a database of its own. */
export interface MemoryCase {
  /** Of files and of databases. */
  name: string;
  what: string;
  /** SQL before the snapshot. */
  before: string[];
  /** SQL after the snapshot, each a transaction. */
  after: string[];
  /** `serve` is not running while `after` is, and finds it all in the write-ahead log. */
  isBacklog?: boolean;
  /** One row of numbers, the same at the source and in the warehouse when all has come. */
  checks: readonly string[];
}

const TABLES = 300;
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Of the backlog: so many updates of so many rows each. */
const BACKLOG = { transactions: 100, rows: 100_000 };

/** See the top of this file. */
export const MEMORY_CASES: MemoryCase[] = [
  {
    name: "transaction",
    what: "a transaction of 2 million rows inserted, and one of 2 million updated",
    before: ["CREATE TABLE t (id int PRIMARY KEY, a text, b text, n numeric(18,2))"],
    after: [
      "INSERT INTO t SELECT n, md5(n::text), md5((n + 1)::text), n FROM generate_series(1, 2000000) n",
      "UPDATE t SET n = n + 1",
    ],
    checks: ["SELECT count(*) AS a, sum(n) AS b, sum(length(a) + length(b)) AS c FROM public.t"],
  },
  {
    name: "row",
    what: "a row of 16 MB inserted, updated beside its value, and in it; 19 of 4 MB",
    before: [
      "CREATE TABLE t (id int PRIMARY KEY, n int, v text)",
      "ALTER TABLE t ALTER v SET STORAGE EXTERNAL",
    ],
    after: [
      "INSERT INTO t SELECT 1, 1, repeat(md5('a'), 524288)",
      "UPDATE t SET n = 2",
      "UPDATE t SET v = repeat(md5('b'), 524288)",
      "INSERT INTO t SELECT n, n, repeat(md5(n::text), 131072) FROM generate_series(2, 20) n",
    ],
    checks: ["SELECT count(*) AS a, sum(n) AS b, sum(length(v)) AS c FROM public.t"],
  },
  {
    name: "values",
    what: "2,500 changes of a value of 60 kB",
    before: [
      "CREATE TABLE t (id int PRIMARY KEY, v text)",
      "ALTER TABLE t ALTER v SET STORAGE EXTERNAL",
      "INSERT INTO t VALUES (1, '')",
    ],
    after: numbers(2500).map((i) => `UPDATE t SET v = repeat(md5('${i}'), 1875)`),
    checks: ["SELECT count(*) AS a, sum(length(v)) AS b FROM public.t"],
  },
  {
    name: "tables",
    what: `${TABLES} tables, all changed in each of 50 transactions`,
    before: numbers(TABLES).flatMap((i) => [
      `CREATE TABLE t${i} (id int PRIMARY KEY, a text, b text, c timestamptz, n numeric(18,2))`,
      `INSERT INTO t${i} SELECT n, md5(n::text), 'b', now(), n FROM generate_series(1, 1000) n`,
    ]),
    after: numbers(50).map((round) =>
      `DO $$ BEGIN FOR i IN 0..${TABLES - 1} LOOP EXECUTE 'UPDATE t' || i ||
        ' SET n = n + 1 WHERE id % 50 = ${round}'; END LOOP; END $$`
    ),
    checks: numbers(TABLES).map((i) => `SELECT count(*) AS a, sum(n) AS b FROM public.t${i}`),
  },
  {
    name: "backlog",
    what: `a backlog of ${BACKLOG.transactions * BACKLOG.rows / 1e6} million changes`,
    before: [
      "CREATE TABLE t (id int PRIMARY KEY, n int, v text) WITH (fillfactor = 50)",
      `INSERT INTO t SELECT n, 0, md5(n::text) FROM generate_series(1, ${BACKLOG.rows}) n`,
    ],
    after: numbers(BACKLOG.transactions).map(() => "UPDATE t SET n = n + 1"),
    isBacklog: true,
    checks: ["SELECT count(*) AS a, sum(n) AS b, sum(length(v)) AS c FROM public.t"],
  },
];
