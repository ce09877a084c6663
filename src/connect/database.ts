/**
 * What `register` does at the source database before the connector starts, and asks it afterwards.
 */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { identifier, literal } from "../catalog/catalog.ts";
import { Fault } from "../errors.ts";
import { toFault, whereOf } from "../source/postgres/connect.ts";
import { readSlot } from "../source/postgres/slot.ts";
import { tablePattern } from "./connector.ts";

/** The connector's `signal.data.collection`, where incremental snapshots are asked for. */
export const SIGNAL_TABLE = "debezium.signal";

/** Every table of a user's. `identified`: its rows can be told apart by a key or another identity. */
const TABLES_SQL = `
SELECT n.nspname || '.' || c.relname AS name,
  c.relreplident IN ('f', 'i') OR c.relreplident = 'd' AND EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS identified
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY 1`;

/**
 * Refuses when no table matches, and tables that a publication would make read-only: PostgreSQL
 * rejects each UPDATE and DELETE of a published table that has neither a key nor another replica
 * identity.
 */
export async function refuseTables(client: pg.Client, patterns: readonly string[]): Promise<void> {
  const wanted = patterns.map((pattern) => new RegExp(`^${tablePattern(pattern)}$`, "s"));
  const rows = await ask(client, TABLES_SQL, "looking at the tables") as unknown as Table[];
  const tables = rows.filter(({ name }) => wanted.some((pattern) => pattern.test(name)));
  if (tables.length === 0) {
    throw new Fault("setup", {
      what: "no table of the database matches SLUICE_TABLES",
      received: patterns.join(","),
      todo: "Mend it, or create the tables first.",
    });
  }
  const loose = tables.filter(({ identified }) => !identified);
  if (loose.length === 0) return;
  throw new Fault("setup", {
    what: "once published, these tables would take no UPDATE and no DELETE any more, since they " +
      "have neither a primary key nor another replica identity",
    received: loose.map(({ name }) => name).join(", "),
    todo: "Give each a primary key, or ALTER TABLE … REPLICA IDENTITY FULL; or leave it out by " +
      "SLUICE_TABLES.",
  });
}

interface Table {
  name: string;
  identified: boolean;
}

/** Makes the signal table when it is missing, and lets `role`, Debezium's, use it. */
export async function makeSignalTable(client: pg.Client, role: string): Promise<void> {
  const [{ there }] = await ask(
    client,
    `SELECT to_regclass(${literal(SIGNAL_TABLE)}) IS NOT NULL AS there`,
    "looking for the signal table",
  );
  if (there) return;
  const [schema] = SIGNAL_TABLE.split(".");
  await ask(client, `CREATE SCHEMA IF NOT EXISTS ${schema}`, "making the signal table");
  await ask(
    client,
    `CREATE TABLE IF NOT EXISTS ${SIGNAL_TABLE} (id varchar(64) PRIMARY KEY,
       type varchar(32) NOT NULL, data varchar(2048))`,
    "making the signal table",
  );
  const grants = `GRANT USAGE ON SCHEMA ${schema} TO ${identifier(role)};
    GRANT SELECT, INSERT ON ${SIGNAL_TABLE} TO ${identifier(role)}`;
  await ask(client, grants, "letting Debezium use the signal table");
}

/** Whether somebody reads the slot now. */
export async function isSlotRead(client: pg.Client, slot: string): Promise<boolean> {
  return (await readSlot(client, slot))?.active ?? false;
}

/** Refuses a slot that somebody reads before our connector is there: Debezium would wait a minute. */
export async function refuseBusySlot(client: pg.Client, slot: string): Promise<void> {
  const state = await readSlot(client, slot);
  if (state === undefined || !state.active) return;
  throw new Fault("slot-busy", {
    what: "another connector reads the replication slot already",
    received: `${slot}, read by process ${state.activePid}`,
    todo:
      "Remove that one, or give this one a SLUICE_KAFKA_TOPIC_PREFIX, and so a slot, of its own.",
  });
}

async function ask(
  client: pg.Client,
  sql: string,
  doing: string,
): Promise<Record<string, unknown>[]> {
  try {
    return (await client.query(sql)).rows;
  } catch (error) {
    throw toFault(error, { where: whereOf(client), doing });
  }
}
