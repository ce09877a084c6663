import assert from "node:assert/strict";
import { join } from "node:path";
import { generate } from "selfsigned";
import { freePort } from "../../dev/embedded_postgres.ts";
import { Fault } from "../../errors.ts";
import { connect, type ConnectOptions, describe, toFault } from "./connect.ts";
import { assertFault, TestServer } from "./server_fixture.ts";

/** Connects, gives the rows of `sql`, and disconnects. */
async function ask(url: string, sql: string, options?: ConnectOptions) {
  const client = await connect(url, options);
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

const TLS_USED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

/** PEM files of an authority, and of a certificate for `localhost` alone, signed by it. */
async function certificates() {
  const common = { keyType: "ec", algorithm: "sha256" } as const;
  const authority = () =>
    generate([{ name: "commonName", value: "Sluice test authority" }], {
      ...common,
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
      ],
    });
  const [ca, otherCa] = [await authority(), await authority()];
  const server = await generate([{ name: "commonName", value: "localhost" }], {
    ...common,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: "basicConstraints", cA: false },
      { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
    ],
  });
  return { ca: ca.cert, otherCa: otherCa.cert, cert: server.cert, key: server.private };
}

/** Gives the server a certificate and turns TLS on, without a restart. */
async function turnTlsOn(server: TestServer, cert: string, key: string): Promise<void> {
  const [{ data_directory: folder }] = await server.sql("SHOW data_directory");
  const owner = await Deno.stat(folder as string);
  for (const [name, text] of [["server.crt", cert], ["server.key", key]]) {
    const file = join(folder as string, name);
    await Deno.writeTextFile(file, text);
    if (owner.uid !== null) await Deno.chown(file, owner.uid, owner.gid);
    if (Deno.build.os !== "windows") await Deno.chmod(file, 0o600);
  }
  await server.sql("ALTER SYSTEM SET ssl = on");
  await server.restart();
}

