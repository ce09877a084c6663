import assert from "node:assert/strict";
import fc from "fast-check";
import {
  nearest,
  parseHttpAddr,
  readConfig,
  requireDatabaseUrl,
  requireSource,
  SETTINGS,
  settingsHelp,
} from "./config.ts";
import { Fault } from "./errors.ts";
import type { Setting } from "./setting.ts";

type Name = keyof typeof SETTINGS;

/** The `usage` fault that `env` ends in. */
function faultOf(env: Record<string, string>): Fault {
  try {
    readConfig(env);
  } catch (error) {
    assert(error instanceof Fault, String(error));
    assert.equal(error.kind, "usage");
    return error;
  }
  throw new assert.AssertionError({ message: `accepted ${JSON.stringify(env)}` });
}

const NOT_WHOLE = ["-1", "0", "1.5", "1e3", "abc", " 5", "5 ", "0x10", "NaN", "٣", "9".repeat(400)];

/** Values that each setting must refuse. */
const BAD: Record<Name, string[]> = {
  SLUICE_SOURCE: ["mysql", "Postgres", "postgres "],
  SLUICE_KAFKA_BROKERS: [
    "localhost",
    "host:",
    ":9092",
    "a:1,,b:2",
    "kafka://a:9092",
    "a b:1",
    "[::1]:9093",
  ],
  SLUICE_KAFKA_TOPIC_PREFIX: ["a b", "größe", "a/b", "a".repeat(201)],
  SLUICE_KAFKA_GROUP: ["a b", " ", "a".repeat(201)],
  SLUICE_KAFKA_TLS: ["true", "1", "ON"],
  SLUICE_KAFKA_TLS_CA: [],
  SLUICE_KAFKA_SASL_MECHANISM: ["PLAIN", "scram", "gssapi"],
  SLUICE_KAFKA_SASL_USERNAME: [],
  SLUICE_KAFKA_SASL_PASSWORD: [],
  SLUICE_DEBEZIUM_DECIMAL_MODE: ["text", "String"],
  SLUICE_DEBEZIUM_TIME_MODE: ["micros", "Adaptive"],
  SLUICE_DEBEZIUM_BINARY_MODE: ["bytes", "base32"],
  SLUICE_DEBEZIUM_UNAVAILABLE_VALUE: [],
  SLUICE_CONNECT_URL: ["localhost:8083", "connect", "ftp://a:1", "http://", "http://a:1/?b=c"],
  SLUICE_CONNECT_DATABASE_URL: ["localhost", "mysql://u:p@h/db", "postgres://h"],
  SLUICE_ON_BAD_RECORD: ["skip", "dead_letter"],
  SLUICE_DEAD_LETTERS_MAX: [...NOT_WHOLE.filter((value) => value !== "0"), "1000001"],
  SLUICE_TRANSACTION_TIMEOUT_SECONDS: [...NOT_WHOLE, "4", "86401"],
  SLUICE_DATABASE_URL: [
    "localhost",
    "mysql://u:p@h/db",
    "http://h/db",
    "postgres://h",
    "postgres://h/",
    "postgres:///db",
    "postgres://h:99999/db",
    "postgres://u:p@h/db?sslmode=on",
  ],
  SLUICE_TABLES: [
    "users",
    "public.",
    ".users",
    "a.b.c",
    "public.users,,public.wallets",
    ",",
    "a b.c",
  ],
  SLUICE_PUBLICATION: ["Sluice", "1a", "a-b", "a;drop", `"a"`, "a".repeat(64)],
  SLUICE_SLOT: ["Slot", "a-b", "a b", "ß", "a".repeat(64)],
  SLUICE_DATA_DIR: [],
  SLUICE_HTTP_ADDR: [
    "8080",
    ":8080",
    "host",
    "host:",
    "host:65536",
    "host:-1",
    "::1:8080",
    "[::1]",
  ],
  SLUICE_LOG_LEVEL: ["loud", "INFO", "source=", "info,", "source=trace"],
  SLUICE_LOG_FILE: [],
  SLUICE_LOG_FILE_MAX_MB: [...NOT_WHOLE, "1025"],
  SLUICE_LOG_FILES_MAX: [...NOT_WHOLE, "101"],
  SLUICE_MEMORY_TOTAL_MB: [...NOT_WHOLE, "511", "1048577", "2048MB", "2g"],
  SLUICE_SNAPSHOT_CONNECTIONS: [...NOT_WHOLE, "17"],
  SLUICE_STATUS_INTERVAL_SECONDS: [...NOT_WHOLE, "61", "5s"],
  SLUICE_IDLE_COMMIT_SECONDS: [...NOT_WHOLE, "3601"],
  SLUICE_HISTORY_RETENTION: ["0d", "30", "30 d", "1w", "-1d", "1.5h", "never"],
  SLUICE_READY_LAG_SECONDS: [...NOT_WHOLE, "86401"],
  SLUICE_SQL_TIMEOUT_SECONDS: [...NOT_WHOLE, "3601"],
  SLUICE_SQL_MAX_ROWS: [...NOT_WHOLE, "1000001", "10_000"],
  SLUICE_HANG_SECONDS: [...NOT_WHOLE, "4", "3601"],
};

