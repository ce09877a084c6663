/**
 * What goes wrong in the world, against a real PostgreSQL and a real warehouse file: everything
 * before the fault is applied, nothing of what can't be, and the fault says what to do.
 */
import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import { Fault, type FaultKind } from "../src/errors.ts";
import { connect } from "../src/source/postgres/connect.ts";
import { assertEqualToSource } from "./support/compare.ts";
import { TestDatabase, testServer } from "./support/postgres.ts";
import { runMain, SluiceProcess, warehouseFile } from "./support/process.ts";
import { Replica, type ReplicaOptions } from "./support/replica.ts";

type Server = Awaited<ReturnType<typeof testServer>>;

/** Polls; throws, naming `what`, when it never becomes true. The limit only ends a hang. */
async function until(what: string, condition: () => boolean | Promise<boolean>, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`in ${seconds} s it did not come to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The fault that ends the run; throws when it goes on. */
async function faultOf(replica: Replica, kind: FaultKind, ...says: RegExp[]): Promise<Fault> {
  let fault: Fault | undefined | "running" = "running";
  void replica.ended.then((ended) => fault = ended);
  await until(`the run ends with ${kind}`, () => fault !== "running", 30);
  const ended = fault as unknown;
  assert.ok(ended instanceof Fault, `no fault, but ${(ended as Error)?.stack ?? ended}`);
  assert.equal(ended.kind, kind, ended.message);
  for (const pattern of says) assert.match(ended.message, pattern);
  assert.ok(ended.details.todo, "it says nothing of what to do");
  return ended;
}

async function assertEqual(replica: Replica): Promise<Record<string, number>> {
  await replica.caughtUp();
  const connection = await replica.warehouse.instance.connect();
  try {
    return await assertEqualToSource(replica.database, connection);
  } finally {
    connection.closeSync();
  }
}

/** Starts, catches up and stops: what is committed next is a backlog for the next start. */
async function seeded(database: TestDatabase, options: ReplicaOptions): Promise<void> {
  await using replica = await Replica.start(database, options);
  await replica.caughtUp();
}

async function ids(replica: Replica, table: string): Promise<number[]> {
  return (await replica.query(`SELECT id FROM public.${table} ORDER BY id`)).map(([id]) =>
    Number(id)
  );
}

/** One server for all tests that don't stop it. */
let server: Server;
Deno.test.beforeAll(async () => {
  server = await testServer();
});
Deno.test.afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** A test with a database and a data folder of its own. */
function test(
  name: string,
  fn: (database: TestDatabase, options: ReplicaOptions) => Promise<void>,
): void {
  const id = `f${++count}`;
  Deno.test(`faults: ${name}`, async () => {
    await using database = await TestDatabase.create(server, id);
    try {
      await fn(database, { dataDir: `${server.folder}/${id}` });
    } finally {
      await dropSlot(database, id);
    }
  });
}
let count = 0;

/** Gives the slot's room back to the next test. */
async function dropSlot(database: TestDatabase, slot: string): Promise<void> {
  await until("the slot is free", async () => {
    const [row] = await database.query(
      `SELECT active FROM pg_replication_slots WHERE slot_name = '${slot}'`,
    );
    return row?.active !== true;
  });
  await database.query(
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
      WHERE slot_name = '${slot}'`,
  );
}

// ── The connection ──────────────────────────────────────────────────────────────────────────────

Deno.test("faults: a server that dies in mid-traffic is waited for; nothing lost, nothing doubled", async () => {
  await using own = await testServer();
  await using database = await TestDatabase.create(own, "dies");
  await database.query("CREATE TABLE t (id serial PRIMARY KEY, v text)");
  await using replica = await Replica.start(database, { dataDir: `${own.folder}/data` });
  await replica.caughtUp();
  for (let round = 0; round < 2; round++) {
    const writing = (async () => {
      for (;;) {
        const sql = "INSERT INTO t (v) SELECT repeat('x', 3000) FROM generate_series(1, 20)";
        if (!await database.query(sql).then(() => true, () => false)) return;
      }
    })();
    const before = replica.applied.length;
    await until("the traffic is being applied", () => replica.applied.length > before + 2);
    await own.stop("immediate");
    await writing;
    await until("it waits", () => replica.pipeline.status().phase === "waiting");
    const { waiting, connected } = replica.pipeline.status();
    assert.equal(connected, false);
    assert.equal(waiting?.kind, "connection");
    assert.ok(waiting?.details.what, "a reason");
    await own.start();
    await database.reconnect();
    await database.query("INSERT INTO t (v) VALUES ('after')");
    await assertEqual(replica);
  }
  const [[doubled]] = await replica.query(
    "SELECT count(*)::INT FROM (SELECT id FROM public__changes.t GROUP BY id HAVING count(*) > 1)",
  );
  assert.equal(doubled, 0);
});

