import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../errors.ts";
import { describe, parseTarget } from "./target.ts";

function fault(url: string): Fault {
  try {
    parseTarget(url);
  } catch (error) {
    if (error instanceof Fault) return error;
  }
  throw new Error("no fault");
}

Deno.test("target: a URL with nothing but the names has libpq's defaults", () => {
  assert.deepEqual(parseTarget("postgres://me@host/bank"), {
    host: "host",
    port: 5432,
    database: "bank",
    user: "me",
    password: "",
    sslMode: "prefer",
    sslRootCert: undefined,
    channelBinding: "prefer",
    applicationName: undefined,
    connectTimeoutMs: 10_000,
    options: "",
  });
});

Deno.test("target: user, password and database survive percent encoding", () => {
  fc.assert(fc.property(
    fc.string({ unit: "grapheme", minLength: 1 }),
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: "grapheme", minLength: 1 }).filter((name) => !/^\.{1,2}$/.test(name)),
    (user, password, database) => {
      const [u, p, d] = [user, password, database].map(encodeURIComponent);
      const target = parseTarget(`postgres://${u}:${p}@db.example:6543/${d}`);
      assert.deepEqual([target.user, target.password, target.database], [user, password, database]);
    },
  ));
});

Deno.test("target: IPv6 hosts lose their brackets, and get them back in messages", () => {
  assert.equal(parseTarget("postgres://me@[::1]:5433/bank").host, "::1");
  assert.equal(describe("postgres://me:pw@[::1]:5433/bank"), "me@[::1]:5433/bank");
});

Deno.test("target: a description never holds the password, and never throws", () => {
  fc.assert(fc.property(fc.string(), (password) => {
    const secret = encodeURIComponent(`s3cret${password}`);
    assert.ok(!describe(`postgres://me:${secret}@host/bank`).includes("s3cret"));
    assert.ok(!describe(`postgres://me:${secret}%@host:99999999/bank`).includes("s3cret"));
  }));
});

for (
  const [url, ...parts] of [
    ["nonsense", "is not a URL", "postgres://user:password@host"],
    ["mysql://me@host/bank", "not a PostgreSQL URL"],
    ["postgres://host/bank", "names no user"],
    ["postgres://me@host", "names no database"],
    ["postgres://me@host/", "names no database"],
    ["postgres://me@host/bank?sslmode=yes", 'received "yes"', "disable, prefer, require"],
    ["postgres://me@host/bank?sslmod=require", 'received "sslmod"', "allowed: sslmode"],
    ["postgres://me@host/bank?connect_timeout=soon", 'received "soon"', "1 to 9999 seconds"],
    ["postgres://me:s3cret%@host/bank", "a % in its password", "%25"],
  ]
) {
  Deno.test(`target: ${url.replace("s3cret", "…")} is refused with what is allowed`, () => {
    const { kind, message } = fault(url);
    assert.equal(kind, "usage");
    for (const part of parts) assert.ok(message.includes(part), message);
    assert.ok(!message.includes("s3cret"));
  });
}
