/** Prints a bench's rows as a table, and writes them as JSON with what they were measured on. */

import { cpuUsage } from "node:process";

/** What every bench takes. */
export interface BenchOptions {
  rows?: number;
  /** The memory budget, MB. */
  totalMb: number;
  /** Where several are measured: these. */
  budgetsMb: number[];
  /** Words after the bench's name; none: everything. */
  only: string[];
  /** Changes a second, where the bench makes its own traffic. */
  rate?: number;
  /** How long, where the bench runs for a time that is chosen. */
  minutes?: number;
}

/** One line of the table. */
export interface Row {
  what: string;
  rows: number;
  seconds: number;
  /** Greatest resident memory of the process seen while it ran, in MB; absent where not sampled. */
  rssMb?: number;
  /** CPU time of this process, user and system, in s; absent where not taken. */
  cpuSeconds?: number;
  /** What else was measured, by its column's name, unit included. */
  figures?: Record<string, number>;
  /** A sentence on how it was measured. */
  note: string;
}

/** Prints and writes; the last row is what the others are compared with. */
export async function report(name: string, rows: Row[]): Promise<void> {
  const base = rows.at(-1)!;
  const rate = (row: Row) => row.rows / row.seconds;
  console.table(Object.fromEntries(rows.map((row) => [row.what, {
    rows: row.rows,
    "s": row.seconds.toFixed(2),
    "rows/s": Math.round(rate(row)),
    [`of ${base.what}`]: (rate(row) / rate(base)).toFixed(2),
    "CPU s": row.cpuSeconds?.toFixed(2) ?? "",
    "RSS MB": row.rssMb ?? "",
    ...row.figures,
  }])));
  for (const row of rows) console.log(`${row.what}: ${row.note}`);
  const file = `dist/bench-${name}.json`;
  await Deno.mkdir("dist", { recursive: true });
  const machine = {
    date: new Date().toISOString(),
    cores: navigator.hardwareConcurrency,
    memoryMb: Math.round(Deno.systemMemoryInfo().total / 1024 / 1024),
    deno: Deno.version.deno,
  };
  await Deno.writeTextFile(file, JSON.stringify({ name, machine, rows }, null, 2) + "\n");
  console.log(`Written to ${file}.`);
}

/** Samples the process's resident memory until disposed. */
export class RssSampler implements Disposable {
  maxMb = 0;
  readonly #timer = setInterval(() => this.#sample(), 50);

  #sample(): void {
    this.maxMb = Math.max(this.maxMb, Math.round(Deno.memoryUsage().rss / 1024 / 1024));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Seconds of time and of this process's CPU since it was made. */
export class Stopwatch {
  readonly #at = performance.now();
  readonly #cpu = cpuUsage();

  read(): { seconds: number; cpuSeconds: number } {
    const { user, system } = cpuUsage(this.#cpu);
    return { seconds: (performance.now() - this.#at) / 1000, cpuSeconds: (user + system) / 1e6 };
  }
}