Deno.test("faults: a fast shutdown of the server is not held up, and what it wrote last is kept", async () => {
  await using own = await testServer();
  await using database = await TestDatabase.create(own, "shutdown");
  await database.query("CREATE TABLE t (id serial PRIMARY KEY, v text)");
  await using replica = await Replica.start(database, { dataDir: `${own.folder}/data` });
  await replica.caughtUp();
  await database.query("INSERT INTO t (v) SELECT repeat('x', 500) FROM generate_series(1, 50000)");
  const [{ count }] = await database.query("SELECT count(*)::int AS count FROM t");
  const begun = Date.now();
  await own.stop("fast");
  assert.ok(Date.now() - begun < 20_000, "the shutdown waited for us");
  // The server waits until its WAL senders' clients have everything.
  assert.equal((await replica.query("SELECT count(*)::INT FROM public.t"))[0][0], count);
  await own.start();
  await database.reconnect();
  await assertEqual(replica);
});

test("a slot that another process uses is waited for", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY)");
  await seeded(database, options);
  const thief = await connect(database.url, { replication: true });
  void thief.query(
    `START_REPLICATION SLOT "${database.name}" LOGICAL 0/0 (proto_version '1', ` +
      `publication_names '"${database.name}"')`,
  ).catch(() => {}); // it ends with its connection
  await until("the other has it", async () => {
    const [slot] = await database.query(
      `SELECT active FROM pg_replication_slots WHERE slot_name = '${database.name}'`,
    );
    return slot.active === true;
  });
  await using replica = await Replica.start(database, options);
  await until("it waits", () => replica.pipeline.status().waiting?.kind === "slot-busy");
  await database.query("INSERT INTO t VALUES (1)");
  (thief as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  await assertEqual(replica);
  assert.equal(replica.pipeline.status().waiting, null);
});

test("an idle database keeps no WAL while others write", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY)");
  await using replica = await Replica.start(database, options);
  await replica.caughtUp();
  await using other = await TestDatabase.create(server, `${database.name}_other`);
  await other.query("CREATE TABLE noise AS SELECT generate_series(1, 200000) AS n");
  const target = await other.currentLsn();
  await until("the slot has moved past the others' WAL", async () => {
    const [slot] = await database.query(
      `SELECT confirmed_flush_lsn - '0/0' AS at FROM pg_replication_slots
        WHERE slot_name = '${database.name}'`,
    );
    return Number(slot.at) >= target;
  });
  assert.ok(replica.pipeline.durableLsn >= target, "confirmed is never ahead of what is durable");
});

// ── The position ────────────────────────────────────────────────────────────────────────────────

test("a dropped slot is position-lost, and names --resnapshot", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY)");
  await seeded(database, options);
  await database.query(`SELECT pg_drop_replication_slot('${database.name}')`);
  await database.query("INSERT INTO t VALUES (1)");
  {
    await using replica = await Replica.start(database, options);
    await faultOf(replica, "position-lost", /gone/, /--resnapshot/);
    assert.deepEqual(await ids(replica, "t"), [], "what is there stays readable");
  }
  await using again = await Replica.start(database, { ...options, resnapshot: true });
  await again.until(() => again.pipeline.status().phase === "streaming");
  await assertEqual(again);
});

test("a slot that was dropped and made again is position-lost", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY)");
  await seeded(database, options);
  await database.query(`SELECT pg_drop_replication_slot('${database.name}')`);
  await database.query("INSERT INTO t VALUES (1)");
  await database.query(
    `SELECT pg_create_logical_replication_slot('${database.name}', 'pgoutput')`,
  );
  await using replica = await Replica.start(database, options);
  await faultOf(replica, "position-lost", /moved past our position/, /--resnapshot/);
});

test(
  "a slot made again with nothing written meanwhile is position-lost or harmless",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY)");
    await seeded(database, options);
    await database.query(`SELECT pg_drop_replication_slot('${database.name}')`);
    await database.query(
      `SELECT pg_create_logical_replication_slot('${database.name}', 'pgoutput')`,
    );
    await database.query("INSERT INTO t VALUES (1)");
    await using replica = await Replica.start(database, options);
    const target = await database.currentLsn();
    let ended: Fault | undefined | "running" = "running";
    void replica.ended.then((fault) => ended = fault);
    await until("an end or an arrival", () => {
      return ended !== "running" || replica.pipeline.durableLsn >= target;
    });
    if (ended === "running") await assertEqual(replica);
    else assert.equal((await faultOf(replica, "position-lost")).kind, "position-lost");
  },
);

test("a slot advanced past our position is position-lost", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY)");
  await seeded(database, options);
  await database.query("INSERT INTO t VALUES (1)");
  await database.query(
    `SELECT pg_replication_slot_advance('${database.name}', pg_current_wal_insert_lsn())`,
  );
  await using replica = await Replica.start(database, options);
  await faultOf(replica, "position-lost", /moved past our position/, /--resnapshot/);
});

