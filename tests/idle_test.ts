/** What is done when nothing is to be done: a real source that falls silent, a real warehouse. */
import assert from "node:assert/strict";
import { faultTests, seeded, until } from "./support/faults.ts";
import { Replica } from "./support/replica.ts";

const { test } = faultTests();

const TABLES = ["a", "b", "c"];

test(
  "a silent source: every tail is folded, though there is no position to commit",
  async (database, options) => {
    for (const table of TABLES) {
      await database.query(`CREATE TABLE ${table} (id int PRIMARY KEY, v int)`);
      await database.query(`INSERT INTO ${table} SELECT n, 0 FROM generate_series(1, 100) n`);
    }
    await seeded(database, options);
    await using replica = await Replica.start(database, options);
    await database.query(
      TABLES.map((table) => `UPDATE ${table} SET v = id WHERE id <= 50`).join(";"),
    );
    await replica.caughtUp();
    const commits = replica.applied.length;
    const tails = () =>
      replica.query(
        TABLES.map((table) =>
          `SELECT count(*)::INT FROM public__changes.${table} WHERE _seq > (SELECT seq FROM ` +
          `_sluice.folds WHERE schema = 'public' AND name = '${table}')`
        ).join(" UNION ALL "),
      );
    await until("no change is behind its table's base", async () => {
      return (await tails()).every(([rows]) => rows === 0);
    });
    assert.ok(
      replica.applied.length - commits < TABLES.length,
      "positions were committed meanwhile",
    );
    for (const table of TABLES) {
      const [[sum]] = await replica.query(`SELECT sum(v)::INT FROM public.${table}`);
      assert.equal(sum, 1275);
    }
  },
);
