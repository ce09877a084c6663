/** The replication slot and the server's identity: what says whether a position still holds. */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { Fault } from "../../errors.ts";
import { literal } from "../../catalog/catalog.ts";
import { formatLsn, type Lsn, parseLsn, type PostgresPosition } from "../position.ts";
import { toFault, whereOf } from "./connect.ts";

/** `IDENTIFY_SYSTEM`. */
export interface SystemIdentity {
  readonly systemId: string;
  readonly timeline: number;
  readonly database: string;
}

/** A row of `pg_replication_slots`. */
export interface SlotState {
  readonly plugin: string;
  readonly database: string;
  readonly active: boolean;
  readonly activePid: number | null;
  readonly walStatus: string;
  readonly confirmedLsn: Lsn;
}

const RESNAPSHOT = "Take a new snapshot: stop Sluice and run `deno task serve --resnapshot` " +
  "(it drops the slot and fills the warehouse again).";

/** Asks a replication connection who it is connected to. */
export async function identify(replication: pg.Client): Promise<SystemIdentity> {
  const { rows: [row] } = await ask(replication, "IDENTIFY_SYSTEM", "asking for its identity");
  return { systemId: row.systemid, timeline: Number(row.timeline), database: row.dbname };
}

/** The slot's state; undefined when there is none of that name. */
export async function readSlot(sql: pg.Client, slot: string): Promise<SlotState | undefined> {
  const { rows: [row] } = await ask(
    sql,
    `SELECT plugin, database, active, active_pid, wal_status, confirmed_flush_lsn
       FROM pg_replication_slots WHERE slot_name = ${literal(slot)}`,
    "reading the replication slot",
  );
  if (row === undefined) return undefined;
  return {
    plugin: row.plugin,
    database: row.database,
    active: row.active,
    activePid: row.active_pid,
    walStatus: row.wal_status ?? "reserved",
    confirmedLsn: row.confirmed_flush_lsn === null ? 0 : parseLsn(row.confirmed_flush_lsn),
  };
}

/**
 * Throws unless the stream can go on exactly from `position`. A slot that was confirmed beyond it,
 * another server or another timeline would make PostgreSQL skip changes without a word.
 */
export function assertResumable(
  position: PostgresPosition,
  identity: SystemIdentity,
  slot: SlotState | undefined,
): void {
  const lost = (what: string, received: string, allowed: string) =>
    new Fault("position-lost", { what, received, allowed, todo: RESNAPSHOT });
  if (identity.systemId !== position.systemId) {
    throw lost(
      "SLUICE_DATABASE_URL leads to another server than the warehouse was made from",
      `system identifier ${identity.systemId}`,
      position.systemId,
    );
  }
  if (identity.database !== position.database) {
    throw lost(
      "SLUICE_DATABASE_URL names another database than the warehouse was made from",
      identity.database,
      position.database,
    );
  }
  if (identity.timeline !== position.timeline) {
    throw lost(
      "the source's history has branched since our position (a failover or a restore)",
      `timeline ${identity.timeline}`,
      `timeline ${position.timeline}`,
    );
  }
  if (slot === undefined) {
    throw lost(
      `the replication slot ${position.slot} is gone, and with it every change after our position`,
      "no such slot",
      `a slot at or before ${formatLsn(position.lsn)}`,
    );
  }
  if (slot.plugin !== "pgoutput" || slot.database !== position.database) {
    throw lost(
      `the replication slot ${position.slot} is not the one that we made`,
      `plugin ${slot.plugin} of database ${slot.database}`,
      `plugin pgoutput of database ${position.database}`,
    );
  }
  if (slot.walStatus === "lost") {
    throw lost(
      `the source has removed WAL that the replication slot ${position.slot} still needed`,
      "wal_status lost",
      "reserved or extended (see max_slot_wal_keep_size there)",
    );
  }
  if (slot.confirmedLsn > position.lsn) {
    throw lost(
      `the replication slot ${position.slot} was moved past our position: it was used by another ` +
        "consumer, or dropped and made again",
      `confirmed ${formatLsn(slot.confirmedLsn)}`,
      `at most ${formatLsn(position.lsn)}`,
    );
  }
  if (slot.active) {
    throw new Fault("slot-busy", {
      what: `the replication slot ${position.slot} is in use`,
      received: `server process ${slot.activePid}`,
      todo: "After a crash the server lets go of it by itself; if another Sluice uses it, give " +
        "one of them its own SLUICE_SLOT and SLUICE_DATA_DIR.",
    });
  }
}

/**
 * Whether a slot of our name is in the way of a snapshot and has to be dropped. Throws when it isn't
 * ours to drop, or in use.
 */
export async function isInTheWay(sql: pg.Client, slot: string, mayDrop: boolean): Promise<boolean> {
  const state = await readSlot(sql, slot);
  if (state === undefined) return false;
  if (!mayDrop) {
    throw new Fault("setup", {
      what: `the replication slot ${slot} exists already, and this warehouse did not make it`,
      received: `plugin ${state.plugin}, ${state.active ? "in use" : "not in use"}, confirmed ` +
        formatLsn(state.confirmedLsn),
      todo: "If the warehouse was deleted, run `deno task serve --resnapshot`, which drops the " +
        "slot; if another Sluice uses it, set SLUICE_SLOT to another name.",
    });
  }
  if (state.active) {
    throw new Fault("slot-busy", {
      what: `the replication slot ${slot} has to be dropped, and is in use`,
      received: `server process ${state.activePid}`,
      todo: "After a crash the server lets go of it by itself; else stop whoever uses it.",
    });
  }
  return true;
}

/** Drops the slot: its changes are lost. */
export async function dropSlot(sql: pg.Client, slot: string): Promise<void> {
  await ask(sql, `SELECT pg_drop_replication_slot(${literal(slot)})`, "dropping the slot");
}

/** Makes the slot; the connection then holds its snapshot until its next command. */
export async function createSlot(
  replication: pg.Client,
  slot: string,
): Promise<{ consistentPoint: Lsn; snapshotName: string }> {
  const { rows: [row] } = await ask(
    replication,
    `CREATE_REPLICATION_SLOT "${slot}" LOGICAL pgoutput EXPORT_SNAPSHOT`,
    "creating the replication slot",
  );
  return { consistentPoint: parseLsn(row.consistent_point), snapshotName: row.snapshot_name };
}

/** Runs one statement; what goes wrong is a fault that says what was being done. */
export async function ask(
  client: pg.Client,
  sql: string,
  doing: string,
): Promise<pg.QueryResult> {
  try {
    return await client.query(sql);
  } catch (error) {
    throw toFault(error, { where: whereOf(client), doing });
  }
}