Deno.test("faults: another server under the same address is position-lost", async () => {
  await using one = await testServer();
  await using two = await testServer();
  await using a = await TestDatabase.create(one, "same");
  await using b = await TestDatabase.create(two, "same");
  for (const each of [a, b]) await each.query("CREATE TABLE t (id int PRIMARY KEY)");
  const options = { dataDir: `${one.folder}/data` };
  await seeded(a, options);
  await seeded(b, { dataDir: `${one.folder}/other` }); // so that publication and slot are there
  await using replica = await Replica.start(b, options);
  await faultOf(replica, "position-lost", /another server/, /system identifier/);
});

test("another database of the server is position-lost", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY)");
  await seeded(database, options);
  await using other = await TestDatabase.create(server, `${database.name}_x`);
  await other.query("CREATE TABLE t (id int PRIMARY KEY)");
  await other.query(`CREATE PUBLICATION ${other.name} FOR TABLE t`);
  await using replica = await Replica.start(other, options);
  await faultOf(replica, "position-lost", /another database/);
});

test(
  "a foreign slot of our name and an empty warehouse: setup, and the slot untouched",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY)");
    await database.query(
      `SELECT pg_create_logical_replication_slot('${database.name}', 'pgoutput')`,
    );
    const slot = () =>
      database.rows(
        `SELECT plugin, restart_lsn, confirmed_flush_lsn, active FROM pg_replication_slots
        WHERE slot_name = '${database.name}'`,
      );
    const before = await slot();
    for (let start = 0; start < 2; start++) {
      await using replica = await Replica.start(database, options);
      await faultOf(replica, "setup", /exists already/, /--resnapshot/);
    }
    assert.deepEqual(await slot(), before);
  },
);

test(
  "a start that failed before it made its slot never drops one that another made since",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY)");
    {
      await using failed = await Replica.start(database, { ...options, tables: ["public.none"] });
      await faultOf(failed, "setup", /no table/);
    }
    const other = { dataDir: `${options.dataDir}_other` };
    await seeded(database, other); // another Sluice, which has the slot now
    await database.query("INSERT INTO t VALUES (1)");
    {
      await using again = await Replica.start(database, options);
      let ended = false;
      void again.ended.then(() => ended = true);
      await until("it ends or streams", () => {
        return ended || again.pipeline.status().phase === "streaming";
      });
    }
    await using owner = await Replica.start(database, other);
    await assertEqual(owner);
  },
);

// ── The publication ─────────────────────────────────────────────────────────────────────────────

test(
  "a publication that lost a table while we were away is position-lost",
  async (database, options) => {
    await database.query(
      "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE o (id int PRIMARY KEY)",
    );
    await seeded(database, options);
    await database.query(`ALTER PUBLICATION ${database.name} DROP TABLE t`);
    await using replica = await Replica.start(database, options);
    await faultOf(replica, "position-lost", /public\.t/, /--resnapshot/);
  },
);

test(
  "a publication that publishes inserts alone since we were away is no silent skip",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY, v int)");
    await database.query("INSERT INTO t VALUES (1, 1)");
    await seeded(database, options);
    await database.query(`ALTER PUBLICATION ${database.name} SET (publish = 'insert')`);
    await database.query("UPDATE t SET v = 2");
    await using replica = await Replica.start(database, options);
    await faultOf(replica, "position-lost", /--resnapshot/);
  },
);

test(
  "a publication FOR ALL TABLES: tables that are not replicated are passed over",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE loose (id int)");
    await database.query(`CREATE PUBLICATION ${database.name} FOR ALL TABLES`);
    await using replica = await Replica.start(database, { ...options, tables: ["public.t"] });
    await replica.caughtUp();
    await database.query("BEGIN; INSERT INTO t VALUES (1); INSERT INTO loose VALUES (1); COMMIT");
    await database.query("TRUNCATE loose; INSERT INTO t VALUES (2)");
    await replica.caughtUp();
    assert.deepEqual(await ids(replica, "t"), [1, 2]);
  },
);

// ── The schema ──────────────────────────────────────────────────────────────────────────────────

const CHANGES: [name: string, ddl: string, dml: string, says: RegExp[]][] = [
  ["a column is added", "ALTER TABLE t ADD COLUMN extra int", "", [/public\.t/, /extra/, /new/]],
  ["a column is dropped", "ALTER TABLE t DROP COLUMN v", "", [/public\.t/, /column v/, /gone/]],
  ["a column is renamed", "ALTER TABLE t RENAME v TO w", "", [/public\.t/, /\bv\b/, /\bw\b/]],
  ["a column changes its type", "ALTER TABLE t ALTER v TYPE text", "", [/public\.t/, /column v/]],
  ["a numeric is widened", "ALTER TABLE t ALTER n TYPE numeric(12,2)", "", [/column n/]],
  ["a varchar is shortened", "ALTER TABLE t ALTER s TYPE varchar(5)", "", [/column s/]],
  ["the table is renamed", "ALTER TABLE t RENAME TO t2", "INSERT INTO t2 (id) VALUES (100)", [
    /public\.t2/,
  ]],
  [
    "the table moves to another schema",
    "CREATE SCHEMA x; ALTER TABLE t SET SCHEMA x",
    "INSERT INTO x.t (id) VALUES (100)",
    [
      /x\.t/,
    ],
  ],
  [
    "the primary key changes",
    "ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (id, id2)",
    "",
    [
      /key/,
      /id2/,
    ],
  ],
  ["the primary key goes", "ALTER TABLE t DROP CONSTRAINT t_pkey", "", [/public\.t/, /key/]],
  ["the identity becomes NOTHING", "ALTER TABLE t REPLICA IDENTITY NOTHING", "", [/NOTHING/]],
  ["the identity becomes another index", "ALTER TABLE t REPLICA IDENTITY USING INDEX t_id2", "", [
    /key/,
    /id2/,
  ]],
];

