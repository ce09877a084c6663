import assert from "node:assert/strict";
import { openWarehouse } from "./open.ts";

const MEMORY_BYTES = 144 * 1024 * 1024;

/** Opens the file of a folder; resolves with its block size, and the strings' forms that are off. */
async function open(dataDir: string, countColumns?: () => Promise<number>) {
  const instance = await openWarehouse({ dataDir, memoryBytes: MEMORY_BYTES, countColumns });
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(
    "SELECT block_size::INT, lower(current_setting('disabled_compression_methods')) " +
      "FROM pragma_database_size()",
  );
  connection.closeSync();
  instance.closeSync();
  const [[blockBytes, off]] = reader.getRowsJson() as [number, string][];
  return { blockBytes, off: off.split(",").sort() };
}

for (const [columns, expected] of [[50, 65_536], [3000, 16_384], [undefined, 65_536]] as const) {
  Deno.test(`a new file for ${columns ?? "unknown"} columns has blocks of ${expected}, and keeps them`, async () => {
    const dataDir = await Deno.makeTempDir();
    try {
      const { blockBytes, off } = await open(dataDir, columns && (() => Promise.resolve(columns)));
      assert.equal(blockBytes, expected);
      assert.deepEqual(off, ["dict_fsst", "fsst", "zstd"]);
      const again = await open(dataDir, () => assert.fail("only a new file asks"));
      assert.equal(again.blockBytes, expected);
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  });
}

Deno.test("no setting of DuckDB's may be changed afterwards, but what checkpoints merge", async () => {
  const dataDir = await Deno.makeTempDir();
  const instance = await openWarehouse({ dataDir, memoryBytes: MEMORY_BYTES });
  const connection = await instance.connect();
  try {
    await connection.run("SET GLOBAL max_vacuum_tasks = 0");
    for (
      const setting of [
        "memory_limit = '8GB'",
        "threads = 8",
        "allowed_configs = ['memory_limit']",
        "lock_configuration = false",
        "temp_directory = '/tmp'",
      ]
    ) await assert.rejects(connection.run(`SET GLOBAL ${setting}`), /has been locked/, setting);
  } finally {
    connection.closeSync();
    instance.closeSync();
    await Deno.remove(dataDir, { recursive: true });
  }
});
