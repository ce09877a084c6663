/** What keeps a table what it was when its columns, key and rows were read. */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { identifier, type Table, tableName } from "../../catalog/catalog.ts";
import { Fault } from "../../errors.ts";
import { ask } from "./slot.ts";

/**
 * Keeps others from altering, rewriting or truncating the tables until the clients' transactions
 * end, as pg_dump does; reading and writing go on. What rewrites a table makes it look empty to
 * an older snapshot. It is done after the slot was made: making it waits for open transactions,
 * and one of those might wait for these locks.
 *
 * Every client that will read takes the locks at once: one that asked later could find itself in
 * the queue behind somebody's ALTER TABLE, which waits for the first client, which waits for the
 * snapshot's end. For the same reason only the first may wait; for the others, having to is a
 * `connection` fault, after which the snapshot is begun again.
 */
export async function lockTables(
  clients: readonly pg.Client[],
  tables: readonly Table[],
): Promise<void> {
  const names = tables.map(({ schema, name }) => `${identifier(schema)}.${identifier(name)}`);
  const sql = `LOCK TABLE ${names.join(", ")} IN ACCESS SHARE MODE`;
  const [first, ...others] = clients;
  await ask(first, sql, "locking the tables");
  for (const client of others) await ask(client, `${sql} NOWAIT`, "locking the tables");
}

/**
 * The files in which the tables, their partitions and children lie, as text. Seen by an older
 * snapshot and by a new one, it differs when one of them was rewritten or truncated in between.
 */
export async function storageOf(client: pg.Client, tables: readonly Table[]): Promise<string> {
  const { rows: [{ files }] } = await ask(
    client,
    `WITH RECURSIVE part (oid) AS (
       SELECT unnest('{${tables.map(({ oid }) => oid).join(",")}}'::oid[])
       UNION SELECT i.inhrelid FROM part JOIN pg_inherits i ON i.inhparent = part.oid)
     SELECT string_agg(c.oid || ':' || c.relfilenode, ' ' ORDER BY c.oid) AS files
       FROM part JOIN pg_class c ON c.oid = part.oid`,
    "looking at the tables' files",
  );
  return files;
}

/** Throws a `schema-changed` fault unless the table's primary key is still the one we know. */
export async function assertKey(client: pg.Client, table: Table): Promise<void> {
  const { rows } = await ask(
    client,
    `SELECT a.attname AS name FROM pg_index i JOIN pg_attribute a
       ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
      WHERE i.indrelid = ${table.oid} AND i.indisprimary ORDER BY 1`,
    "looking at a table's key",
  );
  const now = rows.map(({ name }) => name as string);
  const before = table.key.map((i) => table.columns[i].name);
  if (now.toSorted().join() === before.toSorted().join()) return;
  throw new Fault("schema-changed", {
    what: `the source's table ${tableName(table)} has changed: its key was ` +
      `(${before.join(", ")}) and is now (${now.join(", ")})`,
    todo: "Nothing that came after the change was applied. Take a new snapshot (--resnapshot), " +
      "or undo the change at the source and start again.",
  });
}
