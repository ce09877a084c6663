/**
 * The ingest isolate: a web Worker that owns the source, the batches and the warehouse file. It
 * talks to main by the messages of messages.ts, and to nobody else.
 */
import { isTight, tuneDuckdb } from "./allocator.ts";
import { planBudget } from "./budget.ts";
import type { Config } from "./config.ts";
import { toFaultData } from "./errors.ts";
import { whenThereIsRoom } from "./ingest_room.ts";
import { forwardLogging, logger } from "./log.ts";
import type { IngestStatus, Refusal, StartOptions, ToIngest, ToMain } from "./messages.ts";
import { Pool } from "./batch/pool.ts";
import { Pipeline } from "./pipeline.ts";
import { Warehouse } from "./sink/warehouse/duckdb.ts";
import { WarehouseReader } from "./sink/warehouse/reader.ts";
import { RefusalError } from "./sink/warehouse/refusal.ts";
import { LOG_COLUMNS } from "./sink/warehouse/tables.ts";
import { SIGN_MS, Silence } from "./silence.ts";
import { formatLsn } from "./source/position.ts";
import { countColumns, makeSource } from "./sources.ts";
import type { Source, SourceHealth } from "./source/source.ts";

/** How often main hears how we are. */
const STATUS_MS = 500;
/** How often the server and DuckDB are asked how they are. */
const LOOK_MS = 2000;

/** A worker's own side of its port. */
interface WorkerPort {
  postMessage(message: ToMain): void;
  addEventListener(type: "message", listener: (event: MessageEvent<ToIngest>) => void): void;
  close(): void;
}

const port = self as unknown as WorkerPort;
const log = logger("service");

/** Everything that lives from `start` to `stop`. */
class Ingest {
  #health: SourceHealth | undefined;
  /** What the server had at each look, as far as it is not decoded yet; the oldest first. */
  readonly #ahead: { atMs: number; end: number }[] = [];
  #silentSinceMs: number | null = null;
  #duckdbBytes = 0;
  readonly #isOver = Promise.withResolvers<void>();
  /** The question to DuckDB that is under way: its file must not be closed before the answer. */
  #asking: Promise<number> | undefined;
  readonly #asked = new Map<number, AbortController>();

  private constructor(
    private readonly pipeline: Pipeline,
    private readonly source: Source,
    private readonly warehouse: Warehouse,
    private readonly reader: WarehouseReader,
    private readonly pool: Pool,
  ) {}

  static async open(config: Config, options: StartOptions): Promise<Ingest> {
    const budget = planBudget(config.SLUICE_MEMORY_TOTAL_MB);
    const { areaBytes } = budget;
    const warehouse = await Warehouse.open({
      dataDir: config.SLUICE_DATA_DIR,
      memoryBytes: areaBytes.managed,
      retentionMs: config.SLUICE_HISTORY_RETENTION,
      countColumns: () => countColumns(config, LOG_COLUMNS.length),
      onLarge: isTight(budget.totalBytes)
        ? (isLarge) => tuneDuckdb(budget.totalBytes, isLarge)
        : undefined,
    });
    tuneDuckdb(budget.totalBytes);
    const source = makeSource(config, areaBytes.network, options.acceptSnapshot);
    const pool = new Pool(areaBytes["task-off-heap"]);
    const pipeline = new Pipeline({
      source,
      sink: warehouse,
      pool,
      resnapshot: options.resnapshot,
      onBadRecord: config.SLUICE_ON_BAD_RECORD,
      lettersMax: config.SLUICE_DEAD_LETTERS_MAX,
      idleCommitMs: config.SLUICE_IDLE_COMMIT_SECONDS * 1000,
      onApplied: (applied) => port.postMessage({ kind: "applied", applied }),
    });
    const { instance, questions } = warehouse;
    const reader = new WarehouseReader(instance, { questions });
    return new Ingest(pipeline, source, warehouse, reader, pool);
  }

