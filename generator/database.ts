/** What the generator reads from the database: whether the tables are there, and the bank. */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { Fault } from "../src/errors.ts";
import schema from "../sql/schema.sql" with { type: "text" };
import { Bank, RECENT_MAX, type Wallet, WALLETS_MAX } from "./bank.ts";
import { TABLES } from "./tables.ts";

/**
 * Applies sql/schema.sql when none of the five tables exists, or always when `force` is set.
 * Throws a `setup` fault when only some of them exist: they are somebody else's.
 */
export async function ensureSchema(client: pg.Client, force: boolean): Promise<void> {
  const { rows } = await client.query(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace " +
      "AND relkind IN ('r', 'p') AND relname = ANY ($1) ORDER BY 1",
    [TABLES],
  );
  const found: string[] = rows.map((row) => row.relname);
  if (found.length === TABLES.length && !force) return;
  if (found.length > 0 && !force) {
    throw new Fault("setup", {
      what: "only some of the five tables exist in schema public",
      received: found.join(", "),
      allowed: "all or none of " + TABLES.join(", "),
      todo: "Give --create-schema to add the missing ones, or use another database.",
    });
  }
  await client.query(`BEGIN; ${schema} COMMIT;`);
}

/**
 * The newest creation time in microseconds, 0 for empty tables. It grows with every row that is
 * ever inserted, so together with the seed it names a run: no two runs make the same UUIDs.
 */
export async function newestRow(client: pg.Client): Promise<number> {
  const tables = TABLES.map((table) => `(SELECT max(created_at) FROM public.${table})`);
  const { rows } = await client.query(
    `SELECT coalesce(extract(epoch FROM greatest(${
      tables.join(", ")
    })) * 1000000, 0)::bigint AS at`,
  );
  return Number(rows[0].at);
}

/** Whether the five tables hold no row at all. */
export async function isEmpty(client: pg.Client): Promise<boolean> {
  const some = TABLES.map((table) => `EXISTS (SELECT FROM public.${table})`).join(" OR ");
  const { rows } = await client.query(`SELECT ${some} AS some`);
  return !rows[0].some;
}

/** Loads the bank, within its bounds. The oldest customers are the busiest. */
export async function loadBank(client: pg.Client): Promise<Bank> {
  const bank = new Bank();
  const wallets = await client.query(
    `(SELECT id, user_id, account_number, currency, '' AS locale, name AS owner,
             (balance * 100)::bigint AS cents
        FROM public.wallets WHERE kind = 'clearing' ORDER BY created_at, id)
      UNION ALL
     (SELECT w.id, user_id, account_number, currency, locale, full_name, (balance * 100)::bigint
        FROM public.wallets w JOIN public.users u ON u.id = w.user_id
       WHERE w.status = 'active' AND u.status = 'active'
       ORDER BY w.created_at, w.id LIMIT $1)`,
    [WALLETS_MAX],
  );
  for (const row of wallets.rows) bank.add(toWallet(row));

  const unread = await client.query(
    "SELECT id, user_id FROM public.notifications WHERE read_at IS NULL " +
      "ORDER BY created_at DESC, id LIMIT $1",
    [RECENT_MAX],
  );
  for (const row of unread.rows) bank.unread.add({ id: row.id, userId: row.user_id });

  const beneficiaries = await client.query(
    "SELECT id, user_id FROM public.beneficiaries ORDER BY created_at DESC, id LIMIT $1",
    [RECENT_MAX],
  );
  for (const row of beneficiaries.rows) {
    bank.beneficiaries.add({ id: row.id, userId: row.user_id });
  }

  const movements = await client.query(
    `SELECT f.id AS from_leg, t.id AS to_leg, f.wallet_id AS from_id, t.wallet_id AS to_id,
            (t.amount * 100)::bigint AS cents
       FROM (SELECT * FROM public.transactions ORDER BY created_at DESC, id LIMIT $1) f
       JOIN public.transactions t ON t.movement_id = f.movement_id AND t.amount > 0
      WHERE f.amount < 0 AND f.status = 'booked' AND f.kind IN ('transfer', 'card_payment')
      ORDER BY f.created_at DESC, f.id`,
    [RECENT_MAX],
  );
  for (const row of movements.rows) {
    const [from, to] = [bank.wallet(row.from_id), bank.wallet(row.to_id)];
    if (!from || !to) continue;
    bank.reversible.add({
      from,
      to,
      cents: Number(row.cents),
      fromLeg: row.from_leg,
      toLeg: row.to_leg,
    });
  }
  return bank;
}

function toWallet(row: Record<string, string | null>): Wallet {
  return {
    id: row.id!,
    userId: row.user_id,
    accountNumber: row.account_number!,
    currency: row.currency!,
    locale: row.locale!,
    owner: row.owner!,
    cents: Number(row.cents),
  };
}
