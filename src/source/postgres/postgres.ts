/** PostgreSQL as a source: its snapshot, its stream, its health. See ../source.ts. */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import type { TableLayout } from "../../batch/column.ts";
import { literal, type Table, tableName } from "../../catalog/catalog.ts";
import { type Catalog, readCatalog } from "../../catalog/postgres.ts";
import type { PostgresCodec } from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import { logger } from "../../log.ts";
import { formatLsn, parseLsn, type Position, type PostgresPosition } from "../position.ts";
import type {
  ChangeStream,
  Snapshot,
  SnapshotIntent,
  SnapshotSource,
  Source,
  SourceHealth,
  SourceIdentity,
} from "../source.ts";
import { connect, cut, toFault, whereOf } from "./connect.ts";
import { ensurePublication, readPublished } from "./publication.ts";
import { assertKey, lockTables, storageOf } from "./guard.ts";
import { readServer, type ServerFacts } from "./server.ts";
import {
  ask,
  assertResumable,
  createSlot,
  dropSlot,
  identify,
  isInTheWay,
  readSlot,
} from "./slot.ts";
import { importSnapshot, PostgresSnapshot } from "./snapshot.ts";
import { PostgresStream } from "./stream.ts";
import { Wire } from "./wire.ts";

const log = logger("source");

/** What the source needs of the settings and the budget. */
export interface PostgresOptions {
  url: string;
  tables: string[];
  publication: string;
  slot: string;
  snapshotConnections: number;
  statusIntervalMs: number;
  /** The largest message taken, in bytes. */
  messageBytesMax: number;
}

/** See the top of this file. */
export class PostgresSource implements Source, SnapshotSource {
  readonly filling = { kind: "snapshot", source: this } as const;
  #leftOut: { table: string; reason: string }[] = [];
  /** A connection for looking at the server's health, made again when it is lost. */
  #watcher: pg.Client | undefined;
  readonly #open = new Set<pg.Client>();
  #closed = false;

  constructor(
    private readonly options: PostgresOptions,
    private readonly codec: PostgresCodec,
  ) {}

  get leftOut(): readonly { table: string; reason: string }[] {
    return this.#leftOut;
  }

  async identify(): Promise<SourceIdentity> {
    const { slot } = this.options;
    const replication = await this.#connect(true);
    try {
      const { systemId, database } = await identify(replication);
      return { systemId, database, slot };
    } finally {
      await replication.end();
    }
  }

  async snapshot(mayReplaceSlot: boolean, intent: SnapshotIntent): Promise<Snapshot> {
    const clients: pg.Client[] = [];
    try {
      const sql = await this.#connect(false, clients);
      await readServer(sql);
      const planned = await this.#catalog(sql);
      if (planned.tables.length === 0) throw this.#nothingToDo(planned);
      if (await isInTheWay(sql, this.options.slot, mayReplaceSlot)) {
        // Before the drop: without it a warehouse that was whole would look for its lost slot.
        await intent.announce();
        await dropSlot(sql, this.options.slot);
      }
      if (mayReplaceSlot) await intent.release(); // from now on a slot of that name isn't ours
      // Before the slot: a publication made later would miss what was decoded until then. One that is
      // mended may have left changes out for an older slot, which must not be gone on from.
      await ensurePublication(sql, this.options.publication, planned.tables, async () => {
        await intent.announce();
        await intent.release();
      });

      const replication = await this.#connect(true, clients);
      const { systemId, timeline, database } = await identify(replication);
      const { consistentPoint, snapshotName } = await this.#createSlot(replication, intent);
      const readers: pg.Client[] = [];
      while (readers.length < Math.min(this.options.snapshotConnections, planned.tables.length)) {
        const reader = await this.#connect(false, clients);
        await importSnapshot(reader, snapshotName);
        readers.push(reader);
      }
      await lockTables(readers, planned.tables);
      const seen = await this.#catalog(readers[0]);
      const isSame = JSON.stringify(seen.tables) === JSON.stringify(planned.tables) &&
        await storageOf(readers[0], planned.tables) === await storageOf(sql, planned.tables);
      if (!isSame) {
        throw new Fault("connection", {
          what: "the source's tables changed while the snapshot was being set up",
          todo: "Sluice starts the snapshot again by itself.",
        });
      }
      const { slot } = this.options;
      await sql.end();
      return new PostgresSnapshot({
        tables: planned.tables,
        estimates: planned.estimates,
        position: { kind: "postgres", systemId, timeline, database, slot, lsn: consistentPoint },
        replication,
        readers,
        messageBytesMax: this.options.messageBytesMax,
        codec: this.codec,
      });
    } catch (error) {
      await Promise.allSettled(clients.map((client) => client.end()));
      throw error;
    }
  }

