/**
 * Logging, by LogTape: the console (pretty on a terminal, JSON lines otherwise) and a rotating
 * file. The ingest isolate sends its records to main, so that the file has one writer.
 */
import { dirname, join } from "node:path";
import {
  configure,
  dispose,
  getConsoleSink,
  getJsonLinesFormatter,
  getLogger,
  type Logger,
  type LoggerConfig,
  type LogRecord,
  type Sink,
  type TextFormatter,
} from "@logtape/logtape";
import { getRotatingFileSink } from "@logtape/file";
import { getPrettyFormatter } from "@logtape/pretty";
import type { Config } from "./config.ts";
import { Fault } from "./errors.ts";
import type { LogData } from "./messages.ts";

/** Categories that SLUICE_LOG_LEVEL may name. */
export const CATEGORIES = ["source", "pipeline", "warehouse", "api", "service", "generator"];

/** The logger of one category. Messages are sentences; values go into `{placeholders}`. */
export function logger(category: string): Logger {
  return getLogger(["sluice", category]);
}

type LogSettings = Pick<
  Config,
  | "SLUICE_LOG_LEVEL"
  | "SLUICE_LOG_FILE"
  | "SLUICE_LOG_FILE_MAX_MB"
  | "SLUICE_LOG_FILES_MAX"
  | "SLUICE_DATA_DIR"
>;

/** Sets up logging in the main isolate. Throws a `usage` fault for a category that isn't there. */
export async function startLogging(config: LogSettings): Promise<void> {
  const sinks: Record<string, Sink> = { console: consoleSink() };
  const file = logFile(config);
  if (file !== undefined) {
    await Deno.mkdir(dirname(file), { recursive: true });
    sinks.file = getRotatingFileSink(file, {
      formatter: withText(getJsonLinesFormatter()),
      maxSize: config.SLUICE_LOG_FILE_MAX_MB * 1024 * 1024,
      maxFiles: config.SLUICE_LOG_FILES_MAX,
    });
  }
  await configure({ sinks, loggers: loggers(config, Object.keys(sinks)), reset: true });
}

/** Writes out what is buffered, and closes the file. A full disk is no reason to end otherwise. */
export async function stopLogging(): Promise<void> {
  try {
    await dispose();
  } catch (error) {
    console.error(`sluice: the end of the log file could not be written: ${error}`);
  }
}

/** Sets up logging in the ingest isolate: every record goes to `send`. */
export async function forwardLogging(
  config: LogSettings,
  send: (record: LogData) => void,
): Promise<void> {
  const sinks = { main: (record: LogRecord) => send(toData(record)) };
  await configure({ sinks, loggers: loggers(config, ["main"]), reset: true });
}

/** Writes a record that came from the ingest isolate. */
export function writeForwarded(record: LogData): void {
  const log = getLogger(record.category as [string, ...string[]]);
  // The text is finished: what looks like a placeholder in it is none.
  const text = record.message.replace(/[{}]/g, "$&$&");
  log[record.level === "warning" ? "warn" : record.level](text, record.properties);
}

/** A formatter for records whose message is put together first: values stand in it unquoted. */
function withText(format: TextFormatter): TextFormatter {
  return (record) => format({ ...record, message: [textOf(record)] });
}

function textOf(record: LogRecord): string {
  return record.message.map((part) => typeof part === "string" ? part : inspect(part)).join("");
}

function consoleSink(): Sink {
  if (Deno.stdout.isTerminal()) {
    return getConsoleSink({
      formatter: withText(getPrettyFormatter({ timestamp: "time", wordWrap: false })),
    });
  }
  return getConsoleSink({ formatter: withText(getJsonLinesFormatter()) });
}

function logFile(config: LogSettings): string | undefined {
  if (config.SLUICE_LOG_FILE === "none") return undefined;
  if (config.SLUICE_LOG_FILE !== "auto") return config.SLUICE_LOG_FILE;
  return join(config.SLUICE_DATA_DIR, "logs", "sluice.log");
}

function loggers(config: LogSettings, sinks: string[]): LoggerConfig<string, string>[] {
  const { "": general, ...byCategory } = config.SLUICE_LOG_LEVEL;
  for (const category of Object.keys(byCategory)) {
    if (CATEGORIES.includes(category)) continue;
    throw new Fault("usage", {
      what: "SLUICE_LOG_LEVEL names a category that does not exist",
      received: category,
      allowed: CATEGORIES.join(", "),
    });
  }
  const list: LoggerConfig<string, string>[] = [
    { category: ["logtape", "meta"], sinks, lowestLevel: "error" },
    { category: ["sluice"], sinks, lowestLevel: general },
  ];
  for (const [category, lowestLevel] of Object.entries(byCategory)) {
    list.push({
      category: ["sluice", category],
      sinks,
      parentSinks: "override",
      lowestLevel,
    });
  }
  return list;
}

function toData(record: LogRecord): LogData {
  return {
    category: [...record.category],
    level: record.level === "fatal" || record.level === "trace" ? "error" : record.level,
    message: textOf(record),
    properties: JSON.parse(
      JSON.stringify(
        record.properties,
        (_, value) => typeof value === "bigint" ? String(value) : value,
      ),
    ),
    timestamp: record.timestamp,
  };
}

function inspect(value: unknown): string {
  return typeof value === "string" ? value : Deno.inspect(value);
}