Deno.test("connect: real servers, plain and with TLS", async (t) => {
  await using server = await TestServer.start();

  await t.step("SCRAM, over a plain connection, as prefer allows", async () => {
    assert.deepEqual(await ask(server.url(), TLS_USED), [{ ssl: false }]);
    assert.deepEqual(await ask(`${server.url()}?sslmode=disable`, TLS_USED), [{ ssl: false }]);
  });

  await t.step("the session's settings win over those of the role and the database", async () => {
    await server.sql(`
      CREATE ROLE odd LOGIN REPLICATION PASSWORD 'odd';
      ALTER ROLE odd SET DateStyle = 'SQL, DMY'; ALTER ROLE odd SET TimeZone = 'Asia/Tokyo';
      ALTER ROLE odd SET IntervalStyle = 'iso_8601'; ALTER ROLE odd SET bytea_output = 'escape';
      ALTER ROLE odd SET extra_float_digits = -5; ALTER ROLE odd SET statement_timeout = 1;
      ALTER ROLE odd SET client_encoding = 'LATIN1'; ALTER ROLE odd SET row_security = on;
      ALTER DATABASE postgres SET TimeZone = 'America/Lima';`);
    for (const replication of [false, true]) {
      const url = server.url("postgres", "odd", "odd");
      const [row] = await ask(
        url,
        `SELECT '2026-02-03 04:05:06+00'::timestamptz::text AS t, '1 day 2 hours'::interval::text
          AS i, '\\x00ff'::bytea::text AS b, 0.1::float8 + 0.2::float8 || '' AS f,
          current_setting('client_encoding') AS e, current_setting('row_security') AS r,
          current_setting('statement_timeout') AS s`,
        { replication },
      );
      assert.deepEqual(row, {
        t: "2026-02-03 04:05:06+00",
        i: "1 day 02:00:00",
        b: "\\x00ff",
        f: "0.30000000000000004",
        e: "UTF8",
        r: "off",
        s: "0",
      });
    }
  });

  await t.step("a replication connection answers IDENTIFY_SYSTEM", async () => {
    const [row] = await ask(server.url(), "IDENTIFY_SYSTEM", { replication: true });
    assert.equal(row.dbname, "postgres");
  });

  await t.step("the application's name", async () => {
    const sql = "SELECT current_setting('application_name') AS name";
    assert.deepEqual(await ask(server.url(), sql), [{ name: "sluice" }]);
    const options = { applicationName: "sluice snapshot" };
    assert.deepEqual(await ask(server.url(), sql, options), [{ name: "sluice snapshot" }]);
    const url = `${server.url()}?application_name=mine`;
    assert.deepEqual(await ask(url, sql, options), [{ name: "mine" }]);
  });

  await t.step("wrong password: setup, who and where, not the password", async () => {
    const url = server.url("postgres", "sluice", "s3cret");
    const fault = await assertFault(
      connect(url),
      "setup",
      `sluice@127.0.0.1:${server.postgres.port}/postgres`,
      "password authentication failed",
      "28P01",
      "SLUICE_DATABASE_URL",
    );
    assert.ok(!Deno.inspect(fault).includes("s3cret"));
  });

  await t.step("no password: setup, and the URL's form", async () => {
    const url = server.url("postgres", "sluice", "");
    await assertFault(connect(url), "setup", "has none", "user:password@host");
  });

  await t.step("no such database: setup", async () => {
    await assertFault(connect(server.url("nowhere")), "setup", '"nowhere" does not exist');
  });

  await t.step("a role that may not log in: setup", async () => {
    await server.sql("CREATE ROLE locked NOLOGIN PASSWORD 'locked'");
    const url = server.url("postgres", "locked", "locked");
    await assertFault(connect(url), "setup", "not permitted to log in", "ALTER ROLE … LOGIN");
  });

  await t.step("a role that may not replicate: setup, with the statement", async () => {
    await server.sql("CREATE ROLE reader LOGIN PASSWORD 'reader'");
    const url = server.url("postgres", "reader", "reader");
    await assertFault(connect(url, { replication: true }), "setup", "ALTER ROLE … REPLICATION");
  });

  await t.step("no connection left: connection, so that it is tried again", async () => {
    await server.sql("CREATE ROLE single LOGIN PASSWORD 'single' CONNECTION LIMIT 0");
    const url = server.url("postgres", "single", "single");
    const fault = await assertFault(connect(url), "connection", "max_connections", "53300");
    assert.equal(fault.reaction, "retry");
  });

  await t.step("a setting that the server does not know: setup", async () => {
    const url = `${server.url()}?options=-c%20nonsense=1`;
    await assertFault(connect(url), "setup", "nonsense");
  });

  await t.step("an idle connection that the server ends is a fault, told once", async () => {
    const lost = Promise.withResolvers<Fault>();
    let calls = 0;
    const client = await connect(server.url(), {
      onLost: (fault) => {
        calls++;
        lost.resolve(fault);
      },
    });
    const ended = new Promise((resolve) => client.once("end", () => resolve(undefined)));
    const { rows: [{ pid }] } = await client.query("SELECT pg_backend_pid() AS pid");
    await server.sql(`SELECT pg_terminate_backend(${pid})`);
    const fault = await lost.promise;
    await ended;
    assert.equal(fault.kind, "connection");
    assert.match(fault.message, /57P01|terminated/);
    assert.equal(calls, 1);
  });

  await t.step("so is one with nobody to tell, and a running statement is rejected", async () => {
    const client = await connect(server.url());
    const ended = new Promise((resolve) => client.once("end", () => resolve(undefined)));
    const { rows: [{ pid }] } = await client.query("SELECT pg_backend_pid() AS pid");
    const context = { where: describe(server.url()), doing: "sleeping" };
    const query = client.query("SELECT pg_sleep(60)").catch((error) => toFault(error, context));
    await server.sql(`SELECT pg_terminate_backend(${pid})`);
    const fault = await query;
    assert.ok(fault instanceof Fault && fault.kind === "connection");
    assert.match(fault.message, /sleeping, sluice@127\.0\.0\.1/);
    await ended;
    const after = await client.query("SELECT 1").catch((error) => toFault(error, context));
    assert.ok(after instanceof Fault && after.kind === "connection", Deno.inspect(after));
  });

  await t.step("TLS demanded of a server without: setup", async () => {
    for (const mode of ["require", "verify-ca", "verify-full"]) {
      const url = `${server.url()}?sslmode=${mode}`;
      await assertFault(connect(url), "setup", "the server has none", "ssl = on");
    }
    const bound = `${server.url()}?channel_binding=require`;
    await assertFault(connect(bound), "setup", "offers no bound login", "sslmode=require");
  });

  const made = await certificates();
  const [ca, otherCa] = [join(server.folder, "ca.pem"), join(server.folder, "other.pem")];
  await Deno.writeTextFile(ca, made.ca);
  await Deno.writeTextFile(otherCa, made.otherCa);
  await turnTlsOn(server, made.cert, made.key);
  const ip = server.url();
  const name = ip.replace("127.0.0.1", "localhost");

  await t.step("TLS: what is accepted", async () => {
    const accepted: [url: string, tls: boolean][] = [
      [`${ip}?sslmode=disable`, false],
      [ip, true], // prefer
      [`${ip}?sslmode=require`, true],
      [`${ip}?sslmode=require&sslrootcert=${ca}`, true],
      [`${ip}?sslmode=verify-ca&sslrootcert=${ca}`, true],
      [`${name}?sslmode=verify-full&sslrootcert=${ca}`, true],
      [`${name}?sslmode=verify-full&sslrootcert=${ca}&channel_binding=require`, true],
    ];
    for (const [url, ssl] of accepted) assert.deepEqual(await ask(url, TLS_USED), [{ ssl }], url);
    const url = `${name}?sslmode=verify-full&sslrootcert=${ca}`;
    const [row] = await ask(url, "IDENTIFY_SYSTEM", { replication: true });
    assert.equal(row.dbname, "postgres");
  });

  await t.step("TLS: another host name is refused by verify-full", async () => {
    const url = `${ip}?sslmode=verify-full&sslrootcert=${ca}`;
    await assertFault(connect(url), "setup", "for another host name", "127.0.0.1", "verify-ca");
  });

  await t.step("TLS: another authority is refused by every mode that looks", async () => {
    for (const mode of ["require", "verify-ca", "verify-full"]) {
      const url = `${name}?sslmode=${mode}&sslrootcert=${otherCa}`;
      await assertFault(connect(url), "setup", "can't be verified", "sslrootcert=<file.pem>");
    }
    for (const mode of ["verify-ca", "verify-full"]) {
      const url = `${name}?sslmode=${mode}`; // the public authorities
      await assertFault(connect(url), "setup", "can't be verified");
    }
  });

  await t.step("TLS: a root certificate that can't be read or is none: setup", async () => {
    const missing = `${name}?sslmode=verify-full&sslrootcert=${server.folder}/missing.pem`;
    await assertFault(connect(missing), "setup", "can't be read", "missing.pem");
    const empty = join(server.folder, "empty.pem");
    await Deno.writeTextFile(empty, "nothing");
    const url = `${name}?sslmode=verify-full&sslrootcert=${empty}`;
    await assertFault(connect(url), "setup", "holds no certificate", "PEM");
  });

  await t.step("TLS: prefer goes on without where pg_hba.conf wants no TLS", async () => {
    const [{ hba_file: file }] = await server.sql("SHOW hba_file");
    await Deno.writeTextFile(file as string, "hostnossl all all 127.0.0.1/32 scram-sha-256\n");
    await server.sql("SELECT pg_reload_conf()");
    await server.restart();
    assert.deepEqual(await ask(ip, TLS_USED), [{ ssl: false }]);
    await assertFault(connect(`${ip}?sslmode=require`), "setup", "pg_hba.conf", "28000");
  });
});

