/**
 * A whole pipeline in this process, from a real PostgreSQL into a real warehouse file, for tests
 * that look inside. Tests that kill use a process of their own: process.ts.
 */
import { Pool } from "../../src/batch/pool.ts";
import { planBudget } from "../../src/budget.ts";
import type { Fault } from "../../src/errors.ts";
import type { Applied } from "../../src/messages.ts";
import { Pipeline } from "../../src/pipeline.ts";
import { Warehouse } from "../../src/sink/warehouse/duckdb.ts";
import { postgresCodec } from "../../src/decode/codec.ts";
import { PostgresSource } from "../../src/source/postgres/postgres.ts";
import type { TestDatabase } from "./postgres.ts";
import { query } from "./query.ts";

/** What differs from the defaults. */
export interface ReplicaOptions {
  dataDir: string;
  tables?: string[];
  resnapshot?: boolean;
  totalMb?: number;
  /** Bytes of the batch pool, to make batches small. */
  poolBytes?: number;
  /** The pool itself, for a test that watches it. */
  pool?: Pool;
  messageBytesMax?: number;
}

/** A running pipeline. Disposing it stops it, and asserts that every batch came home. */
export class Replica implements AsyncDisposable {
  /** Resolves when the run has ended: with its fault, or nothing after a stop. */
  readonly ended: Promise<Fault | undefined>;
  #closed = false;

  private constructor(
    readonly pipeline: Pipeline,
    readonly warehouse: Warehouse,
    private readonly source: PostgresSource,
    private readonly pool: Pool,
    readonly database: TestDatabase,
    /** Every commit so far. */
    readonly applied: Applied[],
  ) {
    this.ended = pipeline.run().then(() => undefined, (fault) => fault);
  }

  static async start(database: TestDatabase, options: ReplicaOptions): Promise<Replica> {
    const { areaBytes } = planBudget(options.totalMb ?? 512);
    const warehouse = await Warehouse.open({
      dataDir: options.dataDir,
      memoryBytes: areaBytes.managed,
    });
    const source = new PostgresSource({
      url: database.url,
      tables: options.tables ?? ["public.*"],
      publication: database.name,
      slot: database.name,
      snapshotConnections: 2,
      statusIntervalMs: 1000,
      messageBytesMax: options.messageBytesMax ?? areaBytes.network / 2,
    }, postgresCodec);
    const pool = options.pool ?? new Pool(options.poolBytes ?? areaBytes["task-off-heap"]);
    const applied: Applied[] = [];
    const pipeline = new Pipeline({
      source,
      sink: warehouse,
      pool,
      resnapshot: options.resnapshot ?? false,
      onBadRecord: "stop",
      lettersMax: 0,
      idleCommitMs: 50,
      onApplied: (each) => applied.push(each),
    });
    return new Replica(pipeline, warehouse, source, pool, database, applied);
  }

  /** Resolves when everything committed at the source until now is applied; throws its fault. */
  async caughtUp(): Promise<void> {
    const target = await this.database.currentLsn();
    await this.until(() => this.pipeline.durableLsn >= target && this.pipeline.status().connected);
  }

  /** Waits for `condition`; throws the fault that ended the run meanwhile. */
  async until(condition: () => boolean): Promise<void> {
    let ended: Fault | undefined | "running" = "running";
    void this.ended.then((fault) => ended = fault);
    while (!condition()) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (ended !== "running") throw ended ?? new Error("the pipeline has stopped");
    }
  }

  /** Rows of a query on the warehouse, on a connection of its own, in DuckDB's text forms. */
  async query(sql: string): Promise<unknown[][]> {
    return await query(this.warehouse, sql);
  }

  async stop(): Promise<Fault | undefined> {
    if (this.#closed) return await this.ended;
    this.#closed = true;
    this.pipeline.stop();
    const fault = await this.ended;
    await this.source.close();
    await this.warehouse.close();
    this.pool[Symbol.dispose]();
    return fault;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
