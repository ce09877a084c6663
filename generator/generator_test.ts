/** The generator against a real PostgreSQL. */
import assert from "node:assert/strict";
import { Fault } from "../src/errors.ts";
import type { EmbeddedPostgres } from "../src/dev/embedded_postgres.ts";
import { TestDatabase, testServer } from "../tests/support/postgres.ts";
import { loadBulk } from "./bulk.ts";
import { ensureSchema } from "./database.ts";
import { Generator } from "./generator.ts";
import { changesSql, COLUMNS, copyLine, prepareAll, type Row, TABLES } from "./tables.ts";

let databases = 0;

function freshDatabase(server: EmbeddedPostgres): Promise<TestDatabase> {
  return TestDatabase.create(server, `bank_${++databases}`);
}

/** The whole contents of the five tables. */
async function contents(database: TestDatabase): Promise<string> {
  const all: unknown[] = [];
  for (const table of TABLES) {
    all.push(await database.rows(`SELECT * FROM ${table} ORDER BY id`));
  }
  return JSON.stringify(all, null, 1);
}

async function balances(database: TestDatabase): Promise<string | null> {
  const [[sum]] = await database.rows("SELECT sum(balance) FROM wallets");
  return sum;
}

/** What must hold whenever nothing is under way, given that the sum of balances is 0. */
async function assertWhole(database: TestDatabase): Promise<void> {
  assert.equal(await balances(database), "0.00");
  const wrong = await database.rows(`
    SELECT 'a wallet is not the sum of its legs', w.id FROM wallets w
      LEFT JOIN transactions t ON t.wallet_id = w.id
     GROUP BY w.id HAVING w.balance <> coalesce(sum(t.amount), 0)
    UNION ALL
    SELECT 'a movement does not add up', movement_id FROM transactions
     GROUP BY movement_id HAVING sum(amount) <> 0 OR count(*) <> 2 OR count(DISTINCT currency) <> 1
    UNION ALL
    SELECT 'a leg''s balance is wrong', id FROM (
      SELECT id, balance_after,
             sum(amount) OVER (PARTITION BY wallet_id ORDER BY created_at) AS due
        FROM transactions) legs WHERE balance_after <> due
    UNION ALL
    SELECT 'a reversal does not match', r.id FROM transactions r
      JOIN transactions o ON o.id = r.reversal_of
     WHERE r.amount <> -o.amount OR r.wallet_id <> o.wallet_id OR o.status <> 'reversed'`);
  assert.deepEqual(wrong, []);
}

