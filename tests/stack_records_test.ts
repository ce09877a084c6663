/**
 * Records that can't be applied, are very large, or lack what belongs to them, on the real parts: what
 * Sluice says of them, what it keeps, and that everything before them is applied.
 */
import assert from "node:assert/strict";
import { openFile } from "./support/compare.ts";
import { Forger } from "./support/forge.ts";
import type { TestDatabase } from "./support/postgres.ts";
import { runMain, type SluiceProcess, warehouseFile } from "./support/process.ts";
import { endOf, readiness, TestStack, untilReason, untilValue } from "./support/stack.ts";
import { readTopics } from "./support/topics.ts";
import { until } from "./support/until.ts";
import { needs } from "./skip.ts";

let stack: TestStack;

Deno.test.beforeAll(async () => {
  if (!needs("java", "").ignore) stack = await TestStack.start();
});
Deno.test.afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

const COUNT = "SELECT count(*)::VARCHAR FROM public.t";
const LETTERS = { SLUICE_ON_BAD_RECORD: "dead-letter" };
const SHORT = { SLUICE_TRANSACTION_TIMEOUT_SECONDS: "5" };

/** A test with a database of its own, whose table `t` has 10 rows in its topic, and a streamed one
 * (id 11). The connector has ended, so that nothing but what is forged comes after them. */
function test(name: string, id: string, fn: (forger: Forger) => Promise<void>) {
  Deno.test({
    ...needs("java", `records: ${name}`),
    fn: async () => {
      await using database = await table(id);
      const connector = await stack.connector(database);
      await database.query("INSERT INTO t VALUES (11, 'streamed')");
      await until("its row is in the topic", async () => {
        return (await readTopics(stack.brokers, [`${id}.public.t`])).length === 11;
      });
      await connector.remove();
      await using forger = await Forger.of(stack.brokers, id, "t");
      await fn(forger);
    },
  });
}

async function table(id: string): Promise<TestDatabase> {
  const database = await stack.database(id);
  await database.query(`CREATE TABLE t (id int PRIMARY KEY, note text);
    INSERT INTO t SELECT i, 'first' FROM generate_series(1, 10) i`);
  return database;
}

const row = (id: unknown) => ({ id, note: "forged" });

async function stopped(sluice: SluiceProcess): Promise<void> {
  const { code, output } = await sluice.kill("SIGTERM");
  assert.equal(code, 0, output);
}

async function ids(prefix: string): Promise<number[]> {
  await using warehouse = await openFile(warehouseFile(stack.dataDir(prefix)));
  const rows = await warehouse.runAndReadAll(
    "SELECT id::INT FROM public.t WHERE id > 10 ORDER BY 1",
  );
  return rows.getRowsJson().map(([id]) => Number(id));
}

/** Whether it has taken all that there is, be it committed or not. */
async function isRead(sluice: SluiceProcess): Promise<boolean> {
  const now = await readiness(sluice);
  return now?.lag_records === 0 && now.snapshot.done;
}

async function json(sluice: SluiceProcess, path: string) {
  return await (await sluice.fetch(path))!.json();
}

test(
  "no JSON: stops right before it; or is kept as it came, and the rest goes on",
  "bad",
  async (forger) => {
    const at = await forger.send(
      forger.record({ after: row(12), nth: 1 }),
      { key: '{"id":13}', value: "this is no JSON", headers: { "a-header": "of it" } },
      forger.record({ after: row(14), nth: 3 }),
    ) + 1;
    {
      await using sluice = stack.sluice("bad");
      await endOf(sluice, 12, new RegExp(`offset ${at} of bad\\.public\\.t, partition 0`));
    }
    assert.deepEqual(await ids("bad"), [11, 12]);
    const shown = async (env: Record<string, string>) => {
      const list = await runMain(["dead-letters", "list"], env);
      assert.match(list.output, new RegExp(`1 .* bad\\.public\\.t\\[0\\] at ${at} +bad-record: `));
      assert.match(list.output, /1 dead letters\.\n$/);
      const { output } = await runMain(["dead-letters", "show", "1"], env);
      const letter = JSON.parse(output);
      assert.equal(letter.topic, "bad.public.t");
      assert.equal(letter.offset, String(at));
      assert.equal(letter.key, '{"id":13}');
      assert.equal(letter.value, "this is no JSON");
      assert.deepEqual(letter.headers, { "a-header": "of it" });
      assert.equal(letter.table, "public.t");
    };
    {
      await using sluice = stack.sluice("bad", { env: LETTERS });
      await untilValue(sluice, COUNT, "13");
      await sluice.ready();
      const { total, dead_letters: [letter] } = await json(sluice, "/v1/dead-letters");
      assert.equal(total, "1");
      assert.equal(letter.kind, "bad-record");
      assert.equal((await json(sluice, "/v1/dead-letters/1")).value, "this is no JSON");
      const { tables } = await json(sluice, "/v1/tables");
      assert.deepEqual(
        tables.map(({ table, dead_letters }: Record<string, string>) => [table, dead_letters]),
        [["public.t", "1"]],
      );
      const metrics = await (await sluice.fetch("/metrics"))!.text();
      assert.match(metrics, /^sluice_dead_letters_total 1$/m);
      await shown(stack.env("bad", { env: { SLUICE_HTTP_ADDR: sluice.address } }));
      await stopped(sluice);
    }
    await shown(stack.env("bad"));
  },
);

