/** A pipeline from a real broker into a real warehouse, in this process. */
import { Pool } from "../../src/batch/pool.ts";
import { debeziumCodec } from "../../src/decode/debezium/codec.ts";
import type { Applied } from "../../src/messages.ts";
import { Pipeline } from "../../src/pipeline.ts";
import { Warehouse } from "../../src/sink/warehouse/duckdb.ts";
import { KafkaSource } from "../../src/source/kafka/kafka.ts";
import { clusterOptions } from "./kafka_reading.ts";
import { query } from "./query.ts";
import { until } from "./until.ts";

const MB = 1024 * 1024;

export interface KafkaReplicaOptions {
  readonly brokers: string;
  readonly dataDir: string;
  readonly bufferedBytesMax?: number;
  readonly poolBytes: number;
  readonly idleCommitMs: number;
  readonly onBadRecord?: "stop" | "dead-letter";
  readonly onApplied?: (applied: Applied) => void;
}

/** Reads the topics of `bank`, and runs until it is disposed of. */
export class KafkaReplica implements AsyncDisposable {
  readonly #run: Promise<void>;
  #ended: { readonly fault?: unknown } | undefined;
  /** `until` has thrown the fault already. */
  #isTold = false;

  private constructor(
    private readonly warehouse: Warehouse,
    private readonly source: KafkaSource,
    private readonly pool: Pool,
    private readonly pipeline: Pipeline,
  ) {
    this.#run = pipeline.run();
    this.#run.then(() => this.#ended = {}, (fault) => this.#ended = { fault });
  }

  static async start(options: KafkaReplicaOptions): Promise<KafkaReplica> {
    const { brokers, dataDir, bufferedBytesMax, poolBytes, idleCommitMs } = options;
    const warehouse = await Warehouse.open({ dataDir, memoryBytes: 256 * MB });
    const source = new KafkaSource({
      ...clusterOptions(brokers, bufferedBytesMax === undefined ? {} : { bufferedBytesMax }),
      prefix: "bank",
      tables: ["public.*"],
      databaseUrl: undefined,
      patienceMs: 60_000,
      acceptSnapshot: false,
    }, debeziumCodec());
    const pool = new Pool(poolBytes);
    const pipeline = new Pipeline({
      source,
      sink: warehouse,
      pool,
      resnapshot: false,
      onBadRecord: options.onBadRecord ?? "stop",
      lettersMax: 10,
      idleCommitMs,
      onApplied: options.onApplied ?? (() => {}),
    });
    return new KafkaReplica(warehouse, source, pool, pipeline);
  }

  /** Waits for `condition`; throws what ended the run meanwhile. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    await until(what, () => {
      // Before the warehouse is asked, which is closed after that.
      if (this.#ended === undefined) return condition();
      this.#isTold = true;
      throw this.#ended.fault ?? new Error("the run has ended");
    });
  }

  /** Rows of a query on the warehouse, on a connection of its own, in DuckDB's text forms. */
  async query(sql: string): Promise<unknown[][]> {
    return await query(this.warehouse, sql);
  }

  /** Ends the run, which must not have failed, with every batch at home. */
  async stop(): Promise<void> {
    this.pipeline.stop();
    await this.#run.catch((fault) => {
      if (!this.#isTold) throw fault;
    });
    this.pool[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } finally {
      await this.source.close();
      await this.warehouse.close();
    }
  }
}
