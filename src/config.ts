/**
 * Every setting of Sluice, in one table. `--help`, docs/CONFIG.md and the start-up errors are made
 * from it, so that they cannot disagree.
 */
import { z } from "zod";
import { Fault, quoted } from "./errors.ts";
import { TOTAL_MB_MIN } from "./budget.ts";
import { CONNECT_SETTINGS } from "./config_connect.ts";
import { KAFKA_SETTINGS } from "./config_kafka.ts";
import { isDatabaseUrl, number, oneOf, type Setting, setting, text } from "./setting.ts";

const identifier = /^[a-z_][a-z0-9_]{0,62}$/;

/** The table. Order here is the order of the documentation. */
export const SETTINGS = {
  SLUICE_SOURCE: setting({
    parse: oneOf("postgres", "kafka"),
    byDefault: "postgres",
    allowed: "postgres or kafka",
    why: "Where changes are read from: straight from PostgreSQL's write-ahead log, or from " +
      "Debezium's topics in Kafka.",
  }),
  SLUICE_DATABASE_URL: setting({
    parse: z.string().refine(isDatabaseUrl),
    byDefault: undefined,
    required: "required with SLUICE_SOURCE=postgres",
    allowed: "postgres://user:password@host:port/database, with ?sslmode=disable, prefer " +
      "(default), require, verify-ca or verify-full, and &sslrootcert=<file>",
    why: "The source database, by a role that may replicate and read the tables. `generate` " +
      "writes to it. With SLUICE_SOURCE=kafka it is optional: its catalogue gives exact types.",
    secret: true,
  }),
  SLUICE_TABLES: setting({
    parse: z.string().transform((value) => value.split(",").map((part) => part.trim()))
      .pipe(z.array(text(/^[^.\s]+\.[^.\s]+$/)).min(1)),
    byDefault: "public.*",
    allowed: "schema.table patterns with * for any characters, separated by commas",
    why: "Which tables are replicated. Only those with a usable key are published; `check` names " +
      "the others.",
  }),
  SLUICE_PUBLICATION: setting({
    parse: text(identifier),
    byDefault: "sluice",
    allowed: "a lower-case PostgreSQL identifier of at most 63 characters",
    why: "The publication at the source. Made when it is missing; its tables are set by Sluice.",
  }),
  SLUICE_SLOT: setting({
    parse: text(/^[a-z0-9_]{1,63}$/),
    byDefault: "sluice",
    allowed: "lower-case letters, digits and underscores, at most 63",
    why: "The replication slot at the source, which keeps WAL until it is applied here. Two " +
      "Sluices need two slots.",
  }),
  ...KAFKA_SETTINGS,
  ...CONNECT_SETTINGS,
  SLUICE_DATA_DIR: setting({
    parse: z.string().min(1),
    byDefault: ".sluice",
    allowed: "a folder that may be written to; it is made when missing",
    why: "Holds warehouse.duckdb, spill files and the log. Deleting it means a new snapshot.",
  }),
  SLUICE_HTTP_ADDR: setting({
    parse: z.string().refine((value) => parseHttpAddr(value) !== undefined),
    byDefault: "127.0.0.1:8080",
    allowed: "host:port with a port from 0 to 65535 (0 takes a free one); [::1]:8080 for IPv6",
    why: "Where the API listens. Beyond loopback, POST /v1/sql is not served.",
  }),
  SLUICE_LOG_LEVEL: setting({
    parse: z.string().transform(parseLogLevels).pipe(z.record(
      z.string(),
      z.enum(["debug", "info", "warning", "error"]),
    )),
    byDefault: "info",
    allowed: "debug, info, warning or error, and category=level for one category: " +
      "info,source=debug,warehouse=warning",
    why: "How much is logged: the first for everything, the others by category (source, " +
      "pipeline, warehouse, api, service).",
  }),
  SLUICE_LOG_FILE: setting({
    parse: z.string().min(1),
    byDefault: "auto",
    allowed: "a file, auto (logs/sluice.log in the data folder) or none",
    why: "The rotating log file, in JSON lines, beside the console.",
  }),
  SLUICE_LOG_FILE_MAX_MB: number(16, 1, 1024, "MB", "The log file is rotated at this size."),
  SLUICE_LOG_FILES_MAX: number(5, 1, 100, "files", "How many rotated log files are kept."),
  SLUICE_MEMORY_TOTAL_MB: number(
    2048,
    TOTAL_MB_MIN,
    1_048_576,
    "MB",
    "The whole process stays below it. It is cut into areas in fixed proportions; GET /metrics " +
      "shows each.",
  ),
  SLUICE_SNAPSHOT_CONNECTIONS: number(
    2,
    1,
    16,
    "connections",
    "How many tables are copied at the same time during the snapshot. More load the source more.",
  ),
  SLUICE_STATUS_INTERVAL_SECONDS: number(
    5,
    1,
    60,
    "s",
    "How often the source is told how far we are. Kept below a third of its wal_sender_timeout " +
      "by itself.",
  ),
  SLUICE_IDLE_COMMIT_SECONDS: number(
    10,
    1,
    3600,
    "s",
    "How often an idle source's position is stored, so that its WAL can go, and what was put off in " +
      "the warehouse is done.",
  ),
  SLUICE_HISTORY_RETENTION: setting({
    parse: text(/^(forever|[1-9]\d{0,5}[mhd])$/).transform(parseRetention),
    byDefault: "forever",
    allowed: "forever, or a whole number with m, h or d: 90m, 12h, 30d",
    why: "How old a change in the change log may become, by its commit time. Older ones go, a " +
      "piece at a time, except the last before that time of each key that lives then.",
  }),
  SLUICE_READY_LAG_SECONDS: number(
    30,
    1,
    86_400,
    "s",
    "/readyz answers 503 while we are further behind than this.",
  ),
  SLUICE_SQL_TIMEOUT_SECONDS: number(30, 1, 3600, "s", "A longer POST /v1/sql is cancelled."),
  SLUICE_SQL_MAX_ROWS: number(
    10_000,
    1,
    1_000_000,
    "rows",
    "POST /v1/sql answers no more than this, and says so.",
  ),
  SLUICE_HANG_SECONDS: number(
    60,
    5,
    3600,
    "s",
    "Without a sign of life from the ingest isolate for this long, the process ends with 70; from " +
      "the main isolate, with 142.",
  ),
} as const;

