import assert from "node:assert/strict";
import { reset } from "@logtape/logtape";
import { readConfig } from "./config.ts";
import { Fault, toFaultData } from "./errors.ts";
import { CATEGORIES, forwardLogging, logger, startLogging, writeForwarded } from "./log.ts";
import type { LogData } from "./messages.ts";

/** What reaches the other isolate while `work` logs, under `env`. */
async function forwarded(env: Record<string, string>, work: () => void): Promise<LogData[]> {
  const records: LogData[] = [];
  await forwardLogging(readConfig(env), (record) => records.push(structuredClone(record)));
  try {
    work();
  } finally {
    await reset();
  }
  return records;
}

/** What is printed and written to the file while `work` logs in the main isolate, under `env`. */
async function written(env: Record<string, string>, work: () => void) {
  const folder = await Deno.makeTempDir({ prefix: "sluice-log-" });
  const printed: string[] = [];
  const methods = ["log", "debug", "info", "warn", "error"] as const;
  const real = methods.map((method) => console[method]);
  try {
    const file = `${folder}/deep/er/sluice.log`;
    await startLogging(readConfig({ SLUICE_LOG_FILE: file, ...env }));
    for (const method of methods) console[method] = (...args) => printed.push(args.join(" "));
    work();
    await reset();
    const text = await Deno.readTextFile(file).catch(() => "");
    return { printed: printed.join("\n"), file: text };
  } finally {
    methods.forEach((method, i) => console[method] = real[i]);
    await reset();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a level for all, and another for one category", async () => {
  const records = await forwarded({ SLUICE_LOG_LEVEL: "warning,source=debug,api=error" }, () => {
    for (const category of CATEGORIES) {
      const log = logger(category);
      log.debug("d");
      log.info("i");
      log.warn("w");
      log.error("e");
    }
  });
  const seen = (category: string) =>
    records.filter((record) => record.category[1] === category).map((record) => record.message)
      .join("");
  assert.equal(seen("source"), "diwe");
  assert.equal(seen("api"), "e");
  for (const other of CATEGORIES.filter((name) => name !== "source" && name !== "api")) {
    assert.equal(seen(other), "we", other);
  }
});

Deno.test("each record comes once, with its values in the sentence and beside it", async () => {
  const records = await forwarded({ SLUICE_LOG_LEVEL: "info,source=debug" }, () => {
    logger("source").info("slot {slot} is at {lsn}", {
      slot: "sluice",
      lsn: 12345678901234567890n,
    });
  });
  assert.equal(records.length, 1);
  assert.equal(records[0].message, "slot sluice is at 12345678901234567890n");
  assert.deepEqual(records[0].properties, { slot: "sluice", lsn: "12345678901234567890" });
  assert.deepEqual(records[0].category, ["sluice", "source"]);
  assert.equal(records[0].level, "info");
});

Deno.test("a category that isn't there is a usage fault that lists them", async () => {
  const config = readConfig({ SLUICE_LOG_LEVEL: "info,sauce=debug" });
  await assert.rejects(startLogging({ ...config, SLUICE_LOG_FILE: "none" }), (error) => {
    assert(error instanceof Fault && error.kind === "usage");
    assert.match(error.message, /received sauce; allowed: source, pipeline, warehouse/);
    return true;
  });
  await reset();
});

Deno.test("the file holds one JSON object a line, forwarded records included", async () => {
  const { file, printed } = await written({}, () => {
    logger("service").warn("a {what}\nof two lines", { what: "text" });
    writeForwarded({
      category: ["sluice", "source"],
      level: "warning",
      message: "100% {literally} braces",
      properties: { table: "public.users" },
      timestamp: Date.now(),
    });
  });
  const lines = file.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines.length, 2);
  assert.match(lines[0].message, /^a "?text"?\nof two lines$/);
  assert(lines[1].message.includes("100% {literally} braces"), lines[1].message);
  assert.equal(lines[1].properties.table, "public.users");
  assert.equal(lines[1].logger, "sluice.source");
  assert(printed.includes("of two lines"));
});

Deno.test("a file of none writes none", async () => {
  const { file, printed } = await written({ SLUICE_LOG_FILE: "none" }, () => {
    logger("service").info("hello");
  });
  assert.equal(file, "");
  assert(printed.includes("hello"));
});

Deno.test("the database's password reaches neither console nor file nor the other isolate", async () => {
  const url = "postgres://sluice:hunter2@127.0.0.1:1/bank?sslmode=hunter3";
  const work = () => {
    try {
      readConfig({ SLUICE_DATABASE_URL: url });
      assert.fail("the URL was taken");
    } catch (error) {
      const fault = toFaultData(error);
      logger("service").error("{what}", { what: fault.details.what, fault });
      logger("service").error("failed: {error}", { error });
    }
  };
  const { file, printed } = await written({}, work);
  const records = await forwarded({}, work);
  assert(file.includes("SLUICE_DATABASE_URL") && printed.includes("SLUICE_DATABASE_URL"));
  assert.doesNotMatch(file + printed + JSON.stringify(records), /hunter/);
});
