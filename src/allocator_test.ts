import assert from "node:assert/strict";
import { DuckDBInstance } from "@duckdb/node-api";
import { collectGarbage, tuneDuckdb, tuneProcess } from "./allocator.ts";

const MB = 1024 * 1024;
const isLinux = Deno.build.os === "linux";

Deno.test("garbage is collected when it is asked for", () => {
  let held: unknown[] | undefined = Array.from({ length: 200_000 }, (_, i) => ({ i }));
  const before = Deno.memoryUsage().heapUsed;
  assert.equal(held.length, 200_000);
  held = undefined;
  collectGarbage();
  assert(Deno.memoryUsage().heapUsed < before - 4 * MB);
});

Deno.test({
  name: "with a tight budget, what DuckDB frees goes back to the system",
  ignore: !isLinux,
  fn: async () => {
    const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
    assert(tuneProcess(512 * MB));
    assert(tuneDuckdb(512 * MB));
    const connection = await instance.connect();
    const rss = () => Deno.memoryUsage().rss / MB;
    const before = rss();
    await connection.run("CREATE TABLE t AS SELECT repeat('x', 1000000) AS v FROM range(200)");
    const held = rss() - before;
    await connection.run("DROP TABLE t");
    const kept = rss() - before;
    assert(held > 150, `${held} MB were held`);
    assert(kept < held / 2, `${kept} MB of ${held} were kept`);
    connection.closeSync();
    instance.closeSync();
  },
});