for (const [name, ddl, dml, says] of CHANGES) {
  for (const when of ["in its transaction", "in a transaction of its own before"]) {
    test(
      `${name} ${when}: everything before is applied, and nothing of it`,
      async (database, options) => {
        await database.query(
          `CREATE TABLE t (id int PRIMARY KEY, id2 int NOT NULL DEFAULT 0, n numeric(10,2),
           s varchar(10), v int); CREATE UNIQUE INDEX t_id2 ON t (id2, id);
         CREATE TABLE o (id int PRIMARY KEY)`,
        );
        await seeded(database, options);
        for (let id = 1; id <= 5; id++) {
          await database.query(`BEGIN; INSERT INTO t (id) VALUES (${id});
          INSERT INTO o VALUES (${id}); COMMIT`);
        }
        const change = dml || "INSERT INTO t (id) VALUES (100)";
        const alone = when.includes("own");
        if (alone) await database.query(ddl);
        await database.query(
          `BEGIN; INSERT INTO o VALUES (99); ${alone ? "" : ddl}; ${change}; COMMIT`,
        );
        await database.query("INSERT INTO o VALUES (200)");
        await using replica = await Replica.start(database, options);
        await faultOf(replica, "schema-changed", ...says);
        assert.deepEqual(await ids(replica, "t"), [1, 2, 3, 4, 5]);
        assert.deepEqual(await ids(replica, "o"), [1, 2, 3, 4, 5]);
      },
    );
  }
}

test(
  "the primary key changes under REPLICA IDENTITY FULL: no silent divergence",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY, part int NOT NULL DEFAULT 0, v int)");
    await database.query("ALTER TABLE t REPLICA IDENTITY FULL");
    await seeded(database, options);
    await database.query("INSERT INTO t VALUES (1, 0, 0)");
    await database.query("ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, part)");
    await database.query("INSERT INTO t VALUES (1, 1, 0)");
    await database.query("UPDATE t SET v = 1 WHERE part = 1");
    await using replica = await Replica.start(database, options);
    let ended: Fault | undefined | "running" = "running";
    void replica.ended.then((fault) => ended = fault);
    const target = await database.currentLsn();
    await until("an end or an arrival", () => {
      return ended !== "running" || replica.pipeline.durableLsn >= target;
    });
    if (ended === "running") await assertEqual(replica);
    else await faultOf(replica, "schema-changed", /key/);
  },
);

test("a varchar that is lengthened or becomes text goes on", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, a varchar(3), b varchar(3))");
  await using replica = await Replica.start(database, options);
  await database.query("INSERT INTO t VALUES (1, 'abc', 'abc')");
  await database.query("ALTER TABLE t ALTER a TYPE varchar(50), ALTER b TYPE text");
  await database.query("INSERT INTO t VALUES (2, repeat('a', 50), repeat('b', 5000))");
  await database.query("UPDATE t SET a = 'longer than before' WHERE id = 1");
  await assertEqual(replica);
});

test(
  "a table that is rewritten while the snapshot copies others is not lost",
  async (database, options) => {
    await threeTables(database);
    await using replica = await Replica.start(database, options);
    await replica.until(() => replica.pipeline.status().phase === "snapshot");
    await database.query("ALTER TABLE late ALTER v TYPE int USING v + 0");
    await assertEqual(replica);
  },
);

test(
  "a table that is truncated while the snapshot copies others is in the snapshot",
  async (database, options) => {
    await threeTables(database);
    await using replica = await Replica.start(database, options);
    await replica.until(() => replica.pipeline.status().phase === "snapshot");
    await database.query("TRUNCATE late");
    await assertEqual(replica);
    const [[read]] = await replica.query(
      "SELECT count(*)::INT FROM public__changes.late WHERE _op = 'r'",
    );
    assert.equal(read, 100, "at the snapshot's position the source had these rows");
  },
);

