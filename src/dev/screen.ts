/** What `deno task dev` prints: steps, a bar for the snapshot, and a line that changes in place. */
import process from "node:process";
import { type ProgressBar, progressBar, type ProgressOutput } from "../progress.ts";
import type { SnapshotTable } from "./readiness.ts";

const INDENT = "          ";

/** Writes to a terminal, or plain lines where there is none. */
export class Screen {
  readonly #started = performance.now();
  #bar: ProgressBar | undefined;
  /** The last line was written to be replaced. */
  #inPlace = false;

  constructor(private readonly output: ProgressOutput = process.stdout) {}

  /** A step, with the seconds since the start before it. */
  step(text: string): void {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    this.line(`${seconds.padStart(6)} s  ${text}`);
  }

  line(text = ""): void {
    if (this.#bar !== undefined) return this.#bar.note(text);
    this.output.write(`${this.#inPlace ? "\r\u001b[K" : ""}${text}\n`);
    this.#inPlace = false;
  }

  /** A line that the next one replaces. Only on a terminal. */
  status(text: string): void {
    if (!this.output.isTTY || this.#bar !== undefined) return;
    this.output.write(`\r\u001b[K${INDENT}${text}`);
    this.#inPlace = true;
  }

  /** Shows how far the snapshot is; the first time, that there is one. */
  snapshot(tables: readonly SnapshotTable[]): void {
    if (this.#bar === undefined) {
      this.step(`copying a snapshot of ${tables.length} tables`);
      this.#bar = progressBar(`${INDENT}snapshot`, 0, { unit: "rows", output: this.output });
    }
    const { rows, total } = snapshotRows(tables);
    this.#bar.total(total);
    this.#bar.update(rows);
  }

  /** Ends the snapshot's bar, if there is one, with `rows` copied in all, if that is known. */
  snapshotEnded(rows?: number): void {
    if (rows !== undefined) {
      this.#bar?.total(rows);
      this.#bar?.update(rows);
    }
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

/**
 * Rows copied, and rows in all as far as the planner knows; 0 when it knows of too few. Its guess
 * may be too low, and it has none before the first ANALYZE.
 */
export function snapshotRows(tables: readonly SnapshotTable[]): { rows: number; total: number } {
  let [rows, total] = [0, 0];
  for (const table of tables) {
    rows += table.rows;
    total += table.done ? table.rows : Math.max(table.rows, table.rows_estimated ?? 0);
  }
  const done = tables.every((table) => table.done);
  return { rows, total: total > rows || done ? total : 0 };
}

/** `1234567` as `1,234,567`. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** A child's JSON line of log as `level: message`; any other line as it is. */
export function readable(line: string): { level: string; text: string } {
  try {
    const { level, message } = JSON.parse(line);
    if (typeof level === "string" && typeof message === "string") {
      return { level: level.toLowerCase(), text: message };
    }
  } catch {
    // Not JSON: it is text for people already.
  }
  return { level: "", text: line };
}
