/** `generate` as a process: what it prints, and how it ends. */
import assert from "node:assert/strict";
import { TestDatabase, testServer } from "../tests/support/postgres.ts";

/** `main.ts generate <args>`, running. */
function start(url: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "main.ts", "generate", ...args],
    cwd: new URL("../", import.meta.url),
    env: { SLUICE_DATABASE_URL: url, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

interface Ended {
  code: number;
  out: string;
  errors: string;
}

async function end(process: Deno.ChildProcess): Promise<Ended> {
  const { code, stdout, stderr } = await process.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), errors: text(stderr) };
}

async function assertBalanced(database: TestDatabase): Promise<void> {
  assert.deepEqual(await database.rows("SELECT sum(balance) FROM wallets"), [["0.00"]]);
}

Deno.test("generate, with PostgreSQL", async (t) => {
  await using server = await testServer();

  await t.step("bulk, then live, then a summary", async () => {
    await using database = await TestDatabase.create(server, "bulk");
    const { code, out, errors } = await end(start(
      database.url,
      ...["--bulk=200", "--users=100", "--transactions=50", "--rate=max", "--clock=simulated"],
    ));
    assert.equal(code, 0, errors);
    assert.match(out, /^Loaded [\d,]+ rows in /m);
    assert.match(out, /^ {2}users +100$/m);
    assert.match(out, /^50 transactions in .* a second\)$/m);
    assert.match(out, /^ {2}reconnects +0$/m);
    assert.ok(!(out + errors).includes("\x1b"), "control characters without a terminal");
    await assertBalanced(database);
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await t.step(`${signal} ends it with a summary`, async () => {
      await using database = await TestDatabase.create(server, signal.toLowerCase());
      const process = start(database.url, "--rate=500", "--users=5");
      let ended: Ended | undefined;
      const ending = end(process).then((how) => ended = how);
      for (let rows = 0; rows < 50 && !ended;) {
        const [[table]] = await database.rows("SELECT to_regclass('transactions')");
        if (table === null) continue;
        rows = Number((await database.rows("SELECT count(*) FROM transactions"))[0][0]);
      }
      if (!ended) process.kill(signal);
      const { code, out, errors } = await ending;
      assert.equal(code, 0, errors);
      assert.match(out, /^[\d,]+ transactions in .* a second\)$/m);
      await assertBalanced(database);
    });
  }

  await t.step("a wrong option is named, and ends it with 2", async () => {
    const { code, out, errors } = await end(start(server.url(), "--rate=fast"));
    assert.deepEqual([code, out], [2, ""]);
    assert.match(errors, /--rate is not valid: received "fast"/);
    assert.doesNotMatch(errors, /\n {4}at /, "a stack trace");
  });
});
