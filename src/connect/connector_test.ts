import assert from "node:assert/strict";
import template from "../../debezium/register-postgres.json" with { type: "json" };
import { readConfig, SETTINGS } from "../config.ts";
import { Fault } from "../errors.ts";
import { connectorOf, fill, slotOf, tablePattern } from "./connector.ts";
import { SIGNAL_TABLE } from "./database.ts";

const URL = "postgres://sluice:p%40ss@db.example.com:5433/bank?sslmode=verify-full";
const ENV = { SLUICE_KAFKA_TOPIC_PREFIX: "bank", SLUICE_DATABASE_URL: URL };

Deno.test("connector: the settings fill every placeholder, and what becomes empty is left out", () => {
  const { name, config } = connectorOf(readConfig(ENV));
  assert.equal(name, "sluice-bank");
  assert.equal(config["database.hostname"], "db.example.com");
  assert.equal(config["database.port"], "5433");
  assert.equal(config["database.user"], "sluice");
  assert.equal(config["database.password"], "p@ss");
  assert.equal(config["database.dbname"], "bank");
  assert.equal(config["database.sslmode"], "verify-full");
  assert.equal(config["topic.prefix"], "bank");
  assert.equal(config["table.include.list"], "public\\..*");
  assert.equal(config["slot.name"], "debezium_bank");
  assert.deepEqual(
    Object.keys(template.config).filter((setting) => !(setting in config)),
    ["database.sslrootcert"],
  );
  for (const [setting, value] of Object.entries(config)) {
    assert(!value.includes("${"), `${setting} is ${value}`);
  }
});

Deno.test("connector: Connect's own address of the database wins", () => {
  const { config } = connectorOf(readConfig({
    ...ENV,
    SLUICE_CONNECT_DATABASE_URL: "postgres://debezium:other@postgres/bank?sslrootcert=/ca.pem",
  }));
  assert.equal(config["database.hostname"], "postgres");
  assert.equal(config["database.port"], "5432");
  assert.equal(config["database.user"], "debezium");
  assert.equal(config["database.password"], "other");
  assert.equal(config["database.sslrootcert"], "/ca.pem");
});

Deno.test("connector: a missing setting is named", () => {
  for (const name of Object.keys(ENV) as (keyof typeof ENV)[]) {
    const { [name]: _, ...rest } = ENV;
    assert.throws(() => connectorOf(readConfig(rest)), new RegExp(`${name} is not set`));
  }
});

Deno.test("connector: a placeholder without a value is a bug, not a setting", () => {
  assert.throws(
    () => fill({ TOPIC_PREFIX: "bank" }),
    (error: Fault) => error.kind === "bug" && error.message.includes("${DATABASE_HOST}"),
  );
});

Deno.test("connector: values are taken as they are, also with $ in them", () => {
  const given = { ...ENV, SLUICE_DATABASE_URL: "postgres://u:$%26$%7BX%7D@h/d" };
  assert.equal(connectorOf(readConfig(given)).config["database.password"], "$&${X}");
});

Deno.test("connector: a slot's name is what PostgreSQL takes", () => {
  assert.equal(slotOf("bank"), "debezium_bank");
  assert.equal(slotOf("My.Bank-2"), "debezium_my_bank_2");
  assert.match(slotOf("x".repeat(200)), /^[a-z0-9_]{63}$/);
});

Deno.test("connector: SLUICE_TABLES becomes Debezium's regular expressions", () => {
  const matches = (pattern: string, table: string) =>
    new RegExp(`^(?:${tablePattern(pattern)})$`).test(table);
  assert(matches("public.*", "public.users"));
  assert(!matches("public.*", "publicXusers"));
  assert(matches("*.log_*", "a.log_1"));
  assert(!matches("*.log_*", "a.logs"));
  assert(matches("a.b+c$", "a.b+c$"));
  assert(!matches("a.b+c$", "a.bbc$"));
  const tables = { ...ENV, SLUICE_TABLES: "public.*, other.lines" };
  const { config } = connectorOf(readConfig(tables));
  assert.equal(config["table.include.list"], "public\\..*,other\\.lines");
});

Deno.test("connector: it writes what Sluice expects without being told", () => {
  const { config } = template;
  assert.equal(config["decimal.handling.mode"], SETTINGS.SLUICE_DEBEZIUM_DECIMAL_MODE.byDefault);
  assert.equal(config["time.precision.mode"], SETTINGS.SLUICE_DEBEZIUM_TIME_MODE.byDefault);
  assert.equal(config["binary.handling.mode"], "bytes");
  assert.equal(SETTINGS.SLUICE_DEBEZIUM_BINARY_MODE.byDefault, "base64"); // how JSON has bytes
  assert.equal(config["provide.transaction.metadata"], "true");
  assert.equal(config["skipped.operations"], "none");
  assert.equal(config["topic.creation.default.partitions"], "1");
  assert.equal(config["signal.data.collection"], SIGNAL_TABLE);
  assert(!("unavailable.value.placeholder" in config));
});
