/**
 * The main isolate: HTTP, metrics, and watching over the ingest isolate. What can't be retried
 * ends the process with its own exit code (errors.ts); a restart goes on from what is durable.
 */
import { parseArgs } from "node:util";
import { collectGarbage, tuneProcess } from "./allocator.ts";
import { createApp } from "./api/app.ts";
import { type Budget, planBudget } from "./budget.ts";
import { type Config, parseHttpAddr, readConfig, requireSource, settingsHelp } from "./config.ts";
import { Fault } from "./errors.ts";
import { IngestClient } from "./ingest_client.ts";
import { logger, startLogging, stopLogging } from "./log.ts";
import type { IngestStatus, StartOptions } from "./messages.ts";
import { Metrics } from "./metrics.ts";
import { DUCKDB_VERSION, VERSION } from "./version.ts";

/** How long a stop may take to drain and confirm; then the process ends all the same. */
const DRAIN_MS_MAX = 9_000;
const HEAP_CHECK_MS = 1000;
const PROGRESS_MS = 5000;

const HELP = `Usage: sluice serve [--resnapshot | --accept-snapshot]

Keeps the warehouse equal to the source, and answers queries about it over HTTP.

  --resnapshot       fill the warehouse again. From PostgreSQL: drops the replication slot, and
                     what is there now stays readable until the new snapshot is complete. From
                     Kafka: empties the tables, and reads the topics from their beginning, or from
                     the connector's last snapshot if it took a second one
  --accept-snapshot  from Kafka: the connector took a second snapshot; take the rows as they are
  --help             this text

Stops on SIGTERM or Ctrl-C: what was read is applied and confirmed first.

Settings (environment variables):
${settingsHelp()}
`;

const log = logger("service");

/** The `serve` mode. Resolves with the exit code. */
export async function runServe(args: string[], env: Record<string, string>): Promise<number> {
  const options = parseOptions(args);
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const config = readConfig(env);
  requireSource(config);
  const budget = planBudget(config.SLUICE_MEMORY_TOTAL_MB);
  await startLogging(config);
  tuneProcess(budget.totalBytes);
  try {
    return await new Service(config, budget).run(options);
  } finally {
    await stopLogging();
  }
}

function parseOptions(args: string[]): StartOptions & { help: boolean } {
  try {
    const { values } = parseArgs({
      args,
      options: {
        help: { type: "boolean", short: "h", default: false },
        "resnapshot": { type: "boolean", default: false },
        "accept-snapshot": { type: "boolean", default: false },
      },
    });
    const { help, resnapshot, "accept-snapshot": acceptSnapshot } = values;
    return { help, resnapshot, acceptSnapshot };
  } catch (error) {
    throw new Fault("usage", {
      what: `serve does not take these options: ${error instanceof Error ? error.message : error}`,
      received: args.join(" "),
      allowed: "--resnapshot, --accept-snapshot, --help",
    });
  }
}

class Service {
  readonly #startedAtMs = Date.now();
  readonly #metrics: Metrics;
  readonly #ingest: IngestClient;
  #status: IngestStatus | null = null;
  #statusAtMs: number | null = null;
  #loggedPhase = "";

