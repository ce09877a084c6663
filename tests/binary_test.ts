/**
 * The binary, as a user gets it. The portable file is made here and run by an unprivileged user in
 * an empty home; of `deno compile`, which can't run without denort, we look at what it embeds.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import config from "../deno.json" with { type: "json" };
import { RUNTIME_FLAGS } from "../src/flags.ts";
import { VERSION } from "../src/version.ts";
import { compile, damaged, User } from "./support/binary.ts";
import { assertEqualToSource } from "./support/compare.ts";
import { TestDatabase, testServer } from "./support/postgres.ts";
import { SluiceProcess, warehouseFile } from "./support/process.ts";

const SIZE_MAX = 80_000_000;
/** The portable file's own exit code, when it can't start what is in it. */
const NOT_STARTED = 126;
const STARTS = 5;

let folder: string;
let binary: string;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "sluice-binary-" });
  await Deno.chmod(folder, 0o755);
  binary = join(folder, "sluice");
  const said = await compile(["--portable", `--output=${binary}`]);
  assert.match(said, /made .*sluice: Sluice .*, portable self-extracting executable, [\d.]+ MB/);
});

Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
});

Deno.test("binary: it is one file of at most 80 MB, with our permissions and flags in it", async () => {
  const bytes = await Deno.readFile(binary);
  console.log(`portable file: ${(bytes.length / 1e6).toFixed(1)} MB`);
  assert(bytes.length <= SIZE_MAX, `${bytes.length} bytes`);
  const start = /^exec .*$/m.exec(new TextDecoder("latin1").decode(bytes.subarray(0, 20_000)))![0];
  const given = start.replaceAll("'", "").split(" ").filter((word) => word.startsWith("--"));
  for (const flag of RUNTIME_FLAGS) assert(given.includes(flag), flag);
  assert.deepEqual(
    given.filter((flag) => /^--(allow|unstable)/.test(flag)).sort(),
    [...RUNTIME_FLAGS, ...config.unstable.map((feature) => `--unstable-${feature}`)]
      .filter((flag) => /^--(allow|unstable)/.test(flag)).sort(),
  );
});

Deno.test("binary: several first starts at once unpack one copy, and leave nothing else", async () => {
  await using user = await User.create();
  const starts = Array.from({ length: 4 }, () => user.run(binary, ["--version"]));
  for (const ended of await Promise.all(starts)) {
    assert.deepEqual(ended, { code: 0, output: `${VERSION}\n` });
  }
  const copies = user.copies();
  assert.equal(copies.length, 1, copies.join(" "));
  assert.match(copies[0], new RegExp(`^${VERSION}-[0-9a-f]{16}$`));
  const again = await user.run(binary, ["--version"], { DENO_V8_FLAGS: "--no-such-flag" });
  assert.deepEqual(again, { code: 0, output: `${VERSION}\n` });
});

Deno.test("binary: arguments, settings and exit codes pass through", async () => {
  await using user = await User.create();
  const options = await user.run(binary, ["serve", "--no such", "a  b", "$HOME", "*"]);
  assert.equal(options.code, 2);
  assert(options.output.includes("received --no such a  b $HOME *;"), options.output);
  const setting = await user.run(binary, ["serve"], { SLUICE_TABELS: "x" });
  assert.equal(setting.code, 2);
  assert.match(setting.output, /SLUICE_TABELS is not a setting.*did you mean SLUICE_TABLES/);
  const address = "postgres://a:b@127.0.0.1:1/c";
  const check = await user.run(binary, ["check"], { SLUICE_DATABASE_URL: address });
  assert.equal(check.code, 4, check.output);
  assert.match(check.output, /MB are free on its disk/); // needs a permission of its own
  const help = await user.run(binary, ["generate", "--help"]);
  assert.equal(help.code, 0);
});