type Settings = typeof SETTINGS;
type Name = keyof Settings;

/** The checked settings. A key is the variable's name; required ones may still be undefined. */
export type Config = {
  readonly [N in Name]: Settings[N]["byDefault"] extends string ? z.output<Settings[N]["parse"]>
    : z.output<Settings[N]["parse"]> | undefined;
};

/**
 * Reads every `SLUICE_*` variable of `env`. Throws one `usage` fault that names all mistakes, each
 * with the value received and what is allowed.
 */
export function readConfig(env: Readonly<Record<string, string>>): Config {
  const problems: string[] = [];
  const config: Record<string, unknown> = {};
  for (const name of Object.keys(env).sort()) {
    if (name.startsWith("SLUICE_") && !(name in SETTINGS)) {
      const near = nearest(name, Object.keys(SETTINGS));
      problems.push(`${name} is not a setting of Sluice${near ? `; did you mean ${near}?` : ""}`);
    }
  }
  for (const [name, row] of Object.entries(SETTINGS) as [Name, Setting<unknown>][]) {
    const given = env[name] || row.byDefault;
    if (given === undefined) continue;
    const result = row.parse.safeParse(given);
    if (result.success) config[name] = result.data;
    else {
      const received = row.secret ? "a value that is not shown, since it is secret" : quoted(given);
      problems.push(`${name} is not valid: received ${received}; allowed: ${row.allowed}`);
    }
  }
  if (problems.length > 0) {
    throw new Fault("usage", {
      what: problems.length === 1 ? problems[0] : `${problems.length} settings are wrong:\n  - ` +
        problems.join("\n  - "),
      todo: "`deno task serve --help` and docs/CONFIG.md list every setting.",
    });
  }
  return config as Config;
}

/** The database URL, or a `usage` fault that says how to give one. */
export function requireDatabaseUrl(config: Config): string {
  return required(
    config,
    "SLUICE_DATABASE_URL",
    "Set it to the source database, or run `deno task dev`, which brings one.",
  );
}

/** What must be given of the source that SLUICE_SOURCE names. */
export type RequiredOfSource =
  | { readonly source: "postgres"; readonly url: string }
  | {
    readonly source: "kafka";
    readonly brokers: string[];
    readonly prefix: string;
    readonly sasl: {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: string;
    } | null;
  };

