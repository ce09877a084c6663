/** Debezium's topics in Kafka as a source. See ../source.ts, and order.ts for what comes next. */
import type { TableLayout } from "../../batch/column.ts";
import type { Table } from "../../catalog/catalog.ts";
import { tableName } from "../../catalog/catalog.ts";
import { readCatalog } from "../../catalog/postgres.ts";
import type { DebeziumCodec } from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import { logger } from "../../log.ts";
import type { KafkaPosition, Position } from "../position.ts";
import { connect, toFault, whereOf } from "../postgres/connect.ts";
import type { ChangeStream, Filling, Source, SourceHealth } from "../source.ts";
import { connectCluster } from "./cluster.ts";
import type { Cluster, ClusterOptions } from "./feed.ts";
import { assertCluster, assertOrdered, heldOffsets, warnOfGaps } from "./held.ts";
import { Order } from "./order.ts";
import { beginning } from "./start.ts";
import { KafkaStream } from "./stream.ts";
import { TopicNames } from "./topics.ts";

const log = logger("source");

/** What the source needs of the settings and the budget. */
export interface KafkaOptions extends ClusterOptions {
  /** `topic.prefix` of the connector. */
  readonly prefix: string;
  /** `schema.table` patterns. */
  readonly tables: readonly string[];
  /** The source database, for exact types; undefined: they come from the events. */
  readonly databaseUrl: string | undefined;
  /** How long a transaction may lack changes after its END. */
  readonly patienceMs: number;
  /** A snapshot that began again is taken as it is. */
  readonly acceptSnapshot: boolean;
}

/** See the top of this file. */
export class KafkaSource implements Source {
  readonly filling: Filling = {
    kind: "stream",
    beginning: (last) => this.#beginning(last),
  };
  readonly #names: TopicNames;
  #order: Order | undefined;
  #stream: KafkaStream | undefined;
  #clusters = new Set<Cluster>();
  /** By `schema.table`; undefined: not read, or to be read again. */
  #catalog: Map<string, Table> | undefined;
  /** Names that were looked for in the catalogue as it is now. */
  readonly #missed = new Set<string>();

  constructor(private readonly options: KafkaOptions, private readonly codec: DebeziumCodec) {
    this.#names = new TopicNames(options.prefix, options.tables);
  }

  get leftOut(): readonly { table: string; reason: string }[] {
    return this.#order?.leftOut ?? [];
  }

  async stream(
    position: Position,
    layouts: readonly TableLayout[],
    nextSeq: number,
  ): Promise<ChangeStream> {
    this.#assertOurs(position);
    const cluster = this.#connect();
    try {
      assertCluster(position, await cluster.id());
      const offsets = await heldOffsets(cluster, position, this.#names);
      assertOrdered(offsets, this.#names);
      warnOfGaps(position, offsets);
      if (this.options.databaseUrl !== undefined) await this.#readCatalog();
      const { snapshot } = position;
      const order = this.#order = new Order({
        codec: this.codec,
        names: this.#names,
        position: this.options.acceptSnapshot
          ? { ...position, snapshot: { ...snapshot, again: null } }
          : position,
        layouts,
        nextSeq,
        patienceMs: this.options.patienceMs,
        known: (name) => this.#known(name),
        now: Date.now,
      });
      const { group } = this.options;
      const names = this.#names;
      const parts = { cluster, order, names, group, offsets };
      this.#stream = await KafkaStream.start(parts);
      log.info("reading {count} topics of {prefix} as {group}", {
        count: offsets.length,
        prefix: names.prefix,
        group,
      });
      return this.#stream;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** Reads the source's catalogue again, for a table that it did not have. */
  async verify(table: Table): Promise<void> {
    this.#missed.add(tableName(table));
    await this.#readCatalog();
  }

  async health(): Promise<SourceHealth> {
    const end = await this.#stream?.end() ?? 0;
    return { end, serverLsn: null, slot: null };
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#clusters].map((cluster) => cluster.close()));
    this.#clusters.clear();
  }

  #connect(): Cluster {
    const cluster = connectCluster(this.options);
    this.#clusters.add(cluster);
    return cluster;
  }

  /** See start.ts. */
  async #beginning(last: Position | null): Promise<KafkaPosition> {
    const cluster = this.#connect();
    try {
      const clusterId = await cluster.id();
      return await beginning(cluster, { clusterId, names: this.#names }, last);
    } finally {
      this.#clusters.delete(cluster);
      await cluster.close();
    }
  }

  #known(name: string): Table | undefined | null {
    if (this.#catalog === undefined) return undefined;
    const table = this.#catalog.get(name);
    return table === undefined && !this.#missed.has(name) ? null : table;
  }

  async #readCatalog(): Promise<void> {
    const { databaseUrl, tables } = this.options;
    if (databaseUrl === undefined) return;
    const sql = await connect(databaseUrl, { applicationName: "sluice" });
    try {
      const catalog = await readCatalog(sql, [...tables]).catch((error) => {
        throw toFault(error, { where: whereOf(sql), doing: "reading the catalogue" });
      });
      this.#catalog = new Map(catalog.tables.map((table) => [tableName(table), table]));
    } finally {
      await sql.end();
    }
  }

  #assertOurs(position: Position): asserts position is KafkaPosition {
    const lost = (what: string, received: string, allowed: string) =>
      new Fault("position-lost", {
        what,
        received,
        allowed,
        todo: "Give each source its own SLUICE_DATA_DIR, or fill the warehouse again: " +
          "`deno task serve --resnapshot`.",
      });
    if (position.kind !== "kafka") {
      throw lost(
        "the warehouse was filled from a write-ahead log, and SLUICE_SOURCE is kafka now",
        `a position of the slot ${position.slot}`,
        "a position in topics",
      );
    }
    if (position.prefix !== this.options.prefix) {
      throw lost(
        "SLUICE_KAFKA_TOPIC_PREFIX names another connector's topics than the warehouse was made from",
        this.options.prefix,
        position.prefix,
      );
    }
  }
}
