/** `tests/run.ts` against test files that fail in every way that a test process can. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const RUN = fileURLToPath(new URL("run.ts", import.meta.url));

/** What the run of the given files (name → text) prints, by line, and its exit code. */
async function run(files: Record<string, string>, ci = false, filter: string[] = []) {
  const folder = await Deno.makeTempDir({ prefix: "sluice-run-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", RUN, folder, ...filter],
      env: { CI: String(ci), NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(output.stdout);
    return { code: output.code, text, last: text.trimEnd().split("\n").pop() };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const PASSES = `Deno.test("fine <&>", () => {});`;

Deno.test("what passes is counted, and the exit code is 0", async () => {
  const { code, last } = await run({ "a_test.ts": PASSES, "b_test.ts": PASSES });
  assert.deepEqual([code, last], [0, "2 passed, 0 failed"]);
});

Deno.test("a failing test is counted, its output shown, and the exit code is not 0", async () => {
  const bad = `Deno.test("bad", () => { throw new Error("the reason") });`;
  const { code, last, text } = await run({ "a_test.ts": PASSES + bad });
  assert.deepEqual([code, last], [1, "1 passed, 1 failed"]);
  assert.match(text, /the reason/);
});

Deno.test("a file that throws while it is loaded fails, though no report names it", async () => {
  const { code, last, text } = await run({
    "a_test.ts": PASSES,
    "b_test.ts": `throw new Error();`,
  });
  assert.deepEqual([code, last], [1, "1 passed, 1 failed"]);
  assert.match(text, /b_test\.ts ran no test/);
});

Deno.test("a process that dies fails, though it wrote no report", async () => {
  const dies = `Deno.test("dies", () => Deno.kill(Deno.pid, "SIGKILL"));`;
  const { code, last, text } = await run({ "a_test.ts": dies });
  assert.deepEqual([code, last], [1, "0 passed, 1 failed"]);
  assert.match(text, /no readable report and ended with exit code 137/);
});

Deno.test("no test at all is a failure", async () => {
  assert.deepEqual((await run({})).last, "0 passed, 1 failed");
  assert.equal((await run({ "a_test.ts": "export {};" })).last, "0 passed, 1 failed");
  assert.equal((await run({ "a_test.ts": PASSES }, false, ["no such"])).last, "0 passed, 1 failed");
});

Deno.test("a skipped test prints its reason; without one, or in CI, it is a failure", async () => {
  const skipped = (reason: string) =>
    `${PASSES} Deno.test({ name: "other${reason}", ignore: true, fn() {} });`;
  const known = await run({ "a_test.ts": skipped(" [skipped: needs java on the PATH]") });
  assert.deepEqual([known.code, known.last], [0, "1 passed, 0 failed, 1 skipped"]);
  assert.match(known.text, /^ +other \[skipped: needs java on the PATH\]$/m);
  const bare = await run({ "a_test.ts": skipped("") });
  assert.deepEqual([bare.code, bare.last], [1, "1 passed, 1 failed"]);
  const ci = await run({ "a_test.ts": skipped(" [skipped: needs java on the PATH]") }, true);
  assert.deepEqual([ci.code, ci.last], [1, "1 passed, 1 failed"]);
  const docker = await run({ "a_test.ts": skipped(" [skipped: needs docker on the PATH]") }, true);
  assert.deepEqual([docker.code, docker.last], [0, "1 passed, 0 failed, 1 skipped"]);
});

Deno.test("a filter leaves the others out of the count", async () => {
  const text = `${PASSES} Deno.test("other", () => {});`;
  assert.equal((await run({ "a_test.ts": text }, false, ["other"])).last, "1 passed, 0 failed");
});

Deno.test("a report with thousands of escaped characters is read whole", async () => {
  const text = `for (let i = 0; i < 3000; i++) Deno.test(i + '"<&>"', () => {});`;
  assert.equal((await run({ "a_test.ts": text })).last, "3000 passed, 0 failed");
});