test("a value of another type than its column", "wrong", async (forger) => {
  const at = await forger.send(
    forger.record({ after: row(12), nth: 1 }),
    forger.record({ after: row("twelve"), nth: 2 }),
    forger.record({ after: row(14), nth: 3 }),
  ) + 1;
  {
    await using sluice = stack.sluice("wrong");
    const says = new RegExp(`offset ${at} of wrong\\.public\\.t, partition 0`);
    await endOf(sluice, 12, says, /"?id"?/, /twelve/);
  }
  assert.deepEqual(await ids("wrong"), [11, 12]);
  await using sluice = stack.sluice("wrong", { env: LETTERS });
  await untilValue(sluice, COUNT, "13");
  assert.equal((await json(sluice, "/v1/dead-letters")).total, "1");
});

test("a flood of bad records ends it", "flood", async (forger) => {
  await forger.send(...Array.from({ length: 6 }, (_, i) => ({ key: `{"id":${i}}`, value: "{" })));
  await using sluice = stack.sluice("flood", {
    env: { ...LETTERS, SLUICE_DEAD_LETTERS_MAX: "3" },
  });
  await endOf(sluice, 12, /more dead letters than SLUICE_DEAD_LETTERS_MAX/, /4 dead letters/);
});

test(
  "SIGTERM amid a transaction: none of it, and after the restart all of it",
  "amid",
  async (forger) => {
    {
      await using sluice = stack.sluice("amid");
      await untilValue(sluice, COUNT, "11");
      await forger.mark(900_000);
      await forger.send(forger.record({ after: row(12), nth: 1, tx: 900_000 }));
      await until("it has read the record", () => isRead(sluice));
      await stopped(sluice);
    }
    assert.deepEqual(await ids("amid"), [11]);
    await using sluice = stack.sluice("amid");
    await untilValue(sluice, COUNT, "11");
    await forger.send(forger.record({ after: row(13), nth: 2, tx: 900_000 }));
    await forger.mark(900_000, 2);
    await untilValue(sluice, COUNT, "13");
    await sluice.ready();
  },
);

test("a transaction that never is whole", "part", async (forger) => {
  {
    await using sluice = stack.sluice("part", {
      env: { SLUICE_TRANSACTION_TIMEOUT_SECONDS: "20" },
    });
    await untilValue(sluice, COUNT, "11");
    await forger.mark(900_000);
    await forger.send(forger.record({ after: row(12), nth: 1, tx: 900_000 }));
    await forger.mark(900_000, 2);
    await untilReason(sluice, /transaction 900000 has ended .* lack changes .* 1 of public\.t/);
    await untilValue(sluice, COUNT, "11");
    await endOf(sluice, 13, /transaction 900000/, /1 of public\.t/, /SLUICE_ON_BAD_RECORD/);
  }
  await using sluice = stack.sluice("part", { env: { ...LETTERS, ...SHORT } });
  await untilValue(sluice, COUNT, "12");
  const { dead_letters: [letter] } = await json(sluice, "/v1/dead-letters");
  assert.equal(letter.kind, "incomplete");
  assert.equal(letter.table, "public.t");
});

Deno.test({
  ...needs("java", "records: a message of more than 20 MB"),
  fn: async () => {
    await using database = await table("huge");
    await stack.connector(database);
    await database.query(`INSERT INTO t SELECT 12, string_agg(md5(i::text), '')
      FROM generate_series(1, 700000) i`);
    await database.query("INSERT INTO t VALUES (13, 'after')");
    const [[text]] = await database.rows("SELECT md5(note) FROM t WHERE id = 12");
    await using sluice = stack.sluice("huge");
    await untilValue(sluice, "SELECT md5(note) FROM public.t WHERE id = 12", text);
    await untilValue(sluice, COUNT, "12");
    await sluice.ready();
  },
});