Deno.test("generator, with PostgreSQL", async (t) => {
  await using server = await testServer();

  await t.step("the columns are the schema's, and the schema can be applied twice", async () => {
    await using database = await freshDatabase(server);
    await ensureSchema(database.client, false);
    await ensureSchema(database.client, true);
    for (const table of TABLES) {
      const rows = await database.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' " +
          `AND table_name = '${table}' ORDER BY ordinal_position`,
      );
      assert.deepEqual(rows.flat(), COLUMNS[table]);
    }
  });

  await t.step("some tables without the others are not ours", async () => {
    await using database = await freshDatabase(server);
    await database.query("CREATE TABLE users (id integer)");
    await assert.rejects(
      Generator.open(database.url),
      (error: unknown) => error instanceof Fault && /received users/.test(error.message),
    );
  });

  await t.step("any text arrives as it is, by statement and by COPY", async () => {
    await using database = await freshDatabase(server);
    await ensureSchema(database.client, false);
    await database.query(prepareAll());
    const texts = ["it's \\N", "a\tb\nc\r\\t", "\\", "$1 ; --", "حساب 口座 🏦"];
    const user = (name: string, n: number): Row<"users"> => ({
      id: `00000000-0000-4000-8000-00000000000${n}`,
      full_name: name,
      email: `${n}@example.com`,
      phone: "+1",
      birth_date: "2000-01-01",
      country: "FR",
      locale: "fr-FR",
      address: JSON.stringify({ street: name }),
      kyc_level: "1",
      status: "active",
      marketing_consent: "false",
      tags: "{}",
      created_at: "2026-01-01T00:00:00Z",
      updated_at: "2026-01-01T00:00:00Z",
    });
    for (const [n, text] of texts.entries()) {
      await database.query(changesSql([{ op: "insert", table: "users", row: user(text, n) }]));
    }
    const query = "SELECT full_name, address->>'street' FROM users ORDER BY id";
    const expected = texts.map((text) => [text, text]);
    assert.deepEqual(await database.rows(query), expected);

    const { from } = await import("pg-copy-streams");
    const { finished } = await import("node:stream/promises");
    await database.query("TRUNCATE users CASCADE");
    const copy = database.client.query(from(`COPY users (${COLUMNS.users}) FROM STDIN`));
    copy.end(texts.map((text, n) => copyLine("users", user(text, n))).join(""));
    await finished(copy);
    assert.deepEqual(await database.rows(query), expected);
  });

  await t.step("the same seed gives the same contents, another seed others", async () => {
    const run = async (seed: number) => {
      await using database = await freshDatabase(server);
      await using generator = await Generator.open(database.url, { seed, users: 20 });
      await generator.run({ transactions: 300 });
      return await contents(database);
    };
    const first = await run(7);
    assert.equal(await run(7), first);
    assert.notEqual(await run(8), first);
  });

  await t.step("the same seed goes on in a database that it has filled before", async () => {
    await using database = await freshDatabase(server);
    for (let round = 0; round < 3; round++) {
      await using generator = await Generator.open(database.url, { seed: 7, users: 10 });
      await generator.run({ transactions: 50 });
    }
    await assertWhole(database);
  });

  await t.step("the balances add up to 0 after every commit", async () => {
    await using database = await freshDatabase(server);
    await using generator = await Generator.open(database.url, { users: 10 });
    for (let i = 0; i < 300; i++) {
      const kind = await generator.step();
      assert.equal(await balances(database), "0.00", `after ${kind}`);
    }
    await assertWhole(database);
  });

  await t.step("all kinds of transactions happen, and are counted as they are", async () => {
    await using database = await freshDatabase(server);
    await using generator = await Generator.open(database.url, { waitForDisk: false });
    await generator.run({ transactions: 3000 });
    const { byKind, byTable, committed } = generator.summary;
    assert.deepEqual([...byKind.keys()].sort(), [
      "add_beneficiary",
      "card_payment",
      "change_profile",
      "delete_notification",
      "deposit",
      "open_bank",
      "read_notification",
      "remove_beneficiary",
      "reversal",
      "sign_up",
      "transfer",
    ]);
    assert.equal(committed, 3000 + 100 + 1);
    for (const table of TABLES) {
      const counts = byTable.get(table)!;
      const [[rows]] = await database.rows(`SELECT count(*) FROM ${table}`);
      assert.equal(Number(rows), counts.insert - counts.delete, table);
    }
    await assertWhole(database);
  });

  await t.step("a run ends at once when its signal was aborted before", async () => {
    await using database = await freshDatabase(server);
    await using generator = await Generator.open(database.url, { users: 1 });
    const before = generator.summary.committed;
    await generator.run({ signal: AbortSignal.abort() });
    assert.equal(generator.summary.committed, before);
  });

  await t.step("a second generator is refused", async () => {
    await using database = await freshDatabase(server);
    await using _first = await Generator.open(database.url, { users: 1 });
    await assert.rejects(
      Generator.open(database.url),
      (error: unknown) => error instanceof Fault && /another generator/.test(error.message),
    );
  });

  await t.step("rows that somebody else takes away are noticed, and it goes on", async () => {
    await using database = await freshDatabase(server);
    const notices: string[] = [];
    await using generator = await Generator.open(database.url, {
      users: 5,
      onNotice: (text) => notices.push(text),
    });
    await database.query("TRUNCATE transactions, notifications, beneficiaries, wallets, users");
    await generator.run({ transactions: 100 });
    assert.match(notices[0], /somebody else changed the tables/);
    await assertWhole(database);
  });

  await t.step("bulk, then live", async () => {
    await using database = await freshDatabase(server);
    const schemaSql = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint " +
      "WHERE connamespace = 'public'::regnamespace UNION ALL SELECT indexname, indexdef " +
      "FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2";
    await ensureSchema(database.client, false);
    const schemaBefore = await database.rows(schemaSql);
    const progress: number[] = [];
    const { rows } = await loadBulk(database.url, {
      transactions: 45_001,
      users: 300,
      onProgress: (done) => progress.push(done),
    });
    assert.deepEqual(await database.rows(schemaSql), schemaBefore);
    assert.deepEqual(progress, [20_000, 40_000, 45_002]);
    for (const table of TABLES) {
      const [[found]] = await database.rows(`SELECT count(*) FROM ${table}`);
      assert.equal(Number(found), rows[table], table);
    }
    assert.equal(rows.users, 300);
    await assertWhole(database);

    await assert.rejects(
      loadBulk(database.url, { transactions: 10 }),
      (error: unknown) => error instanceof Fault && error.kind === "usage",
    );
    await using generator = await Generator.open(database.url);
    await generator.run({ transactions: 500 });
    await assertWhole(database);
  });

  await t.step(
    "a bulk load is repeatable, and leaves nothing behind when interrupted",
    async () => {
      const load = async () => {
        await using database = await freshDatabase(server);
        await assert.rejects(
          loadBulk(database.url, { transactions: 1000, signal: AbortSignal.abort() }),
          /Interrupted/,
        );
        await loadBulk(database.url, { transactions: 1000, seed: 5 });
        return await contents(database);
      };
      assert.equal(await load(), await load());
    },
  );
});

Deno.test("generator: it survives restarts of the database, crashes included", async () => {
  await using server = await testServer({ fsync: "on" });
  await using database = await freshDatabase(server);
  const notices: string[] = [];
  await using generator = await Generator.open(database.url, {
    users: 20,
    onNotice: (text) => notices.push(text),
  });
  for (const how of ["immediate", "fast"] as const) {
    let restarted: Promise<void> | undefined;
    await generator.run({
      transactions: 1500,
      onCommit: (committed) => {
        if (committed >= 500) restarted ??= server.stop(how).then(() => server.start());
      },
    });
    await restarted;
    await database.reconnect();
    await assertWhole(database);
  }
  assert.equal(generator.summary.reconnects, 2, notices.join("\n"));
  const back = notices.filter((text) => text === "The database is back.").length;
  assert.deepEqual([back, notices.length], [2, 4], notices.join("\n"));
  // Nothing that was counted is missing, and nothing was committed without being counted.
  const { byTable, committed } = generator.summary;
  assert.equal(committed, 3000 + 20 + 1);
  for (const table of TABLES) {
    const counts = byTable.get(table)!;
    const [[rows]] = await database.rows(`SELECT count(*) FROM ${table}`);
    assert.equal(Number(rows), counts.insert - counts.delete, table);
  }
});

Deno.test("generator: a run ends by its signal while the database is away", async () => {
  await using server = await testServer();
  await using database = await freshDatabase(server);
  const controller = new AbortController();
  await using generator = await Generator.open(database.url, {
    users: 5,
    onNotice: () => controller.abort(),
  });
  await database.client.end();
  await server.stop("immediate");
  await generator.run({ signal: controller.signal });
  assert.equal(generator.summary.reconnects, 1);
  assert.ok(generator.summary.unknown > 0);
});