Deno.test("binary: a damaged or cut file is refused, and nothing is unpacked", async () => {
  await using user = await User.create();
  const flip = (at: (size: number) => number) => (bytes: Uint8Array) => {
    bytes[at(bytes.length)] ^= 1;
    return bytes;
  };
  const cases: Record<string, (bytes: Uint8Array) => Uint8Array> = {
    "middle": flip((size) => size >> 1),
    "end": flip((size) => size - 1),
    "script": (bytes) => {
      const at = new TextDecoder("latin1").decode(bytes.subarray(0, 9000)).indexOf("third line");
      bytes[at] ^= 1; // in a comment: the shell would not mind
      return bytes;
    },
    "cut": (bytes) => bytes.subarray(0, bytes.length - 1000),
    "half": (bytes) => bytes.subarray(0, bytes.length >> 1),
    "longer": (bytes) => {
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      return longer;
    },
  };
  for (const [name, change] of Object.entries(cases)) {
    const ended = await user.run(await damaged(binary, name, change), ["--version"]);
    assert.equal(ended.code, NOT_STARTED, `${name}: ${ended.output}`);
    assert.match(ended.output, /^sluice: .* is damaged or not complete: get it again/, name);
    assert.deepEqual(user.copies(), [], name);
  }
});

Deno.test("binary: a copy that lost something is not run; a new one goes beside it", async () => {
  await using user = await User.create();
  await user.run(binary, ["--version"]);
  const [copy] = user.copies();
  await Deno.truncate(join(user.cache, copy, "src", "ingest.js"), 1000);
  const ended = await user.run(binary, ["--version"]);
  assert.deepEqual(ended, { code: 0, output: `${VERSION}\n` });
  assert.deepEqual(user.copies(), [copy, `${copy}-2`]);
  await Deno.remove(join(user.cache, `${copy}-2`, "node_modules"), { recursive: true });
  await user.run(binary, ["--version"]);
  assert.deepEqual(user.copies(), [copy, `${copy}-2`, `${copy}-3`]);
});

Deno.test("binary: it unpacks where it may, and says where it has tried", async () => {
  await using user = await User.create();
  const chosen = await user.makeFolder("chosen");
  const run = (env: Record<string, string>) => user.run(binary, ["--version"], env);
  assert.equal((await run({ XDG_CACHE_HOME: chosen })).code, 0);
  assert.equal(user.copies(join(chosen, "sluice")).length, 1);
  assert.deepEqual(user.copies(), []);

  const temporary = await user.makeFolder("temporary");
  assert.equal((await run({ HOME: "/nonexistent", TMPDIR: temporary })).code, 0);
  assert.match(user.copies(temporary).join(" "), /^sluice-\d+$/);

  // Others could put their own programs into it.
  const shared = await user.makeFolder("shared");
  await Deno.mkdir(join(shared, "sluice"));
  await Deno.chmod(join(shared, "sluice"), 0o777);
  const none = await run({ XDG_CACHE_HOME: shared, HOME: "/nonexistent", TMPDIR: "/nonexistent" });
  assert.equal(none.code, NOT_STARTED);
  assert.match(none.output, /nowhere to unpack to: tried .*shared\/sluice and \/nonexistent/);
  assert.deepEqual(user.copies(join(shared, "sluice")), []);
});

