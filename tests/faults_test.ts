/**
 * What goes wrong with the source: lost connections, lost positions, a changed publication. Against a
 * real PostgreSQL and a real warehouse file: nothing lost, nothing doubled, nothing skipped in silence.
 */
import assert from "node:assert/strict";
import type { Fault } from "../src/errors.ts";
import { connect } from "../src/source/postgres/connect.ts";
import { assertEqual, faultOf, faultTests, ids, seeded, until } from "./support/faults.ts";
import { TestDatabase, testServer } from "./support/postgres.ts";
import { Replica } from "./support/replica.ts";

const { test, server } = faultTests();

// The connection

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
  await using other = await TestDatabase.create(server(), `${database.name}_other`);
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

// The position

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
  await using other = await TestDatabase.create(server(), `${database.name}_x`);
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

// The publication

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

test("a transaction that changes nothing of ours is no lag", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE loose (id int)");
  await database.query(`CREATE PUBLICATION ${database.name} FOR ALL TABLES`);
  await using replica = await Replica.start(database, { ...options, tables: ["public.t"] });
  await replica.caughtUp();
  const before = replica.pipeline.decoded;
  await database.query("INSERT INTO loose VALUES (1)");
  await until("it is read", () => replica.pipeline.decoded > before);
  assert.equal(replica.pipeline.status().oldestUnappliedMs, null);
});