  async stream(
    position: Position,
    layouts: readonly TableLayout[],
    nextSeq: number,
  ): Promise<ChangeStream> {
    const clients: pg.Client[] = [];
    try {
      const sql = await this.#connect(false, clients);
      const server = await readServer(sql);
      assertOfPostgres(position);
      const catalog = await this.#catalog(sql);
      this.#leftOut = [...this.#leftOut, ...newTables(catalog, layouts)];
      const replication = await this.#connect(true, clients);
      const identity = await identify(replication);
      assertResumable(position, identity, await readSlot(sql, position.slot));
      const passOver = await this.#assertPublished(sql, layouts);
      await sql.end();
      const binary = this.codec.isBinary(layouts);
      log.info("streaming from {lsn} ({format} values)", {
        lsn: formatLsn(position.lsn),
        format: binary ? "binary" : "text",
      });
      return await PostgresStream.start(
        new Wire(replication, this.options.messageBytesMax),
        this.codec.stream(layouts, position.lsn, nextSeq, passOver),
        {
          slot: position.slot,
          publication: this.options.publication,
          from: position,
          binary,
          statusIntervalMs: this.#statusInterval(server),
        },
      );
    } catch (error) {
      await Promise.allSettled(clients.map((client) => client.end()));
      throw error;
    }
  }

  async verify(table: Table): Promise<void> {
    const sql = await this.#connect(false);
    try {
      await assertKey(sql, table);
    } finally {
      await sql.end();
    }
  }