/** Throws a `usage` fault when a setting that the source needs is missing. */
export function requireSource(config: Config): RequiredOfSource {
  if (config.SLUICE_SOURCE === "postgres") {
    return { source: "postgres", url: requireDatabaseUrl(config) };
  }
  const why = "SLUICE_SOURCE=kafka needs it; `deno task stack` brings a cluster to try it with.";
  const brokers = required(config, "SLUICE_KAFKA_BROKERS", why);
  const prefix = required(config, "SLUICE_KAFKA_TOPIC_PREFIX", why);
  const mechanism = config.SLUICE_KAFKA_SASL_MECHANISM;
  if (mechanism === "none") return { source: "kafka", brokers, prefix, sasl: null };
  const login = `SLUICE_KAFKA_SASL_MECHANISM=${mechanism} needs it.`;
  const username = required(config, "SLUICE_KAFKA_SASL_USERNAME", login);
  const password = required(config, "SLUICE_KAFKA_SASL_PASSWORD", login);
  return { source: "kafka", brokers, prefix, sasl: { mechanism, username, password } };
}

/** What `register` needs. Throws a `usage` fault when a setting is missing. */
export function requireConnector(config: Config): { prefix: string; url: string } {
  const prefix = required(
    config,
    "SLUICE_KAFKA_TOPIC_PREFIX",
    "The connector's topics begin with it. Choose one, such as `bank`.",
  );
  if (config.SLUICE_CONNECT_DATABASE_URL !== undefined) {
    return { prefix, url: config.SLUICE_CONNECT_DATABASE_URL };
  }
  const todo = "Set it to the source database, as Kafka Connect reaches it.";
  return { prefix, url: required(config, "SLUICE_DATABASE_URL", todo) };
}

function required<N extends Name>(config: Config, name: N, todo: string): NonNullable<Config[N]> {
  const value = config[name];
  if (value !== undefined) return value as NonNullable<Config[N]>;
  throw new Fault("usage", {
    what: `${name} is not set`,
    allowed: SETTINGS[name].allowed,
    todo,
  });
}

/** The host and port of `SLUICE_HTTP_ADDR`, or undefined when `value` is not of its form. */
export function parseHttpAddr(value: string): { hostname: string; port: number } | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s[\]]+):(\d{1,5})$/.exec(value);
  if (!match || Number(match[2]) > 65_535) return undefined;
  return { hostname: match[1].replace(/^\[|\]$/g, ""), port: Number(match[2]) };
}

/** `30d` in ms; null: without end. */
function parseRetention(value: string): number | null {
  const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 }[value.at(-1)!];
  return unitMs === undefined ? null : Number(value.slice(0, -1)) * unitMs;
}

/** `info,source=debug` → `{ "": "info", source: "debug" }`; a malformed part becomes its own value,
 * which the check of the levels then refuses. */
function parseLogLevels(value: string): Record<string, string> {
  const levels: Record<string, string> = {};
  for (const part of value.split(",")) {
    const at = part.indexOf("=");
    const category = at === -1 ? "" : part.slice(0, at).trim();
    levels[category] = part.slice(at + 1).trim();
  }
  levels[""] ??= "info";
  return levels;
}

/** The name of `names` that is at most three edits away from `name`. */
export function nearest(name: string, names: string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = 4;
  for (const candidate of names) {
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

/** The settings as text for `--help`. */
export function settingsHelp(): string {
  const lines: string[] = [];
  for (const [name, row] of Object.entries(SETTINGS) as [Name, Setting<unknown>][]) {
    const byDefault = row.byDefault === undefined
      ? row.required ?? "optional"
      : `default ${row.byDefault}`;
    lines.push(`  ${name} (${byDefault}${row.unit ? `, ${row.unit}` : ""})`);
    lines.push(`      ${row.why}`, `      Allowed: ${row.allowed}.`);
  }
  return lines.join("\n");
}

/** The whole of docs/CONFIG.md; a test holds the file to it. */
export function settingsMarkdown(): string {
  const lines = [
    "# Configuration",
    "",
    "Environment variables, read once at start. An unknown `SLUICE_*` variable is an error, and so",
    "is a value outside what is allowed; the message names the variable, the value received and",
    "what is allowed. This page is made from the table in `src/config.ts` by `deno task docs`.",
    "",
    "| variable | default | unit | allowed | what it does |",
    "| --- | --- | --- | --- | --- |",
  ];
  for (const [name, row] of Object.entries(SETTINGS) as [Name, Setting<unknown>][]) {
    const cell = (value: string) => value.replaceAll("|", "\\|");
    const byDefault = row.byDefault === undefined ? row.required ?? "none" : `\`${row.byDefault}\``;
    lines.push(
      `| \`${name}\` | ${byDefault} | ${row.unit ?? ""} | ${cell(row.allowed)} | ${
        cell(row.why)
      } |`,
    );
  }
  return lines.join("\n") + "\n";
}