Deno.test("binary: generate, serve, metrics, SIGTERM, and a start that goes on", async () => {
  await using server = await testServer();
  await using database = await TestDatabase.create(server, "bank");
  await using user = await User.create();
  const env = { SLUICE_DATABASE_URL: database.url };
  const start = (args: string[], given: Record<string, string>) =>
    user.command(binary, args, given);
  const traffic = async (transactions: number) => {
    const args = ["generate", "--users=20", "--rate=max", `--transactions=${transactions}`];
    const ended = await user.run(binary, args, env);
    assert.equal(ended.code, 0, ended.output);
    return ended.output;
  };
  const dataDir = join(user.home, ".sluice");
  const equal = async () => {
    const instance = await DuckDBInstance.create(warehouseFile(dataDir), {
      access_mode: "READ_ONLY",
    });
    const connection = await instance.connect();
    try {
      await assertEqualToSource(database, connection);
      const rows = "SELECT _op = 'r' AS read, count(*) FROM public__changes.users GROUP BY 1";
      return new Map((await connection.runAndReadAll(rows)).getRowsJson() as [boolean, string][]);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  };

  assert.match(await traffic(100), /100/);
  {
    await using sluice = new SluiceProcess(env, [], start);
    await sluice.ready();
    await traffic(100);
    await sluice.reaches(await database.currentLsn());
    const metrics = await (await sluice.fetch("/metrics"))!.text();
    assert.match(metrics, /^sluice_up 1$/m);
    assert.match(metrics, new RegExp(`version="${VERSION}"`));
    const stopped = await sluice.kill("SIGTERM");
    assert.equal(stopped.code, 0, stopped.output);
  }
  const before = await equal();

  await traffic(100);
  await using sluice = new SluiceProcess(env, [], start);
  await sluice.ready();
  await sluice.reaches(await database.currentLsn());
  const stopped = await sluice.kill("SIGTERM");
  assert.equal(stopped.code, 0, stopped.output);
  const after = await equal();
  assert.equal(after.get(true), before.get(true), "it took a new snapshot");
  assert(!stopped.output.includes("snapshot of"), stopped.output);

  await reportStarts(env, start);
});

/** From the start of the process to the first answer. Reported, never asserted: it depends. */
async function reportStarts(
  env: Record<string, string>,
  start: ConstructorParameters<typeof SluiceProcess>[2],
): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const began = performance.now();
    await using sluice = new SluiceProcess(env, [], start);
    await sluice.until(async () => {
      const response = await sluice.fetch("/healthz");
      await response?.body?.cancel();
      return response?.status === 200;
    });
    times.push(performance.now() - began);
    await sluice.ready();
    await sluice.kill("SIGTERM");
  }
  const sorted = times.map(Math.round).sort((a, b) => a - b);
  console.log(`warm starts to a served /healthz, ms: ${sorted.join(", ")}`);
}

Deno.test("binary: `deno compile` embeds our permissions, our flags, and this platform's DuckDB", async () => {
  // Any executable will do: it can't start, but what `deno compile` adds to it can be read.
  const standIn = join(folder, "stand-in");
  await Deno.copyFile("/bin/sh", standIn);
  const output = join(folder, "compiled");
  const said = await compile(["--deno-compile", `--output=${output}`], { DENORT_BIN: standIn });
  assert.match(said, /self-extracting executable by `deno compile`, [\d.]+ MB/);
  const chosen = await compile([`--output=${output}`], { DENORT_BIN: standIn });
  assert.match(chosen, /self-extracting executable by `deno compile` \(denort comes from/);

  const bytes = await Deno.readFile(output);
  const payload = bytes.length - (await Deno.stat(standIn)).size;
  console.log(`deno compile adds ${(payload / 1e6).toFixed(1)} MB to denort`);
  assert(payload <= SIZE_MAX, `${payload} bytes`);

  const all = new TextDecoder("latin1").decode(bytes);
  const metadata = JSON.parse(/\{"argv":.*?"app_name":"sluice"\}/s.exec(all)![0]);
  const permissions = Object.entries<unknown>(metadata.permissions)
    .filter(([, value]) => value !== null);
  assert.deepEqual(Object.fromEntries(permissions), {
    prompt: false,
    allow_net: [],
    allow_read: [],
    allow_write: [],
    allow_ffi: [],
    allow_env: ["SLUICE_*"],
    ignore_env: [],
    allow_sys: ["statfs"],
    allow_import: [],
    deny_import: [],
  });
  assert(metadata.v8_flags.includes("--max-heap-size=512"), metadata.v8_flags.join(" "));
  assert.deepEqual(metadata.unstable_config.features, config.unstable);
  assert.equal(metadata.entrypoint_key, "src/main.js");
  assert(metadata.self_extracting, "it would not find libduckdb");
  assert.equal(all.split('"duckdb.node"').length - 1, 1, "DuckDB is in it once");
  assert(!all.includes("node-bindings-linux-x64-musl/"), "another platform's DuckDB is in it");
});
