/**
 * What stays in memory of what went through. In a file of its own, so that no other test's garbage
 * hides it.
 */
import { faultTests, until } from "./support/faults.ts";
import { Replica } from "./support/replica.ts";

const { test } = faultTests();

test("memory does not grow with the bytes that went through", async (database, options) => {
  await database.query("CREATE TABLE t (id int PRIMARY KEY, v text)");
  await database.query("ALTER TABLE t ALTER v SET STORAGE EXTERNAL");
  await database.query("INSERT INTO t VALUES (1, '')");
  await using replica = await Replica.start(database, { ...options, totalMb: 2048 });
  await replica.caughtUp();
  const held = () => Deno.memoryUsage().external / 1024 / 1024;
  const go = async (rounds: number) => {
    for (let i = 0; i < rounds; i++) {
      await database.query(`UPDATE t SET v = repeat('${i % 10}', 60000)`);
      if (i % 20 === 0) await replica.caughtUp();
    }
    await replica.caughtUp();
  };
  await go(200);
  const before = held();
  await go(1500); // 90 MB
  // Garbage is collected in its own time, so what counts is what stays.
  await until("most of it is given back", async () => {
    await go(5);
    return held() - before < 30;
  }, 15);
});
