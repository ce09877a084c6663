import assert from "node:assert/strict";
import { FOLLOW_PARENT, followParent } from "./parent.ts";

const PARENT = new URL("parent.ts", import.meta.url).href;

/** A process that follows its parent, and says so when it is asked to end. */
const FOLLOWER = `
  import { followParent } from ${JSON.stringify(PARENT)};
  console.log(followParent(Deno.args).join(" "));
  Deno.addSignalListener("SIGTERM", () => { console.log("asked"); Deno.exit(0); });
  setInterval(() => {}, 1000);
`;

function follower(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", `data:text/typescript,${encodeURIComponent(FOLLOWER)}`, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("without the flag the arguments stay as they are, and stdin is left alone", () => {
  assert.deepEqual(followParent(["serve", "--help"]), ["serve", "--help"]);
});

Deno.test("a child whose stdin is closed is asked to end, and the flag is taken out", async () => {
  const child = follower("serve", FOLLOW_PARENT, "--resnapshot");
  await child.stdin.close();
  const output = await child.output();
  assert.equal(output.code, 0, new TextDecoder().decode(output.stderr));
  assert.equal(new TextDecoder().decode(output.stdout), "serve --resnapshot\nasked\n");
});

Deno.test("a child whose parent is killed with SIGKILL is asked to end", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-parent-" });
  try {
    const said = `${folder}/said`;
    const child = `
      import { followParent } from ${JSON.stringify(PARENT)};
      followParent(Deno.args);
      const say = (text) => Deno.writeTextFileSync(${JSON.stringify(said)}, text);
      Deno.addSignalListener("SIGTERM", () => { say("asked"); Deno.exit(0); });
      say("up");
      setInterval(() => {}, 1000);`;
    await Deno.writeTextFile(`${folder}/child.ts`, child);
    const args = ["run", "--allow-all", `${folder}/child.ts`, FOLLOW_PARENT];
    const parent = `
      new Deno.Command(Deno.execPath(), {
        args: ${JSON.stringify(args)}, stdin: "piped", detached: true,
      }).spawn();
      setInterval(() => {}, 1000);`;
    await Deno.writeTextFile(`${folder}/parent.ts`, parent);
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", `${folder}/parent.ts`],
      stdin: "null",
    }).spawn();
    const until = async (text: string) => {
      for (let waited = 0; waited < 10_000; waited += 50) {
        if (await Deno.readTextFile(said).catch(() => "") === text) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.fail(`never said "${text}"`);
    };
    await until("up");
    process.kill("SIGKILL");
    await process.status;
    await until("asked");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