/** Settings that take any text. */
const ANY_TEXT: Name[] = [
  "SLUICE_DATA_DIR",
  "SLUICE_LOG_FILE",
  "SLUICE_KAFKA_TLS_CA",
  "SLUICE_KAFKA_SASL_USERNAME",
  "SLUICE_KAFKA_SASL_PASSWORD",
  "SLUICE_DEBEZIUM_UNAVAILABLE_VALUE",
];

for (const name of Object.keys(SETTINGS) as Name[]) {
  Deno.test(`${name}: each bad value is refused by name, value and what is allowed`, () => {
    assert(BAD[name].length > 0 || ANY_TEXT.includes(name), `no bad values for ${name}`);
    for (const value of BAD[name]) {
      const { message } = faultOf({ [name]: value });
      assert(message.startsWith(`${name} is not valid: received `), message);
      assert(message.includes(`allowed: ${SETTINGS[name].allowed}`), message);
      assert.match(message, /docs\/CONFIG\.md list every setting\.$/);
      const secret = (SETTINGS[name] as Setting<unknown>).secret ?? false;
      const shown = JSON.stringify(value.slice(0, 120)).slice(0, -1);
      assert.equal(message.includes(shown), !secret, message);
    }
  });

  Deno.test(`${name}: an empty value counts as unset, and the default is valid`, () => {
    assert.deepEqual(readConfig({ [name]: "" }), readConfig({}));
    const byDefault = SETTINGS[name].byDefault;
    if (byDefault !== undefined) {
      assert.deepEqual(readConfig({ [name]: byDefault }), readConfig({}));
    }
  });
}

Deno.test("a number is taken at both ends of its range", () => {
  const bounds = /a whole number from (\d+) to (\d+)/;
  const numbers = Object.entries(SETTINGS).filter(([, row]) => bounds.test(row.allowed));
  assert(numbers.length >= 8);
  for (const [name, row] of numbers) {
    const [, min, max] = bounds.exec(row.allowed)!;
    assert.equal(readConfig({ [name]: min })[name as Name], Number(min));
    assert.equal(readConfig({ [name]: max })[name as Name], Number(max));
    faultOf({ [name]: String(Number(min) - 1) });
    faultOf({ [name]: String(Number(max) + 1) });
  }
});

Deno.test("the database's password is in no message, whatever is wrong beside it", () => {
  const env = {
    SLUICE_DATABASE_URL: "postgres://sluice:hunter2@db/bank?sslmode=hunter3",
    SLUICE_SLOT: "BAD",
    SLUICE_DATABSE_URL: "postgres://sluice:hunter4@db/bank",
  };
  const { message, details } = faultOf(env);
  assert.doesNotMatch(message + JSON.stringify(details), /hunter/);
  assert.match(message, /SLUICE_DATABASE_URL is not valid: received a value that is not shown/);
  assert.match(
    message,
    /SLUICE_DATABSE_URL is not a setting of Sluice; did you mean SLUICE_DATABASE_URL\?/,
  );
});

Deno.test("all mistakes come in one message", () => {
  const { message } = faultOf({ SLUICE_SLOT: "A", SLUICE_TABLES: "x", SLUICE_NOPE_AT_ALL: "1" });
  assert.match(message, /^3 settings are wrong:\n/);
  assert.equal(message.split("\n  - ").length, 4);
});

Deno.test("an unknown setting is refused, with the nearest name when one is near", () => {
  assert.match(faultOf({ SLUICE_TABLE: "a.b" }).message, /did you mean SLUICE_TABLES\?/);
  assert.match(faultOf({ SLUICE_HTTP_ADRR: "" }).message, /did you mean SLUICE_HTTP_ADDR\?/);
  const { message } = faultOf({ SLUICE_FROBNICATION_DEPTH: "1" });
  assert.match(message, /^SLUICE_FROBNICATION_DEPTH is not a setting of Sluice\./);
  assert.doesNotMatch(message, /did you mean/);
});

Deno.test("other variables are none of our business", () => {
  assert.deepEqual(
    readConfig({ PATH: "/bin", sluice_slot: "X", MY_SLUICE_X: "1" }),
    readConfig({}),
  );
});

