import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort } from "../dev/embedded_postgres.ts";
import { runCheck } from "./check.ts";
import { TestServer } from "./postgres/server_fixture.ts";

interface Checked {
  exit: number;
  text: string;
}

/** Runs the mode and gives its exit code and all that it printed. */
async function check(env: Record<string, string>, ...args: string[]): Promise<Checked> {
  const lines: string[] = [];
  const output = { print: (line: string) => lines.push(line), colour: false };
  const exit = await runCheck(args, env, output);
  const text = lines.join("\n");
  assert.doesNotMatch(text, /\n\s+at \S+ \(|undefined|\[object/, text);
  return { exit, text };
}

/** Asserts that a line of `text` begins with the mark and the subject, and that it and its to do
 * have all `parts`. */
function assertLine({ text }: Checked, mark: string, about: string, ...parts: string[]): void {
  const entries = text.split(/\n(?=ok |warn|FAIL|\n)/);
  const found = entries.filter((entry) => {
    const [first, ...rest] = entry.trim().split(/ {2,}/);
    return first === mark && rest.join("  ").startsWith(about);
  });
  assert.ok(
    found.some((entry) => parts.every((part) => entry.includes(part))),
    `no ${mark} of ${about} with ${parts.join(" | ")} in:\n${text}`,
  );
}

Deno.test("check: --help names the settings, the exit codes and what it does", async () => {
  const { exit, text } = await check({}, "--help");
  assert.equal(exit, 0);
  for (const part of ["SLUICE_DATABASE_URL", "Exit codes: 0", "--json"]) {
    assert.ok(text.includes(part), text);
  }
});

Deno.test("check: a wrong command line or setting is a FAIL with exit 2", async () => {
  const wrong: [env: Record<string, string>, args: string[], about: string, ...parts: string[]][] =
    [
      [{}, ["--jsn"], "arguments", "received --jsn", "allowed: --json, --help"],
      [{}, [], "settings", "SLUICE_DATABASE_URL is not set", "postgres://user"],
      [{ SLUICE_SLOTS: "x" }, [], "settings", "SLUICE_SLOTS", "did you mean SLUICE_SLOT?"],
      [
        { SLUICE_HTTP_ADDR: "nowhere", SLUICE_SLOT: "Mine" },
        [],
        "settings",
        'SLUICE_HTTP_ADDR is not valid: received "nowhere"',
        'SLUICE_SLOT is not valid: received "Mine"',
      ],
      [
        { SLUICE_DATABASE_URL: "postgres://me:s3cret@host/db?sslmod=require" },
        [],
        "settings",
        'received "sslmod"',
        "allowed: sslmode",
      ],
    ];
  for (const [env, args, about, ...parts] of wrong) {
    const result = await check(env, ...args);
    assert.equal(result.exit, 2, result.text);
    assertLine(result, "FAIL", about, ...parts);
    assert.ok(!result.text.includes("s3cret"));
  }
});

Deno.test("check: what is wrong on this machine is a FAIL with exit 4", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-test-" });
  const file = join(folder, "file");
  await Deno.writeTextFile(file, "");
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken = `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  const port = freePort();
  const result = await check({
    SLUICE_DATABASE_URL: `postgres://me:s3cret@127.0.0.1:${port}/bank`,
    SLUICE_DATA_DIR: join(file, "data"),
    SLUICE_HTTP_ADDR: taken,
  });
  assert.equal(result.exit, 4);
  assertLine(result, "ok", "settings", "valid");
  assertLine(result, "FAIL", "connection", `me@127.0.0.1:${port}/bank`, "ECONNREFUSED", "to do: ");
  assertLine(result, "FAIL", "SLUICE_DATA_DIR", "can't be made", "Name a folder");
  assertLine(result, "FAIL", "SLUICE_HTTP_ADDR", taken, "another port");
  assert.ok(!result.text.includes("s3cret"));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("check: a source that is ready, and every right that may be missing", async (t) => {
  await using server = await TestServer.start();
  const base = {
    SLUICE_DATA_DIR: join(server.folder, "sluice"),
    SLUICE_HTTP_ADDR: "127.0.0.1:0",
  };
  const run = (url: string, more: Record<string, string> = {}, ...args: string[]) =>
    check({ ...base, SLUICE_DATABASE_URL: url, ...more }, ...args);
  await server.sql(`
    CREATE TABLE users (id int PRIMARY KEY, name text, pay numeric, mood text,
      twice int GENERATED ALWAYS AS (id * 2) STORED);
    CREATE TABLE keyless (id int);`);

  await t.step("by the owner: ok, with warnings for what differs", async () => {
    const result = await run(server.url());
    assert.equal(result.exit, 0, result.text);
    assertLine(result, "ok", "server", "PostgreSQL 14.");
    assertLine(result, "ok", "wal_level", "logical");
    assertLine(result, "ok", "role", "sluice may replicate");
    assertLine(result, "ok", "replication", "system ");
    assertLine(result, "ok", "max_replication_slots", "0 of 20");
    assertLine(result, "ok", "slot", "serve creates sluice");
    assertLine(result, "ok", "publication", "serve creates sluice for 1 table");
    assertLine(result, "ok", "public.users", "key id, 4 columns");
    assertLine(result, "ok", "SLUICE_DATA_DIR", "can be made");
    assertLine(result, "ok", "SLUICE_HTTP_ADDR", "127.0.0.1:0");
    assertLine(result, "warn", "public.users", '"twice" is not replicated');
    assertLine(result, "warn", "public.users", '"pay" becomes text', "numeric");
    assertLine(result, "warn", "public.keyless", "no primary key", "ADD PRIMARY KEY");
    assertLine(result, "warn", "max_slot_wal_keep_size", "no limit", "ALTER SYSTEM SET");
    assert.match(result.text, /warnings, 0 failures\. `deno task serve` can start\.$/);
  });

  await t.step("it has changed nothing", async () => {
    const left = await server.sql(`SELECT (SELECT count(*) FROM pg_publication)::int AS p,
      (SELECT count(*) FROM pg_replication_slots)::int AS s`);
    assert.deepEqual(left, [{ p: 0, s: 0 }]);
    await assert.rejects(Deno.stat(base.SLUICE_DATA_DIR), Deno.errors.NotFound);
  });

  await t.step("--json is one document with the same", async () => {
    const { exit, text } = await run(server.url(), {}, "--json");
    const document = JSON.parse(text);
    assert.equal(exit, 0);
    assert.equal(document.exit, 0);
    assert.equal(document.sum.fail, 0);
    assert.equal(document.sum.ok + document.sum.warn, document.findings.length);
    assert.ok(document.findings.some((f: { about: string }) => f.about === "wal_level"));
  });

  await t.step("a wrong password, no such database, TLS demanded: what to do", async () => {
    const password = await run(server.url("postgres", "sluice", "s3cret"));
    assert.equal(password.exit, 4);
    assertLine(password, "FAIL", "connection", "28P01", "SLUICE_DATABASE_URL");
    assert.ok(!password.text.includes("s3cret"));
    assertLine(await run(server.url("nowhere")), "FAIL", "connection", '"nowhere" does not exist');
    const tls = await run(`${server.url()}?sslmode=require`);
    assertLine(tls, "FAIL", "connection", "ssl = on");
  });

  await t.step("a role with no right at all: each is named, with its statement", async () => {
    await server.sql(`CREATE ROLE "Nobody Much" LOGIN PASSWORD 'pw';
      CREATE TABLE veiled (id int PRIMARY KEY); GRANT SELECT ON veiled TO "Nobody Much";
      ALTER TABLE veiled ENABLE ROW LEVEL SECURITY;`);
    const result = await run(server.url("postgres", "Nobody Much", "pw"));
    assert.equal(result.exit, 4);
    assertLine(
      result,
      "FAIL",
      "role",
      "may not replicate",
      'ALTER ROLE "Nobody Much" REPLICATION;',
    );
    assertLine(result, "FAIL", "role", 'GRANT rds_replication TO "Nobody Much";');
    assertLine(result, "FAIL", "replication", "our role may not replicate");
    assertLine(
      result,
      "FAIL",
      "publication",
      "CREATE on the database",
      "to own public.users",
      'CREATE PUBLICATION "sluice" FOR TABLE',
      'GRANT CREATE ON DATABASE "postgres" TO "Nobody Much"; GRANT "sluice" TO "Nobody Much";',
    );
    assertLine(
      result,
      "FAIL",
      "public.users",
      "may not read it",
      'GRANT SELECT ON "public"."users" TO "Nobody Much";',
    );
    assertLine(result, "FAIL", "public.veiled", "row-level security", "BYPASSRLS");

    await server.sql(`ALTER ROLE "Nobody Much" REPLICATION BYPASSRLS;
      GRANT SELECT ON users TO "Nobody Much"; CREATE PUBLICATION sluice FOR TABLE users, veiled`);
    const mended = await run(server.url("postgres", "Nobody Much", "pw"));
    assert.equal(mended.exit, 0, mended.text);
    assertLine(mended, "ok", "publication", "with the right tables");
    await server.sql("DROP TABLE veiled");
  });

  await t.step("the slot: another plugin's, ours without a warehouse, in use", async () => {
    await server.sql("SELECT pg_create_logical_replication_slot('sluice', 'pgoutput')");
    const orphan = await run(server.url());
    assert.equal(orphan.exit, 4);
    assertLine(orphan, "FAIL", "slot", "no warehouse that it belongs to", "--resnapshot");
    const folder = join(server.folder, "made");
    await Deno.mkdir(folder);
    await Deno.writeTextFile(join(folder, "warehouse.duckdb"), "");
    const here = { SLUICE_DATA_DIR: folder };
    assertLine(await run(server.url(), here), "ok", "slot", "sluice is there, confirmed to 0/");
    const other = await run(server.url(), { ...here, SLUICE_SLOT: "other" });
    assertLine(other, "warn", "slot", "there is no slot other, although", "--resnapshot");
    await server.sql("SELECT pg_create_physical_replication_slot('physical')");
    const physical = await run(server.url(), { SLUICE_SLOT: "physical" });
    assertLine(physical, "FAIL", "slot", "another one's", "SLUICE_SLOT");
    await server.sql(`SELECT pg_drop_replication_slot('physical');
      SELECT pg_drop_replication_slot('sluice');`);
  });

  await t.step("tables: none at all, a pattern without a match, names that clash", async () => {
    const none = await run(server.url(), { SLUICE_TABLES: "nothing.*" });
    assert.equal(none.exit, 4);
    assertLine(none, "FAIL", "SLUICE_TABLES", "no table to replicate", "nothing.*");
    const typo = await run(server.url(), { SLUICE_TABLES: "public.users,public.usrs" });
    assertLine(typo, "warn", "SLUICE_TABLES", "no table matches public.usrs");
    await server.sql('CREATE TABLE "Users" (id int PRIMARY KEY)');
    assertLine(await run(server.url()), "warn", "public.Users", "public.users", "Rename");
    await server.sql('DROP TABLE "Users"');
  });

  await t.step("a database in SQL_ASCII", async () => {
    await server.sql("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0");
    await server.sql("CREATE TABLE users (id int PRIMARY KEY)", "ascii");
    const result = await run(server.url("ascii"));
    assert.equal(result.exit, 4);
    assertLine(result, "FAIL", "encoding", "SQL_ASCII", "ENCODING 'UTF8'");
  });

  await t.step("a standby", async () => {
    const [{ data_directory: folder }] = await server.sql("SHOW data_directory");
    await Deno.writeTextFile(join(folder as string, "standby.signal"), "");
    await server.restart();
    const result = await run(server.url());
    assert.equal(result.exit, 4);
    assertLine(result, "FAIL", "server", "standby", "primary");
  });
});

Deno.test("check: a server that is not configured for replication", async () => {
  await using server = await TestServer.start({
    wal_level: "replica",
    max_replication_slots: "1",
    max_wal_senders: "0",
    wal_sender_timeout: "1s",
    max_slot_wal_keep_size: "64MB",
  });
  await server.sql("CREATE TABLE users (id int PRIMARY KEY)");
  await server.sql("SELECT pg_create_physical_replication_slot('theirs')");
  const result = await check({
    SLUICE_DATABASE_URL: server.url(),
    SLUICE_DATA_DIR: join(server.folder, "sluice"),
    SLUICE_HTTP_ADDR: "127.0.0.1:0",
  });
  assert.equal(result.exit, 4);
  assertLine(result, "FAIL", "wal_level", "replica", "ALTER SYSTEM SET wal_level = logical;");
  assertLine(result, "FAIL", "max_replication_slots", "1 of 1", "drop one");
  assertLine(result, "FAIL", "max_wal_senders", "0 of 0", "ALTER SYSTEM SET max_wal_senders = 5;");
  assertLine(result, "FAIL", "replication", "no connection left", "max_wal_senders");
  assertLine(result, "warn", "wal_sender_timeout", "1000 ms");
  assertLine(result, "ok", "max_slot_wal_keep_size", "64 MB");
});
