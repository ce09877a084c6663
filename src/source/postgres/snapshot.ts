/**
 * The initial copy: several tables at once under one exported snapshot, each by
 * `COPY … TO STDOUT (FORMAT binary)` on a connection of its own.
 */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import type { Batch, RowHead } from "../../batch/batch.ts";
import type { TableLayout } from "../../batch/column.ts";
import { identifier, literal, type Table, tableName } from "../../catalog/catalog.ts";
import type { Input, PostgresCodec, RowDecoder, Stop } from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import type { PostgresPosition } from "../position.ts";
import type { Snapshot, SnapshotReader, SnapshotRows, TableProgress } from "../source.ts";
import { ask } from "./slot.ts";
import { type Incoming, Wire } from "./wire.ts";

/** What a snapshot is made of: connections that share it, the slot's among them. */
export interface SnapshotParts {
  tables: readonly Table[];
  estimates: ReadonlyMap<string, number>;
  position: PostgresPosition;
  /** Holds the exported snapshot. */
  replication: pg.Client;
  /** Each in a transaction that has imported it. */
  readers: pg.Client[];
  messageBytesMax: number;
  codec: PostgresCodec;
}

/** Puts a client into a transaction that sees what the slot's consistent point saw. */
export async function importSnapshot(client: pg.Client, snapshotName: string): Promise<void> {
  await ask(client, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "beginning the snapshot");
  const sql = `SET TRANSACTION SNAPSHOT ${literal(snapshotName)}`;
  await ask(client, sql, "taking over the slot's snapshot");
}

/** See the top of this file. */
export class PostgresSnapshot implements Snapshot {
  readonly tables: readonly Table[];
  readonly position: PostgresPosition;
  readonly progress: TableProgress[];
  readonly #partitioned = new Set<string>();
  #lanes: Lane[] = [];

  constructor(private readonly parts: SnapshotParts) {
    this.tables = parts.tables;
    this.position = parts.position;
    this.progress = parts.tables.map((table) => ({
      table: tableName(table),
      rows: 0,
      rowsEstimated: parts.estimates.get(tableName(table)) ?? -1,
      done: false,
    }));
  }

  get bufferedBytes(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.wire.bufferedBytes, 0);
  }

  async start(layouts: readonly TableLayout[], firstSeq: number): Promise<SnapshotReader> {
    const { rows } = await ask(
      this.parts.readers[0],
      `SELECT n.nspname || '.' || c.relname AS name FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'p'`,
      "reading which tables are partitioned",
    );
    for (const { name } of rows) this.#partitioned.add(name);
    const { rows: [{ now }] } = await ask(
      this.parts.readers[0],
      "SELECT (extract(epoch FROM transaction_timestamp()) * 1000000)::bigint AS now",
      "reading the clock",
    );
    const micros = Number(now);
    const head: RowHead = {
      lsn: this.position.lsn,
      tx: 0,
      atHigh: Math.floor(micros / 0x1_0000_0000),
      atLow: micros % 0x1_0000_0000,
    };
    // Big tables first, so that none is left to run alone at the end.
    const jobs = layouts.map((layout, i) => ({
      layout,
      progress: this.progress[i],
      decoder: this.parts.codec.copy(layout, head),
    }))
      .sort((a, b) => b.progress.rowsEstimated - a.progress.rowsEstimated);
    this.#lanes = this.parts.readers.map((reader) =>
      new Lane(new Wire(reader, this.parts.messageBytesMax), jobs, (layout) => this.#copy(layout))
    );
    return new Reader(this.#lanes, firstSeq);
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.wire.close();
    const idle = this.#lanes.length > 0 ? [] : this.parts.readers;
    await Promise.allSettled([...idle, this.parts.replication].map((client) => client.end()));
  }

  #copy({ table }: TableLayout): string {
    const name = `${identifier(table.schema)}.${identifier(table.name)}`;
    // ONLY: a child table by inheritance is a table of its own; a partitioned one has no own rows.
    const only = this.#partitioned.has(tableName(table)) ? "" : "ONLY ";
    const columns = this.parts.codec.copyColumns(table);
    return `COPY (SELECT ${columns} FROM ${only}${name}) TO STDOUT (FORMAT binary)`;
  }
}

interface Job {
  readonly layout: TableLayout;
  readonly progress: TableProgress;
  readonly decoder: RowDecoder;
}

/** One connection that copies a table after the other. */
class Lane {
  job: Job | undefined;
  /** What its last read has brought, until it is taken. */
  arrived: Incoming | undefined;
  failure: unknown;
  ended = false;

  constructor(
    readonly wire: Wire,
    private readonly jobs: Job[],
    private readonly copy: (layout: TableLayout) => string,
  ) {}

  /** Starts on the next table; false when there is none left. */
  next(): boolean {
    if (this.job !== undefined) this.job.progress.done = true;
    this.job = this.jobs.shift();
    this.ended = this.job === undefined;
    if (this.job === undefined) return false;
    this.wire.query(this.copy(this.job.layout));
    return true;
  }

  /** Sees to it that a read is under way, which calls `wake` when it has ended. */
  read(wake: () => void): void {
    if (this.#isReading || this.arrived !== undefined || this.failure !== undefined) return;
    this.#isReading = true;
    this.wire.read().then((incoming) => this.arrived = incoming, (error) => this.failure = error)
      .then(() => {
        this.#isReading = false;
        wake();
      });
  }
  #isReading = false;
}

class Reader implements SnapshotReader {
  readonly #seq: { next: number };
  #wake: () => void = () => {};

  constructor(private readonly lanes: Lane[], firstSeq: number) {
    this.#seq = { next: firstSeq };
    for (const lane of lanes) lane.next();
  }

  get nextSeq(): number {
    return this.#seq.next;
  }

  async read(): Promise<SnapshotRows | null> {
    for (;;) {
      const busy = this.lanes.filter((lane) => !lane.ended);
      if (busy.length === 0) return null;
      for (const each of busy) each.read(() => this.#wake());
      const failed = busy.find((each) => each.failure !== undefined);
      if (failed !== undefined) throw failed.failure;
      const lane = busy.find((each) => each.arrived !== undefined);
      if (lane === undefined) {
        await new Promise<void>((resolve) => this.#wake = resolve);
        continue;
      }
      const incoming = lane.arrived!;
      lane.arrived = undefined;
      // To the end of the row: the others come first the next time.
      this.lanes.push(...this.lanes.splice(this.lanes.indexOf(lane), 1));
      if (incoming.kind === "data") return this.#rows(lane, incoming.input);
      this.#message(lane, incoming.message.type);
    }
  }

  #rows(lane: Lane, input: Input): SnapshotRows {
    return {
      input,
      decode: (input: Input, batch: Batch): Stop => {
        const before = this.#seq.next;
        const stop = lane.job!.decoder.decode(input, batch, this.#seq);
        lane.job!.progress.rows += this.#seq.next - before;
        return stop;
      },
    };
  }

  #message(lane: Lane, type: string): void {
    if (type === "Z") lane.next(); // ready for the next query
    else if (!"HcC".includes(type)) { // CopyOutResponse, CopyDone, CommandComplete
      throw new Fault("protocol", {
        what: "an unexpected message during COPY",
        received: type,
        allowed: "H, d, c, C or Z",
      });
    }
  }
}