Deno.test("a received value is cut and its control characters are escaped", () => {
  const { message } = faultOf({ SLUICE_SLOT: "\u001b[31m" + "x".repeat(100_000) });
  assert(message.length < 1000);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(message, /\u001b/);
});

Deno.test("no text whatever ends in anything but a value or a usage fault", () => {
  const names = Object.keys(SETTINGS) as Name[];
  fc.assert(fc.property(fc.constantFrom(...names), fc.string({ unit: "binary" }), (name, value) => {
    try {
      readConfig({ [name]: value });
    } catch (error) {
      assert(error instanceof Fault && error.kind === "usage", String(error));
    }
  }));
});

Deno.test("SLUICE_TABLES: patterns are split and trimmed", () => {
  const config = readConfig({ SLUICE_TABLES: "public.* , bank.tx_*" });
  assert.deepEqual(config.SLUICE_TABLES, ["public.*", "bank.tx_*"]);
});

Deno.test("SLUICE_LOG_LEVEL: one level for all, others by category", () => {
  const level = (value: string) => readConfig({ SLUICE_LOG_LEVEL: value }).SLUICE_LOG_LEVEL;
  assert.deepEqual(level("warning"), { "": "warning" });
  assert.deepEqual(level("error, source=debug"), { "": "error", source: "debug" });
  assert.deepEqual(level("source=debug"), { "": "info", source: "debug" });
});

Deno.test("an HTTP address is a host and a port, IPv6 in brackets", () => {
  assert.deepEqual(parseHttpAddr("127.0.0.1:0"), { hostname: "127.0.0.1", port: 0 });
  assert.deepEqual(parseHttpAddr("[::1]:8080"), { hostname: "::1", port: 8080 });
  assert.deepEqual(parseHttpAddr("localhost:65535"), { hostname: "localhost", port: 65_535 });
  for (const bad of ["", ":1", "a:b", "a:1:2", "[a:1", "a b:1", "a:1 "]) {
    assert.equal(parseHttpAddr(bad), undefined, bad);
  }
});

Deno.test("a missing database URL says how to give one", () => {
  assert.throws(() => requireDatabaseUrl(readConfig({})), (error) => {
    assert(error instanceof Fault);
    assert.equal(error.exit, 2);
    assert.match(
      error.message,
      /SLUICE_DATABASE_URL is not set; allowed: postgres:.*deno task dev/,
    );
    return true;
  });
  const url = "postgres://u:p@h/db";
  assert.equal(requireDatabaseUrl(readConfig({ SLUICE_DATABASE_URL: url })), url);
});

Deno.test("the nearest name is at most three edits away, and the nearest of several", () => {
  assert.equal(nearest("abcd", ["abce", "abcd1", "zzzz"]), "abce");
  assert.equal(nearest("abcd", ["wxyz"]), undefined);
  assert.equal(nearest("", ["abc"]), "abc");
  assert.equal(nearest("abc", []), undefined);
});

Deno.test("--help names every setting with its default", () => {
  const help = settingsHelp();
  for (const [name, row] of Object.entries(SETTINGS)) {
    const required = (row as { required?: string }).required ?? "optional";
    assert(
      help.includes(`${name} (${row.byDefault ? `default ${row.byDefault}` : required}`),
      name,
    );
  }
});

Deno.test("a source's own settings are asked for, each by its name", () => {
  const missing = (env: Record<string, string>, pattern: RegExp) =>
    assert.throws(() => requireSource(readConfig({ SLUICE_SOURCE: "kafka", ...env })), pattern);
  const brokers = { SLUICE_KAFKA_BROKERS: "a:9092, b-2.example:9093" };
  const prefix = { SLUICE_KAFKA_TOPIC_PREFIX: "bank" };
  missing(prefix, /SLUICE_KAFKA_BROKERS is not set/);
  missing(brokers, /SLUICE_KAFKA_TOPIC_PREFIX is not set/);
  const plain = { ...brokers, ...prefix, SLUICE_KAFKA_SASL_MECHANISM: "plain" };
  missing(
    plain,
    /SLUICE_KAFKA_SASL_USERNAME is not set.*SLUICE_KAFKA_SASL_MECHANISM=plain needs it/,
  );
  missing({ ...plain, SLUICE_KAFKA_SASL_USERNAME: "u" }, /SLUICE_KAFKA_SASL_PASSWORD is not set/);
  assert.deepEqual(requireSource(readConfig({ SLUICE_SOURCE: "kafka", ...brokers, ...prefix })), {
    source: "kafka",
    brokers: ["a:9092", "b-2.example:9093"],
    prefix: "bank",
    sasl: null,
  });
  assert.throws(() => requireSource(readConfig({})), /SLUICE_DATABASE_URL is not set/);
});