  constructor(private readonly config: Config, private readonly budget: Budget) {
    this.#metrics = new Metrics({
      version: VERSION,
      deno: Deno.version.deno,
      duckdb: DUCKDB_VERSION,
      budget,
      startedAtMs: this.#startedAtMs,
      now: Date.now,
    });
    this.#ingest = new IngestClient(config, {
      onStatus: (status) => this.#onStatus(status),
      onApplied: (applied) => this.#metrics.applied(applied),
    });
  }

  async run({ resnapshot, acceptSnapshot }: StartOptions): Promise<number> {
    const stopped = this.#stopOnSignals();
    const server = this.#listen();
    const heapFault = this.#watchHeap();
    const progress = setInterval(() => this.#logProgress(), PROGRESS_MS);
    this.#ingest.start({ resnapshot, acceptSnapshot });
    const fault = await Promise.race([this.#ingest.ended, heapFault, stopped]);
    clearInterval(progress);
    // Requests under way get their answers; a client that never reads must not hold us up.
    await Promise.race([server.shutdown(), new Promise((resolve) => setTimeout(resolve, 500))]);
    if (fault === undefined) {
      log.info("stopped at {lsn}", { lsn: this.#status?.lsn ?? "0/0" });
      return 0;
    }
    if (fault.stack !== undefined && fault.kind === "bug") log.error(fault.stack);
    log.error(fault.message);
    if (!Deno.stdout.isTerminal()) console.error(`sluice: ${fault.message}`);
    return fault.exit;
  }

  #listen(): Deno.HttpServer<Deno.NetAddr> {
    const address = parseHttpAddr(this.config.SLUICE_HTTP_ADDR)!; // checked by readConfig
    const app = createApp({
      ask: (question, signal) => this.#ingest.ask(question, signal),
      status: () => this.#status,
      statusAtMs: () => this.#statusAtMs,
      now: Date.now,
      startedAtMs: this.#startedAtMs,
      version: VERSION,
      metrics: this.#metrics,
      loopback: isLoopback(address.hostname),
      config: this.config,
    });
    try {
      return Deno.serve({
        ...address,
        onListen: ({ hostname, port }) => {
          const host = hostname.includes(":") ? `[${hostname}]` : hostname;
          log.info("listening on {url}", { url: `http://${host}:${port}` });
        },
      }, app.fetch);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new Fault("port", {
        what: `SLUICE_HTTP_ADDR can't be listened on: ${error.message}`,
        received: this.config.SLUICE_HTTP_ADDR,
        todo: "Stop what listens there, or set SLUICE_HTTP_ADDR to another address.",
      }, { cause: error });
    }
  }

  /** Resolves when a stop was asked for and has taken too long. */
  #stopOnSignals(): Promise<undefined> {
    const overdue = Promise.withResolvers<undefined>();
    let asked = false;
    const stop = () => {
      if (asked) Deno.exit(130); // a second Ctrl-C: at once; nothing is lost by it
      asked = true;
      log.info("stopping: applying and confirming what was read");
      this.#ingest.stop();
      setTimeout(() => {
        log.warn("the stop took too long; what is not confirmed is read again after a restart");
        overdue.resolve(undefined);
      }, DRAIN_MS_MAX);
    };
    Deno.addSignalListener("SIGINT", stop);
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", stop);
    return overdue.promise;
  }

  /** One V8 flag bounds every isolate, so main sees to its own smaller share itself. */
  #watchHeap(): Promise<Fault> {
    const found = Promise.withResolvers<Fault>();
    const limit = this.budget.areaBytes["framework-heap"];
    const timer = setInterval(() => {
      if (Deno.memoryUsage().heapUsed <= limit) return;
      collectGarbage(); // V8 lets garbage lie for as long as its own, larger limit allows
      const { heapUsed } = Deno.memoryUsage();
      if (heapUsed <= limit) return;
      clearInterval(timer);
      found.resolve(
        new Fault("heap", {
          what: "the main isolate's heap is larger than its share of the memory budget",
          received: `${heapUsed} bytes`,
          allowed: `${limit} bytes`,
          todo: "Start Sluice again; if it comes back, raise SLUICE_MEMORY_TOTAL_MB.",
        }),
      );
    }, HEAP_CHECK_MS);
    return found.promise;
  }

  #onStatus(status: IngestStatus): void {
    this.#status = status;
    this.#statusAtMs = Date.now();
    this.#metrics.status(status);
    if (status.phase === this.#loggedPhase) return;
    this.#loggedPhase = status.phase;
    if (status.phase === "streaming") {
      for (const { table, reason } of status.leftOut) {
        log.warn("{table} is not replicated: {reason}", { table, reason });
      }
    }
  }

  #logProgress(): void {
    if (this.#status?.phase !== "snapshot") return;
    for (const { table, rows, rowsEstimated, done } of this.#status.snapshot) {
      if (done || rows === 0) continue;
      const of = rowsEstimated > 0 ? ` of about ${rowsEstimated}` : "";
      log.info("snapshot: {table} {rows}{of} rows", { table, rows, of });
    }
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