test(
  "a column that is dropped while the snapshot copies others is no bug of ours",
  async (database, options) => {
    await threeTables(database);
    await using replica = await Replica.start(database, options);
    await replica.until(() => replica.pipeline.status().phase === "snapshot");
    await database.query("ALTER TABLE late DROP COLUMN v");
    let ended: Fault | undefined | "running" = "running";
    void replica.ended.then((fault) => ended = fault);
    await until("an end or the stream", () => {
      return ended !== "running" || replica.pipeline.status().phase === "streaming";
    });
    if (ended !== "running") {
      assert.notEqual(
        (ended as Fault | undefined)?.kind,
        "bug",
        (ended as unknown as Fault).message,
      );
    }
  },
);

/** Two tables that keep both of the snapshot's connections busy, and one that is copied last. */
async function threeTables(database: TestDatabase): Promise<void> {
  await database.query(`
    CREATE TABLE big1 (id int PRIMARY KEY, v text);
    CREATE TABLE big2 (id int PRIMARY KEY, v text);
    CREATE TABLE late (id int PRIMARY KEY, v int);
    INSERT INTO big1 SELECT n, repeat('x', 100) FROM generate_series(1, 400000) n;
    INSERT INTO big2 SELECT n, repeat('x', 100) FROM generate_series(1, 400000) n;
    INSERT INTO late SELECT n, n FROM generate_series(1, 100) n;
    ANALYZE`);
}

// ── Values ──────────────────────────────────────────────────────────────────────────────────────

const BAD: [name: string, type: string, value: string][] = [
  ["NaN into a numeric", "numeric(10,2)", "'NaN'"],
  ["a timestamptz after 294247", "timestamptz", "'294276-12-31 23:59:59+00'"],
  ["a timestamp that would become infinity", "timestamp", "'294247-01-10 04:00:54.775807'"],
  ["an array of two dimensions", "int[]", "'{{1,2},{3,4}}'"],
  ["an array with bounds of its own", "int[]", "'[0:1]={1,2}'"],
  ["NaN in an array of numerics", "numeric(10,2)[]", "'{1.00,NaN}'"],
  ["a timestamp after 294247 in an array", "timestamp[]", "'{\"294276-12-31 23:59:59\"}'"],
  ['a "char" that is no character', '"char"', "'é'::\"char\""],
  ['a "char" that is no character, in an array', '"char"[]', "ARRAY['é'::\"char\"]"],
];

for (const [name, type, value] of BAD) {
  test(`${name}, in the snapshot: table, key and column are named`, async (database, options) => {
    await database.query(`CREATE TABLE t (id int PRIMARY KEY, bad ${type})`);
    await database.query(`INSERT INTO t VALUES (4711, ${value})`);
    await using replica = await Replica.start(database, options);
    await faultOf(replica, "bad-value", /public\.t/, /4711/, /"bad"/);
  });

  test(`${name}, in the stream: stops right before its transaction`, async (database, options) => {
    await database.query(
      `CREATE TABLE t (id int PRIMARY KEY, bad ${type}); CREATE TABLE o (id int PRIMARY KEY)`,
    );
    await seeded(database, options);
    for (let id = 1; id <= 5; id++) {
      await database.query(
        `BEGIN; INSERT INTO t (id) VALUES (${id}); INSERT INTO o VALUES (${id}); COMMIT`,
      );
    }
    await database.query(
      `BEGIN; INSERT INTO o VALUES (99); INSERT INTO t VALUES (4711, ${value}); COMMIT`,
    );
    await database.query("INSERT INTO o VALUES (200)");
    await using replica = await Replica.start(database, options);
    await faultOf(replica, "bad-value", /public\.t/, /4711/, /"bad"/);
    assert.deepEqual(await ids(replica, "t"), [1, 2, 3, 4, 5]);
    assert.deepEqual(await ids(replica, "o"), [1, 2, 3, 4, 5]);
  });
}

test(
  "a bad value in a column before the key: the key is named all the same",
  async (database, options) => {
    await database.query("CREATE TABLE t (bad numeric(10,2), id int PRIMARY KEY)");
    await database.query("INSERT INTO t VALUES ('NaN', 4711)");
    await using replica = await Replica.start(database, options);
    await faultOf(replica, "bad-value", /public\.t/, /4711/, /"bad"/);
  },
);

test(
  "a row larger than the limit: what came before it in the same bytes is applied",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await database.query("ALTER TABLE t ALTER v SET STORAGE EXTERNAL");
    const limited = { ...options, messageBytesMax: 1_000_000 };
    await seeded(database, limited);
    for (let id = 1; id <= 5; id++) await database.query(`INSERT INTO t VALUES (${id}, 'x')`);
    await database.query("INSERT INTO t VALUES (99, repeat('x', 2000000))");
    await using replica = await Replica.start(database, limited);
    await faultOf(replica, "bad-value", /larger/, /SLUICE_MEMORY_TOTAL_MB/);
    assert.deepEqual(await ids(replica, "t"), [1, 2, 3, 4, 5]);
  },
);

