import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import { collectGarbage, tuneDuckdb, tuneProcess } from "./allocator.ts";

const MB = 1024 * 1024;
const isLinux = Deno.build.os === "linux";
/** As open.ts has them: without threads of its own, jemalloc gives back only when it is used. */
const OPTIONS = { threads: "1", allocator_background_threads: "true" };

Deno.test("garbage is collected when it is asked for", () => {
  let held: unknown[] | undefined = Array.from({ length: 200_000 }, (_, i) => ({ i }));
  const before = Deno.memoryUsage().heapUsed;
  assert.equal(held.length, 200_000);
  held = undefined;
  collectGarbage();
  assert(Deno.memoryUsage().heapUsed < before - 4 * MB);
});

for (const isLarge of [true, false]) {
  Deno.test({
    name: "with a tight budget, what DuckDB frees goes back to the system " +
      (isLarge ? "at once in a large transaction" : "soon"),
    ignore: !isLinux,
    fn: async () => {
      const instance = await DuckDBInstance.create(":memory:", OPTIONS);
      assert(tuneProcess(512 * MB));
      assert(tuneDuckdb(512 * MB, isLarge));
      const connection = await instance.connect();
      const rss = () => Deno.memoryUsage().rss / MB;
      const before = rss();
      await connection.run("CREATE TABLE t AS SELECT repeat('x', 1000000) AS v FROM range(200)");
      const held = rss() - before;
      assert(held > 150, `${held} MB were held`);
      await connection.run("DROP TABLE t");
      const kept = () => rss() - before;
      if (!isLarge) await until(() => kept() < held / 2);
      assert(kept() < held / 2, `${kept()} MB of ${held} were kept`);
      connection.closeSync();
      instance.closeSync();
    },
  });
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo() && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
