/**
 * What an operator needs, for Prometheus. One registry for each instance, no global state. What is
 * a state (positions, lag, memory) is read from the last status at the moment of the scrape, so
 * that an age grows while nothing happens.
 *
 * prom-client's default metrics are not used: they read Node's internals (event loop, handles, GC)
 * that mean little or nothing under Deno.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Area, Budget } from "./budget.ts";
import type { Applied, IngestStatus } from "./messages.ts";
import { parseLsn } from "./source/position.ts";

/** What does not change while the process lives. */
export interface MetricsOptions {
  version: string;
  deno: string;
  duckdb: string;
  budget: Budget;
  /** Milliseconds since 1970. */
  startedAtMs: number;
  /** The clock, in ms since 1970. */
  now(): number;
  /** Memory of this process and this isolate, in bytes. Default `Deno.memoryUsage`. */
  memoryUsage?(): { rss: number; heapUsed: number };
}

/**
 * How far we are behind, in seconds: 0 when caught up, else the age of the oldest commit that the
 * source has and the warehouse has not. Never below 0, whatever the two machines' clocks say.
 */
export function lagSeconds(status: IngestStatus, nowMs: number): number {
  const since = [status.oldestUnappliedMs, status.behindSinceMs].filter((ms) => ms !== null);
  return since.length === 0 ? 0 : Math.max(0, (nowMs - Math.min(...since)) / 1000);
}

const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const VISIBLE_SECONDS = [
  ...[0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60],
];
const HTTP_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];

/** An area of the memory budget, in bytes; null where its use can't be measured. */
export interface MemoryArea {
  readonly area: Area;
  readonly limitBytes: number;
  readonly usedBytes: number | null;
  /** The greatest use seen, as of the reports that ingest sends twice a second. */
  readonly highBytes: number | null;
}

/** The memory budget and what became of it; what RSS has beyond the areas' sum is the gap. */
export interface MemoryReport {
  readonly totalBytes: number;
  readonly rssBytes: number;
  readonly rssHighBytes: number;
  readonly gapBytes: number;
  readonly areas: MemoryArea[];
}

/** See the top of this file. */
export class Metrics {
  readonly #highBytes = new Map<Area, number>();
  #rssHighBytes = 0;
  readonly #registry = new Registry();
  #status: IngestStatus | null = null;
  #ready = false;