  async health(): Promise<SourceHealth> {
    this.#watcher ??= await connect(this.options.url, {
      applicationName: "sluice health",
      onLost: () => this.#watcher = undefined,
    });
    const watcher = this.#watcher;
    try {
      const { rows: [row] } = await ask(
        watcher,
        `SELECT pg_current_wal_flush_lsn() AS lsn, s.wal_status, s.safe_wal_size
           FROM (SELECT) AS one LEFT JOIN pg_replication_slots s
             ON s.slot_name = ${literal(this.options.slot)}`,
        "looking at the replication slot",
      );
      const lsn = parseLsn(row.lsn);
      return {
        end: lsn,
        serverLsn: lsn,
        slot: {
          walStatus: row.wal_status ?? "none",
          safeWalBytes: row.safe_wal_size === null ? null : Number(row.safe_wal_size),
        },
      };
    } catch (error) {
      this.#watcher = undefined;
      void watcher.end().catch(() => {}); // it failed already; only its memory is to be freed
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#watcher !== undefined) this.#open.add(this.#watcher);
    for (const client of this.#open) cut(client);
    this.#open.clear();
    this.#watcher = undefined;
    await Promise.resolve();
  }

  async #connect(replication: boolean, into?: pg.Client[]): Promise<pg.Client> {
    if (this.#closed) throw new Fault("connection", { what: "Sluice is stopping" });
    const client = await connect(this.options.url, { replication, applicationName: "sluice" });
    this.#open.add(client);
    client.on("end", () => this.#open.delete(client));
    into?.push(client);
    return client;
  }

  async #catalog(sql: pg.Client): Promise<Catalog> {
    const catalog = await readCatalog(sql, this.options.tables).catch((error) => {
      throw toFault(error, { where: whereOf(sql), doing: "reading the catalogue" });
    });
    this.#leftOut = catalog.leftOut.map(({ table, reason }) => ({ table, reason }));
    return catalog;
  }

  async #createSlot(replication: pg.Client, intent: SnapshotIntent) {
    await intent.announce();
    const patience = setTimeout(() => {
      log.warn(
        "the slot waits for transactions that are open at the source to end; " +
          "SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY 2 names them",
      );
    }, 5000);
    try {
      return await createSlot(replication, this.options.slot);
    } catch (error) {
      // The server has said no: there is no slot. A lost connection leaves it open.
      if (error instanceof Fault && error.kind !== "connection") await intent.withdraw();
      throw error;
    } finally {
      clearTimeout(patience);
    }
  }

  /** Throws when changes are not published; returns whether tables that aren't ours are. */
  async #assertPublished(sql: pg.Client, layouts: readonly TableLayout[]): Promise<boolean> {
    const { publication } = this.options;
    const lost = (what: string, received: string) =>
      new Fault("position-lost", {
        what: `${what}, so changes since then are not to be had`,
        received,
        todo: "Take a new snapshot: `deno task serve --resnapshot`. Tables that were dropped on " +
          "purpose are left out by it.",
      });
    const published = await readPublished(sql, publication);
    if (published === undefined) {
      throw lost(`the publication ${publication} is gone`, "no such publication");
    }
    if (!published.allOperations) {
      throw lost(
        `the publication ${publication} no longer publishes every operation`,
        "fewer than insert, update, delete and truncate",
      );
    }
    const missing = layouts.filter(({ table }) => !published.oids.has(table.oid));
    if (missing.length > 0) {
      throw lost(
        `the publication ${publication} no longer has tables that the warehouse replicates`,
        `missing: ${missing.map(({ name }) => name).join(", ")}`,
      );
    }
    return published.allTables;
  }

  /** Often enough that the server's timeout never strikes while we are busy. */
  #statusInterval(server: ServerFacts): number {
    const timeout = server.walSenderTimeoutMs;
    if (timeout <= 0) return this.options.statusIntervalMs; // 0: it has none
    return Math.max(100, Math.min(this.options.statusIntervalMs, Math.floor(timeout / 3)));
  }

  #nothingToDo(catalog: Catalog): Fault {
    const reasons = catalog.leftOut.map(({ table, reason }) => `${table}: ${reason}`);
    return new Fault("setup", {
      what: reasons.length === 0
        ? "no table of the source matches SLUICE_TABLES"
        : `no table can be replicated (${reasons.slice(0, 10).join("; ")})`,
      received: this.options.tables.join(","),
      todo: "Mend SLUICE_TABLES or the tables; `deno task check` says what each one needs.",
    });
  }
}

/** A warehouse that was filled from topics can't go on from the write-ahead log. */
function assertOfPostgres(position: Position): asserts position is PostgresPosition {
  if (position.kind === "postgres") return;
  throw new Fault("position-lost", {
    what: "the warehouse was filled from Kafka, and SLUICE_SOURCE is postgres now",
    received: `a position in the topics of ${position.prefix}`,
    todo: "Set SLUICE_SOURCE=kafka, give this one its own SLUICE_DATA_DIR, or fill the warehouse " +
      "again: `deno task serve --resnapshot`.",
  });
}

/** Tables that match the setting and came after the snapshot. */
function newTables(catalog: Catalog, layouts: readonly TableLayout[]) {
  const known = new Set(layouts.map((layout) => layout.name));
  return catalog.tables
    .map((table: Table) => tableName(table))
    .filter((name) => !known.has(name))
    .map((table) => ({ table, reason: "it is newer than the snapshot; --resnapshot takes it in" }));
}