test(
  "a change of key under REPLICA IDENTITY FULL with a large unchanged value",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await database.query("ALTER TABLE t REPLICA IDENTITY FULL, ALTER v SET STORAGE EXTERNAL");
    await database.query("INSERT INTO t VALUES (1, repeat('x', 200000))");
    await using replica = await Replica.start(database, { ...options, poolBytes: 4 * 65536 });
    await replica.caughtUp();
    await database.query("UPDATE t SET id = 2");
    await assertEqual(replica);
  },
);

Deno.test("faults: a TRUNCATE of more tables than one batch holds ends", async () => {
  await using own = await testServer();
  await using database = await TestDatabase.create(own, "truncates");
  const columns = Array.from({ length: 1000 }, (_, i) => `c${i} text`).join(", ");
  const tables = Array.from({ length: 40 }, (_, i) => `t${i}`);
  for (const table of tables) {
    await database.query(`CREATE TABLE ${table} (id int PRIMARY KEY, ${columns})`);
    await database.query(`INSERT INTO ${table} (id) VALUES (1)`);
  }
  await using sluice = new SluiceProcess({
    SLUICE_DATABASE_URL: database.url,
    SLUICE_DATA_DIR: `${own.folder}/data`,
    SLUICE_MEMORY_TOTAL_MB: "512",
    SLUICE_IDLE_COMMIT_SECONDS: "1",
  });
  await sluice.ready();
  await database.query(`TRUNCATE ${tables.join(", ")}`);
  const target = await database.currentLsn();
  await until("the TRUNCATE is applied", async () => {
    const answer = await sluice.sql("SELECT count(*)::INT FROM public.t39");
    return answer !== undefined && answer.lsn >= target && answer.rows[0][0] === 0;
  });
  const answer = await sluice.sql("SELECT count(*)::INT FROM public__changes.t0 WHERE _op = 't'");
  assert.equal(answer?.rows[0][0], 1, "one TRUNCATE is one entry of the log");
});

// ── The warehouse ───────────────────────────────────────────────────────────────────────────────

/** What opening the warehouse throws. */
async function openFault(database: TestDatabase, options: ReplicaOptions): Promise<Fault> {
  try {
    await using _replica = await Replica.start(database, options);
  } catch (error) {
    assert.ok(error instanceof Fault, `no fault, but ${(error as Error).stack}`);
    return error;
  }
  throw new Error("it was opened");
}

test(
  "a warehouse that another process has open is a fault that names it",
  async (database, options) => {
    await database.query("CREATE TABLE t (id int PRIMARY KEY)");
    await using replica = await Replica.start(database, options);
    await replica.caughtUp();
    const { code, output } = await runMain(["serve"], {
      SLUICE_DATABASE_URL: database.url,
      SLUICE_DATA_DIR: options.dataDir,
      SLUICE_HTTP_ADDR: "127.0.0.1:0",
      SLUICE_LOG_FILE: "none",
    });
    assert.equal(code, 9, output);
    assert.match(output, /open in another process/);
    assert.doesNotMatch(output, /\n\s+at /, "a stack trace");
    await database.query("INSERT INTO t VALUES (1)");
    await assertEqual(replica);
  },
);

test("a warehouse of another layout is refused and left as it is", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY)");
  await seeded(database, options);
  const instance = await DuckDBInstance.create(warehouseFile(options.dataDir));
  const connection = await instance.connect();
  await connection.run("UPDATE _sluice.layout SET version = 999");
  connection.closeSync();
  instance.closeSync();
  const fault = await openFault(database, options);
  assert.equal(fault.kind, "warehouse");
  assert.match(fault.message, /layout 999/);
});

for (
  const [name, bytes] of [
    ["garbage", crypto.getRandomValues(new Uint8Array(50_000))],
    ["text", new TextEncoder().encode("not a database\n".repeat(100))],
    ["a single byte", new Uint8Array(1)],
  ] as const
) {
  test(`a warehouse file of ${name} is a fault that names the file`, async (database, options) => {
    await Deno.mkdir(options.dataDir);
    await Deno.writeFile(warehouseFile(options.dataDir), bytes);
    const fault = await openFault(database, options);
    assert.equal(fault.kind, "warehouse", fault.message);
    assert.match(fault.message, /warehouse\.duckdb/);
    const now = await Deno.readFile(warehouseFile(options.dataDir));
    assert.deepEqual(now, bytes, "it was left as it is");
  });
}

test("a warehouse file that was cut short is a fault, not a crash", async (database, options) => {
  await database.query("CREATE TABLE t AS SELECT generate_series(1, 50000) AS id");
  await database.query("ALTER TABLE t ADD PRIMARY KEY (id)");
  await seeded(database, options);
  const file = warehouseFile(options.dataDir);
  const { size } = await Deno.stat(file);
  await Deno.truncate(file, Math.floor(size / 2));
  const { code, output } = await runMain(["serve"], {
    SLUICE_DATABASE_URL: database.url,
    SLUICE_DATA_DIR: options.dataDir,
    SLUICE_SLOT: database.name,
    SLUICE_PUBLICATION: database.name,
    SLUICE_HTTP_ADDR: "127.0.0.1:0",
    SLUICE_LOG_FILE: "none",
  });
  assert.equal(code, 9, output);
  assert.doesNotMatch(output, /\n\s+at /, "a stack trace");
});