Deno.test("connect: a closed port is a connection fault that says where", async () => {
  const url = `postgres://me:s3cret@127.0.0.1:${freePort()}/bank`;
  const fault = await assertFault(connect(url), "connection", "ECONNREFUSED", describe(url));
  assert.ok(!fault.message.includes("s3cret"));
});

Deno.test("connect: a host that does not exist is a connection fault", async () => {
  await assertFault(connect("postgres://me@nowhere.invalid/bank"), "connection", "nowhere.invalid");
});

Deno.test("connect: a server that never answers is a connection fault", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const { port } = listener.addr as Deno.NetAddr;
  const url = `postgres://me@127.0.0.1:${port}/bank?connect_timeout=1&sslmode=disable`;
  await assertFault(connect(url), "connection", "did not answer in time", "connect_timeout");
  (await accepted).close();
});

Deno.test("connect: what is no PostgreSQL is a fault, not a hang", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const serving = (async () => {
    for (let i = 0; i < 2; i++) { // prefer asks twice
      const peer = await listener.accept();
      await peer.read(new Uint8Array(1024));
      await peer.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
      peer.close();
    }
  })();
  const work = connect(`postgres://me@127.0.0.1:${port}/bank`);
  const error = await work.then(() => undefined, (error) => error);
  await serving;
  assert.ok(error instanceof Fault, Deno.inspect(error));
  assert.ok(["connection", "setup"].includes(error.kind), error.message);
});