  readonly #changes = this.#counter("changes_total", "Changes applied to the warehouse.", [
    "table",
    "op",
  ]);
  readonly #transactions = this.#counter("transactions_total", "Source transactions applied.");
  readonly #commits = this.#counter("commits_total", "Durable commits of the warehouse.");
  readonly #commitSeconds = this.#histogram(
    "commit_seconds",
    "How long a commit of the warehouse took.",
    COMMIT_SECONDS,
  );
  readonly #visibleSeconds = this.#histogram(
    "commit_to_visible_seconds",
    "From a transaction's commit at the source until it was visible here, by both clocks.",
    VISIBLE_SECONDS,
  );
  readonly #requests = this.#counter("http_requests_total", "HTTP requests answered.", [
    "route",
    "method",
    "status",
  ]);
  readonly #requestSeconds = this.#histogram(
    "http_request_seconds",
    "How long an HTTP request took.",
    HTTP_SECONDS,
    ["route", "method"],
  );

  constructor(private readonly options: MetricsOptions) {
    this.#constants();
    this.#sourceGauges();
    this.#snapshotGauges();
    this.#memoryGauges();
  }

  /** Content type of {@linkcode render}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Counts one durable commit. */
  applied(applied: Applied): void {
    for (const { table, counts } of applied.tables) {
      for (const [op, count] of Object.entries(counts)) this.#changes.inc({ table, op }, count);
    }
    this.#transactions.inc(applied.transactions);
    this.#commits.inc();
    this.#commitSeconds.observe(applied.commitMs / 1000);
    for (const ms of applied.commitToVisibleMs) {
      this.#visibleSeconds.observe(Math.max(0, ms) / 1000);
    }
  }

  /** Takes the newest status; the gauges show it at the next scrape. */
  status(status: IngestStatus): void {
    this.#status = status;
    this.memory();
  }

  /** The memory budget, its areas' use now, and the greatest seen. */
  memory(): MemoryReport {
    const { rss, heapUsed } = (this.options.memoryUsage ?? Deno.memoryUsage)();
    const { totalBytes, areaBytes } = this.options.budget;
    const used: Partial<Record<Area, number>> = {
      ...this.#status?.memoryUsedBytes,
      "framework-heap": heapUsed,
    };
    let sum = 0;
    for (const [area, bytes] of Object.entries(used) as [Area, number][]) {
      this.#highBytes.set(area, Math.max(bytes, this.#highBytes.get(area) ?? 0));
      sum += bytes;
    }
    this.#rssHighBytes = Math.max(this.#rssHighBytes, rss);
    return {
      totalBytes,
      rssBytes: rss,
      rssHighBytes: this.#rssHighBytes,
      gapBytes: rss - sum,
      areas: (Object.entries(areaBytes) as [Area, number][]).map(([area, limitBytes]) => ({
        area,
        limitBytes,
        usedBytes: used[area] ?? null,
        highBytes: this.#highBytes.get(area) ?? null,
      })),
    };
  }

  /** What `/readyz` says now. */
  ready(ready: boolean): void {
    this.#ready = ready;
  }

  /** Counts one answered request. `route` is the pattern, never the path: paths are unbounded. */
  request(route: string, method: string, status: number, seconds: number): void {
    this.#requests.inc({ route, method, status: String(status) });
    this.#requestSeconds.observe({ route, method }, seconds);
  }

  /** Everything in Prometheus' text format. */
  async render(): Promise<string> {
    return await this.#registry.metrics();
  }

  #constants(): void {
    const { version, deno, duckdb, startedAtMs, budget } = this.options;
    const labels = ["version", "deno", "duckdb"];
    this.#gauge("build_info", "Always 1; the labels say what runs.", labels, (gauge) => {
      gauge.set({ version, deno, duckdb }, 1);
    });
    this.#plainGauge("process_start_time_seconds", "Start of the process, in s since 1970.", () => {
      return startedAtMs / 1000;
    });
    this.#gauge("memory_limit_bytes", "Limit of an area of the memory budget.", ["area"], (g) => {
      for (const [area, bytes] of Object.entries(budget.areaBytes)) g.set({ area }, bytes);
    });
    this.#plainGauge("sluice_up", "1 while this process answers.", () => 1);
    this.#plainGauge("sluice_ready", "1 when /readyz answers 200.", () => this.#ready ? 1 : 0);
  }

  #sourceGauges(): void {
    const { now } = this.options;
    this.#of("lag_seconds", "Age of the oldest commit not yet applied; 0 when caught up.", (s) => {
      return lagSeconds(s, now());
    });
    this.#of("lag_bytes", "WAL of the source that is not yet applied.", (s) => s.lagBytes ?? NaN);
    this.#of("lag_records", "Records of topics not yet applied.", (s) => s.lagRecords ?? NaN);
    this.#of("source_connected", "1 while connected to the source.", (s) => Number(s.connected));
    this.#of("position_lsn", "Durable position here, as a number.", (s) => parseLsn(s.lsn));
    this.#of("server_lsn", "End of the source's WAL, as it last told us.", (s) => lsn(s.serverLsn));
    this.#of("confirmed_lsn", "Position confirmed to the source.", (s) => lsn(s.confirmedLsn));
    this.#deadLetters();
    this.#of("tables_left_out", "Matching tables that are not replicated.", (s) => {
      return s.leftOut.length;
    });
  }

  /** Counted by ingest, since it outlives a restart; shown as the counter that it is. */
  #deadLetters(): void {
    const count = () => this.#status?.deadLetters ?? 0;
    new Counter({
      name: "sluice_dead_letters_total",
      help: "Changes that were set aside.",
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(count());
      },
    });
  }

  #snapshotGauges(): void {
    const perTable = ["table"];
    this.#of("snapshot_done", "1 when the snapshot is published.", (s) => Number(s.snapshotDone));
    this.#gauge("snapshot_rows", "Rows copied by the snapshot so far.", perTable, (gauge) => {
      for (const { table, rows } of this.#status?.snapshot ?? []) gauge.set({ table }, rows);
    });
    const estimated = "Rows that the source's planner expects; absent when it has no guess.";
    this.#gauge("snapshot_rows_estimated", estimated, perTable, (gauge) => {
      for (const { table, rowsEstimated } of this.#status?.snapshot ?? []) {
        if (rowsEstimated >= 0) gauge.set({ table }, rowsEstimated);
      }
    });
  }

  #memoryGauges(): void {
    const usage = this.options.memoryUsage ?? Deno.memoryUsage;
    this.#plainGauge("process_resident_memory_bytes", "Resident memory of the process.", () => {
      return usage().rss;
    });
    this.#gauge("memory_total_bytes", "The whole memory budget.", [], (gauge) => {
      gauge.set(this.options.budget.totalBytes);
    });
    this.#plainGauge(
      "sluice_memory_gap_bytes",
      "Resident memory beyond the sum of what the areas use.",
      () => this.memory().gapBytes,
    );
    const used = "Use of an area of the memory budget, for those areas that can be measured.";
    this.#gauge("memory_used_bytes", used, ["area"], (gauge) => {
      for (const { area, usedBytes } of this.memory().areas) {
        if (usedBytes !== null) gauge.set({ area }, usedBytes);
      }
    });
    const high = "The greatest use of an area seen, as of two reports a second.";
    this.#gauge("memory_high_bytes", high, ["area"], (gauge) => {
      for (const { area, highBytes } of this.memory().areas) {
        if (highBytes !== null) gauge.set({ area }, highBytes);
      }
    });
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: `sluice_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[], labelNames: string[] = []): Histogram {
    const registers = [this.#registry];
    return new Histogram({ name: `sluice_${name}`, help, buckets, labelNames, registers });
  }

  /** A gauge with labels that is made anew for each scrape, so that no label outlives its source. */
  #gauge(name: string, help: string, labelNames: string[], set: (gauge: Gauge) => void): void {
    new Gauge({
      name: `sluice_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        set(this);
      },
    });
  }

  #plainGauge(name: string, help: string, value: () => number): void {
    const registers = [this.#registry];
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  }

  /** A gauge read from the status; NaN, "not known", before there is one. */
  #of(name: string, help: string, value: (status: IngestStatus) => number): void {
    this.#plainGauge(`sluice_${name}`, help, () => {
      return this.#status === null ? NaN : value(this.#status);
    });
  }
}

function lsn(text: string | null): number {
  return text === null ? NaN : parseLsn(text);
}