test("a data folder that can't be made is a fault that names it", async (database, options) => {
  await Deno.writeTextFile(options.dataDir, "a file, not a folder");
  const fault = await openFault(database, { dataDir: `${options.dataDir}/data` });
  assert.equal(fault.kind, "usage", fault.message);
});

/** Mounts a small disk; undefined when this machine does not let us. */
async function smallDisk(folder: string, megabytes: number) {
  const run = (command: string, ...args: string[]) =>
    new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()
      .then(({ success }) => success, () => false);
  await Deno.mkdir(folder);
  const mounted = Deno.build.os === "linux" && Deno.uid() === 0 &&
    await run("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder);
  if (!mounted) return undefined;
  return {
    grow: (megabytes: number) => run("mount", "-o", `remount,size=${megabytes}m`, folder),
    async [Symbol.asyncDispose]() {
      await run("umount", "-l", folder);
    },
  };
}

/** Whether a small disk can be mounted here, asked once. */
const CAN_MOUNT = Deno.build.os === "linux" && Deno.uid() === 0;

Deno.test({
  name: "faults: a full disk is waited for; readers go on; it resumes when there is room" +
    (CAN_MOUNT ? "" : " [skipped: needs root, to mount a small disk]"),
  ignore: !CAN_MOUNT,
  async fn() {
    await using database = await TestDatabase.create(server, "disk_full");
    await using disk = await smallDisk(`${server.folder}/disk`, 24);
    assert.ok(disk, "no small disk could be mounted");
    await database.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
    await database.query("INSERT INTO t VALUES (0, 'first')");
    await using replica = await Replica.start(database, { dataDir: `${server.folder}/disk/data` });
    await replica.caughtUp();
    // Text that does not compress, so that it takes its room.
    const fill = (from: number) =>
      database.query(`INSERT INTO t SELECT n, (SELECT string_agg(md5(n::text || k::text), '')
        FROM generate_series(1, 30) k) FROM generate_series(${from}, ${from + 1999}) n`);
    let ended: unknown = "running";
    void replica.ended.then((fault) => ended = fault);
    for (let from = 1; from < 60_000; from += 2000) {
      if (replica.pipeline.status().waiting !== null || ended !== "running") break;
      await fill(from);
      const target = await database.currentLsn();
      await until(
        "the rows are applied, or it waits",
        () =>
          replica.pipeline.durableLsn >= target || replica.pipeline.status().waiting !== null ||
          ended !== "running",
      );
    }
    assert.equal(ended, "running", (ended as Error)?.message);
    assert.equal(replica.pipeline.status().waiting?.kind, "disk-full");
    const counted = async () => (await replica.query("SELECT count(*)::INT FROM public.t"))[0][0];
    const before = await counted() as number;
    assert.ok(before > 0 && before % 2000 === 1, `half a transaction is visible: ${before}`);
    assert.ok(await disk.grow(500));
    await assertEqual(replica);
    assert.equal(replica.pipeline.status().waiting, null);
  },
});

// ── Memory ──────────────────────────────────────────────────────────────────────────────────────

test("memory does not grow with the bytes that went through", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
  await database.query("ALTER TABLE t ALTER v SET STORAGE EXTERNAL");
  await database.query("INSERT INTO t VALUES (1, '')");
  await using replica = await Replica.start(database, { ...options, totalMb: 2048 });
  await replica.caughtUp();
  const held = () => Deno.memoryUsage().external / 1024 / 1024;
  const go = async (rounds: number) => {
    for (let i = 0; i < rounds; i++) {
      await database.query(`UPDATE t SET v = repeat('${i % 10}', 200000)`);
      if (i % 5 === 0) await replica.caughtUp();
    }
    await replica.caughtUp();
  };
  await go(50);
  const before = held();
  await go(400); // 80 MB
  // Garbage is collected in its own time, so what counts is what stays.
  await until("most of it is given back", async () => {
    await go(5);
    return held() - before < 30;
  }, 15);
});

test("512 MB in all: values of 20 kB, change after change", async (database, options) => {
  await largeValues(database, options, 20_000, 6000);
});

test(
  "512 MB in all: values of 60 kB are taken, or refused with the setting to raise",
  async (database, options) => {
    try {
      await largeValues(database, options, 60_000, 2500);
    } catch (error) {
      assert.ok(error instanceof Fault, `no fault, but ${(error as Error).stack}`);
      assert.match(error.message, /SLUICE_MEMORY_TOTAL_MB/);
    }
  },
);

