/** What `deno task dev` prints: steps, one line that changes in place, and complaints. */
import type { SnapshotTable } from "./readiness.ts";

const BAR_WIDTH = 30;

/** How often a progress is printed where a line can't change in place. */
const PLAIN_MS = 2000;

/** Writes to the terminal, or plain lines when there is none. */
export class Screen {
  readonly #started = performance.now();
  #inPlace = false;
  #plainAt = -Infinity;
  /** Where there is no terminal: the progress that came too soon after the last. */
  #unwritten: string | undefined;

  constructor(
    private readonly terminal = Deno.stdout.isTerminal(),
    private readonly write = (text: string) => {
      Deno.stdout.writeSync(new TextEncoder().encode(text));
    },
  ) {}

  /** Seconds since the start, as text. */
  get seconds(): string {
    return ((performance.now() - this.#started) / 1000).toFixed(1);
  }

  /** A step, with the time since the start before it. */
  step(text: string): void {
    this.line(`${this.seconds.padStart(6)} s  ${text}`);
  }

  line(text = ""): void {
    this.write(`${this.#inPlace ? "\r\u001b[K" : ""}${text}\n`);
    this.#inPlace = false;
  }

  /** A line that the next one replaces; where there is no terminal, now and then a line. */
  progress(text: string): void {
    if (this.terminal) {
      this.write(`\r\u001b[K${text}`);
      this.#inPlace = true;
    } else if (performance.now() - this.#plainAt >= PLAIN_MS) {
      this.#plainAt = performance.now();
      this.line(text);
      this.#unwritten = undefined;
    } else this.#unwritten = text;
  }

  /** The last progress stays on the screen, and what follows comes below it. */
  keepProgress(): void {
    if (this.#inPlace) this.write("\n");
    else if (this.#unwritten !== undefined) this.line(this.#unwritten);
    this.#inPlace = false;
    this.#unwritten = undefined;
  }

  /** Only on a terminal: a line that the next one replaces. */
  status(text: string): void {
    if (this.terminal) this.progress(text);
  }
}

/** `[#####-----] 50 %  1,000 of ~2,000 rows, 2 of 5 tables` */
export function snapshotBar(tables: readonly SnapshotTable[]): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const estimated = tables.reduce(
    // The planner's guess may be too low, and it is none at all before the first ANALYZE.
    (sum, table) =>
      sum + (table.done ? table.rows : Math.max(table.rows, table.rows_estimated ?? 0)),
    0,
  );
  const done = tables.filter((table) => table.done).length;
  const all = tables.length > 0 && done === tables.length;
  const share = all ? 1 : estimated === 0 ? 0 : Math.min(rows / estimated, 0.99);
  const bar = "#".repeat(Math.floor(share * BAR_WIDTH)).padEnd(BAR_WIDTH, "-");
  const percent = `${Math.floor(share * 100)} %`.padStart(5);
  const total = all || estimated <= rows ? "" : ` of ~${count(estimated)}`;
  return `          [${bar}] ${percent}  ${
    count(rows)
  }${total} rows, ${done} of ${tables.length} tables`;
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