  /** Runs until `stop`, then closes everything. */
  async run(): Promise<void> {
    const report = setInterval(() => this.#report(), STATUS_MS);
    const looking = this.#keepLooking();
    this.#report();
    try {
      await this.pipeline.run();
    } finally {
      clearInterval(report);
      this.#report();
      this.#isOver.resolve();
      await Promise.allSettled([looking, this.#asking]);
      for (const asked of this.#asked.values()) asked.abort();
      await this.source.close();
      await this.reader.close();
      await this.warehouse.close();
      this.pool[Symbol.dispose]();
    }
  }

  stop(): void {
    this.pipeline.stop();
  }

  async answer(message: ToIngest & { kind: "ask" }): Promise<void> {
    const { id, question } = message;
    const controller = new AbortController();
    this.#asked.set(id, controller);
    try {
      const answer = await this.reader.ask(question, controller.signal);
      port.postMessage({ kind: "answer", id, answer });
    } catch (error) {
      port.postMessage({ kind: "refused", id, refusal: toRefusal(error) });
    } finally {
      this.#asked.delete(id);
    }
  }

  cancel(id: number): void {
    this.#asked.get(id)?.abort();
  }

  #report(): void {
    const { serverLsn = null, end = 0 } = this.#health ?? {};
    const { decoded } = this.pipeline;
    const behind = decoded === 0 ? 0 : Math.max(0, end - decoded);
    const status: IngestStatus = {
      ...this.pipeline.status(),
      serverLsn: serverLsn === null ? null : formatLsn(serverLsn),
      lagBytes: serverLsn === null ? null : behind,
      lagRecords: serverLsn === null ? behind : null,
      behindSinceMs: this.#behindSinceMs(),
      memoryUsedBytes: {
        "task-heap": Deno.memoryUsage().heapUsed,
        "task-off-heap": this.pool.bytes,
        "managed": this.#duckdbBytes,
        "network": this.pipeline.bufferedBytes,
      },
    };
    port.postMessage({ kind: "status", status });
  }

  /** One look after the other until the run is over. */
  async #keepLooking(): Promise<void> {
    let isOver = false;
    void this.#isOver.promise.then(() => isOver = true);
    while (!isOver) {
      await Promise.race([this.#look(), this.#isOver.promise]);
      const pause = Promise.withResolvers<void>();
      const timer = setTimeout(pause.resolve, LOOK_MS);
      await Promise.race([pause.promise, this.#isOver.promise]);
      clearTimeout(timer);
    }
  }

  /** Looks at what only asking tells: the server's WAL, DuckDB's memory. */
  async #look(): Promise<void> {
    try {
      this.#duckdbBytes = await (this.#asking = this.warehouse.memoryBytes());
      const before = this.#health;
      this.#health = await this.source.health();
      this.#warnOfSlot(before);
      this.#silentSinceMs = null;
      this.#ahead.push({ atMs: Date.now(), end: this.#health.end });
    } catch (error) {
      // The pipeline's own connection says what is wrong; here it only means: nothing new.
      this.#silentSinceMs ??= Date.now();
      log.debug("no word of the source's health: {error}", { error: String(error) });
    }
  }

  /**
   * Since when the source has what was not decoded here. Under steady traffic it always has
   * some; only what it had for more than a look is lag.
   */
  #behindSinceMs(): number | null {
    const { decoded } = this.pipeline;
    while (this.#ahead.length > 0 && this.#ahead[0].end <= decoded) this.#ahead.shift();
    const oldest = this.#ahead[0]?.atMs;
    if (oldest !== undefined && Date.now() - oldest > LOOK_MS) return oldest;
    return this.#silentSinceMs;
  }

  #warnOfSlot(before: SourceHealth | undefined): void {
    const slot = this.#health?.slot;
    if (!slot || slot.walStatus === before?.slot?.walStatus) return;
    const { walStatus, safeWalBytes } = slot;
    if (!["unreserved", "lost"].includes(walStatus)) return;
    log.warn(
      "the source is about to remove WAL that the slot still needs (wal_status {status}, " +
        "{bytes} bytes left): raise max_slot_wal_keep_size there, or find out why we are behind",
      { status: walStatus, bytes: safeWalBytes },
    );
  }
}

function toRefusal(error: unknown): Refusal {
  if (error instanceof RefusalError) return error.refusal;
  log.error("a question failed: {error}", {
    error: error instanceof Error ? error.stack ?? error.message : String(error),
  });
  return {
    status: 503,
    title: "The warehouse could not answer",
    detail: error instanceof Error ? error.message : String(error),
  };
}

let ingest: Ingest | undefined;
/** Asked to stop, maybe before there was anything to stop. */
let isStopping = false;

/** For the message before the process is killed. */
const LAST_WORDS_MS = 200;

/** Main's; made at the start, when its limit is known. */
let silence: Silence | undefined;

/**
 * The isolates watch each other from the start to the end: a warehouse whose log is long may take
 * its time to open.
 */
function watchMain(config: Config): Disposable {
  silence = new Silence(config.SLUICE_HANG_SECONDS * 1000 / SIGN_MS);
  const timer = setInterval(() => {
    port.postMessage({ kind: "alive" });
    if (silence!.tick()) endWithMain(config.SLUICE_HANG_SECONDS);
  }, SIGN_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/**
 * Main hangs, which serves HTTP and writes the log. `Deno.exit` would end this isolate only, so the
 * process is killed: by SIGALRM, whose exit code nothing else has.
 */
function endWithMain(seconds: number): void {
  const text = `sluice: the main isolate gave no sign of life for ${seconds} s, so ingest ends ` +
    "the process. Start Sluice again; nothing is lost.\n";
  // Not waited for: whoever reads it may be why main hangs, and then there is nobody to tell.
  Deno.stderr.write(new TextEncoder().encode(text)).catch(() => {});
  const signal = Deno.build.os === "windows" ? "SIGKILL" : "SIGALRM";
  setTimeout(() => Deno.kill(Deno.pid, signal), LAST_WORDS_MS);
}

async function start(config: Config, options: StartOptions): Promise<void> {
  using _watching = watchMain(config);
  try {
    await forwardLogging(config, (record) => port.postMessage({ kind: "log", record }));
    ingest = await whenThereIsRoom(
      () => Ingest.open(config, options),
      (status) => port.postMessage({ kind: "status", status }),
      () => isStopping,
    );
    if (isStopping) ingest?.stop();
    await ingest?.run();
    port.postMessage({ kind: "stopped" });
  } catch (error) {
    port.postMessage({ kind: "failed", fault: toFaultData(error) });
  }
  port.close();
}

port.addEventListener("message", ({ data }) => {
  silence?.heard();
  if (data.kind === "alive") return;
  if (data.kind === "start") void start(data.config, data.options);
  else if (data.kind === "stop") {
    isStopping = true;
    ingest?.stop();
  } else if (data.kind === "cancel") ingest?.cancel(data.id);
  else if (ingest !== undefined) void ingest.answer(data);
  else {
    const refusal: Refusal = {
      status: 503,
      title: "The warehouse is not open yet",
      detail: "Sluice is starting: ask again in a moment.",
    };
    port.postMessage({ kind: "refused", id: data.id, refusal });
  }
});

/** Faults that are thrown, not posted, would end the worker in silence. */
self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  port.postMessage({ kind: "failed", fault: toFaultData(event.reason) });
});