/** Changes one row again and again, each time to another value of so many bytes. */
async function largeValues(
  database: TestDatabase,
  options: ReplicaOptions,
  bytes: number,
  changes: number,
): Promise<void> {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
  await database.query("ALTER TABLE t ALTER v SET STORAGE EXTERNAL");
  await database.query("INSERT INTO t VALUES (1, '')");
  await using replica = await Replica.start(database, { ...options, totalMb: 512 });
  await replica.caughtUp();
  for (let i = 0; i < changes; i++) {
    await database.query(`UPDATE t SET v = repeat(md5('${i}'), ${Math.ceil(bytes / 32)})`);
    if (i % 20 === 0) await replica.caughtUp();
  }
  await assertEqual(replica);
}

test("one transaction of a million rows fits into 512 MB", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, a text, b text, n numeric(18,2))");
  await using replica = await Replica.start(database, { ...options, totalMb: 512 });
  await replica.caughtUp();
  await database.query(`INSERT INTO t SELECT n, md5(n::text), md5((n + 1)::text), n
    FROM generate_series(1, 1000000) n`);
  await replica.caughtUp();
  await database.query("UPDATE t SET n = n + 1");
  await replica.caughtUp();
  const sum = "SELECT count(*)::text, sum(n)::text FROM t";
  assert.deepEqual(
    await replica.query("SELECT count(*)::VARCHAR, sum(n)::VARCHAR FROM public.t"),
    await database.rows(sum),
  );
});

// ── Names ───────────────────────────────────────────────────────────────────────────────────────

test("names with quotes, dots, spaces, upper case and keywords", async (database, options) => {
  const names = ['a "quoted" table', "dot.ted", "Upper", "select", "ünï", "semi;colon'quote"];
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
  await database.query('CREATE SCHEMA "My.Schema"');
  for (const name of names) {
    await database.query(
      `CREATE TABLE "My.Schema".${quoted(name)} ("Id x" int, "order" text, "q""q" text,
         "rowid" int, PRIMARY KEY ("Id x", "order"))`,
    );
    await database.query(`INSERT INTO "My.Schema".${quoted(name)} VALUES (1, 'a', 'b', 5)`);
  }
  await using replica = await Replica.start(database, { ...options, tables: ["My.Schema.*"] });
  await replica.caughtUp();
  for (const name of names) {
    const table = `"My.Schema".${quoted(name)}`;
    await database.query(`INSERT INTO ${table} VALUES (2, 'c', repeat('x', 5000), 6),
       (3, 'd', NULL, NULL)`);
    await database.query(`UPDATE ${table} SET "order" = 'z' WHERE "Id x" = 2`);
    await database.query(`UPDATE ${table} SET rowid = 9 WHERE "Id x" = 1`);
    await database.query(`DELETE FROM ${table} WHERE "Id x" = 3`);
  }
  await replica.caughtUp();
  for (const name of names) {
    const sql = `FROM "My.Schema".${quoted(name)} ORDER BY 1`;
    assert.deepEqual(
      await replica.query(`SELECT "Id x"::VARCHAR, "order", "q""q", rowid::VARCHAR ${sql}`),
      await database.rows(`SELECT "Id x"::text, "order", "q""q", rowid::text ${sql}`),
      name,
    );
  }
});

// ── Stopping ────────────────────────────────────────────────────────────────────────────────────

test(
  "a SIGTERM at any moment ends with 0 in time, and loses nothing",
  async (database, options) => {
    await database.query("CREATE TABLE t (id serial PRIMARY KEY, v text)");
    await database.query(
      "INSERT INTO t (v) SELECT repeat('x', 100) FROM generate_series(1, 100000)",
    );
    const env = {
      SLUICE_DATABASE_URL: database.url,
      SLUICE_DATA_DIR: options.dataDir,
      SLUICE_SLOT: database.name,
      SLUICE_PUBLICATION: database.name,
      SLUICE_IDLE_COMMIT_SECONDS: "1",
    };
    const moments: [string, (sluice: SluiceProcess) => Promise<void>][] = [
      ["as soon as it listens", (s) => until("it listens", () => /listening on/.test(s.output))],
      ["amid the snapshot", (s) => until("it copies", () => /snapshot of/.test(s.output))],
      ["while it streams", async (s) => {
        await s.ready();
        await database.query("INSERT INTO t (v) SELECT 'y' FROM generate_series(1, 50000)");
      }],
      ["while idle", (s) => s.ready()],
    ];
    for (const [when, moment] of moments) {
      await using sluice = new SluiceProcess(env);
      await moment(sluice);
      const asked = Date.now();
      const { code, output } = await sluice.kill("SIGTERM");
      assert.equal(code, 0, `${when}: ${output}`);
      assert.doesNotMatch(output, /\n\s+at |took too long/, `${when}: ${output}`);
      assert.ok(Date.now() - asked < 8000, `${when}: it took ${Date.now() - asked} ms`);
    }
    await using replica = await Replica.start(database, options);
    await assertEqual(replica);
  },
);
