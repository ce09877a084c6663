/** `generate` as a process: what it prints, and how it ends. */
import assert from "node:assert/strict";
import { TestDatabase, testServer } from "../tests/support/postgres.ts";

/** Starts it; `main.ts` would add logging and the printing of faults. */
function start(url: string, ...args: string[]): Deno.ChildProcess {
  const module = new URL("./generate.ts", import.meta.url).href;
  const script = `import { runGenerate } from ${JSON.stringify(module)};
    Deno.exit(await runGenerate(Deno.args, { SLUICE_DATABASE_URL: ${JSON.stringify(url)} }));`;
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      `data:text/typescript,${encodeURIComponent(script)}`,
      ...args,
    ],
    cwd: new URL("../", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function ended(process: Deno.ChildProcess): Promise<[number, string, string]> {
  const { code, stdout, stderr } = await process.output();
  return [code, new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)];
}

Deno.test("generate, with PostgreSQL", async (t) => {
  await using server = await testServer();

  await t.step("bulk, then live, then a summary", async () => {
    await using database = await TestDatabase.create(server, "bulk");
    const process = start(
      database.url,
      ...["--bulk=200", "--users=100", "--transactions=50", "--rate=max", "--clock=simulated"],
    );
    const [code, out, errors] = await ended(process);
    assert.equal(code, 0, errors);
    assert.match(out, /^Loaded [\d,]+ rows in /m);
    assert.match(out, /^ {2}users +100$/m);
    assert.match(out, /^50 transactions in .* a second\)$/m);
    assert.match(out, /^ {2}reconnects +0$/m);
    assert.ok(!(out + errors).includes("\x1b"));
    const [{ sum }] = await database.query("SELECT sum(balance) FROM wallets");
    assert.equal(sum, "0.00");
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await t.step(`${signal} ends it with a summary`, async () => {
      await using database = await TestDatabase.create(server, signal.toLowerCase());
      const process = start(database.url, "--rate=500", "--users=5");
      const result = ended(process);
      for (let rows = 0; rows < 50;) {
        const [{ there }] = await database.query("SELECT to_regclass('transactions') AS there");
        if (there === null) continue;
        rows = Number((await database.rows("SELECT count(*) FROM transactions"))[0][0]);
      }
      process.kill(signal);
      const [code, out, errors] = await result;
      assert.equal(code, 0, errors);
      assert.match(out, /transactions in .* a second\)/);
      const [{ sum }] = await database.query("SELECT sum(balance) FROM wallets");
      assert.equal(sum, "0.00");
    });
  }
});
