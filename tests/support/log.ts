/** What is logged while a test runs. */
import { configure, type LogRecord, reset } from "@logtape/logtape";

/** Puts every warning and error of `category` into `lines` until it is disposed of. */
export async function warningsOf(category: string, lines: string[]): Promise<AsyncDisposable> {
  await configure({
    reset: true,
    sinks: { lines: (record) => void lines.push(lineOf(record)) },
    loggers: [
      { category: ["logtape", "meta"], sinks: [] },
      { category: ["sluice", category], sinks: ["lines"], lowestLevel: "info" },
    ],
  });
  return { [Symbol.asyncDispose]: () => reset() };
}

function lineOf({ level, message, properties }: LogRecord): string {
  return `${level}: ${message.map(String).join("")} ${JSON.stringify(properties)}`;
}
