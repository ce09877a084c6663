/**
 * A year of history by COPY, in one database transaction: all of it or nothing. Keys and
 * indexes are dropped before and made again after, in that same transaction: keeping them row by
 * row would take many times as long.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { finished } from "node:stream/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
// @ts-types="npm:@types/pg-copy-streams@1.2.5"
import { from as copyFrom } from "pg-copy-streams";
import { Fault } from "../src/errors.ts";
import { Bank, money } from "./bank.ts";
import { type ClockMaker, evenClock, simulatedClock } from "./clock.ts";
import { close, faultOf, open } from "./connection.ts";
import { ensureSchema, isEmpty } from "./database.ts";
import { People } from "./people.ts";
import { Random } from "./random.ts";
import { type Scenario, Teller } from "./scenarios.ts";
import { COLUMNS, copyLine, type Row, type TableName, TABLES } from "./tables.ts";

/** What to load. */
export interface BulkOptions {
  /** Rows of `transactions`; rounded up to an even number, as each movement has two. */
  readonly transactions: number;
  /** Default: one for 50 transactions, at least 100 and at most {@linkcode BULK_USERS_MAX}. */
  readonly users?: number;
  readonly seed?: number;
  /** The history ends at this clock's first time. Default: simulated time. */
  readonly clock?: ClockMaker;
  readonly createSchema?: boolean;
  /** Is told about every few thousand rows of `transactions` how many are written. */
  readonly onProgress?: (transactions: number) => void;
  /** Is told each step before it starts. */
  readonly onStep?: (step: string) => void;
  /** Ends the load with {@linkcode Interrupted}. */
  readonly signal?: AbortSignal;
}

/** What was loaded. */
export interface BulkResult {
  /** Rows of each table. */
  readonly rows: Readonly<Record<TableName, number>>;
  readonly elapsedMs: number;
}

/** Their wallets are all kept in memory, so this bounds it (some 1 KB each). */
export const BULK_USERS_MAX = 50_000;

const BENEFICIARIES_PER_USER = 2;
const YEAR_MICROS = 365 * 86_400 * 1_000_000;
/** After so many rows of `transactions`, the rows of other tables that came up are written. */
const ROUND_ROWS = 20_000;
/** COPY data is sent in pieces of about so many characters. */
const PIECE_CHARS = 64 * 1024;
/** How many bytes may wait for PostgreSQL, so that it never waits for us. */
const AHEAD_BYTES = 2 * 1024 * 1024;
/** This share of the old notifications has been read. */
const READ_SHARE = 0.95;

/**
 * Loads a history into an empty bank. Throws a `Fault` (`usage` when the bank is not empty), or
 * {@linkcode Interrupted}.
 */
export async function loadBulk(url: string, options: BulkOptions): Promise<BulkResult> {
  const client = await open(url);
  const started = performance.now();
  try {
    await ensureSchema(client, options.createSchema ?? false);
    if (!(await isEmpty(client))) {
      throw new Fault("usage", {
        what: "--bulk needs empty tables, and there are rows in them",
        todo: "Leave --bulk out to add live traffic, or use another database.",
      });
    }
    const rows = await new Load(client, options).run();
    return { rows, elapsedMs: performance.now() - started };
  } catch (error) {
    throw error instanceof Interrupted ? error : faultOf(error, client, "loading in bulk");
  } finally {
    await close(client);
  }
}

class Load {
  readonly #rows = Object.fromEntries(TABLES.map((table) => [table, 0])) as Record<
    TableName,
    number
  >;
  readonly #bank = new Bank();
  readonly #random: Random;
  readonly #wallets: Row<"wallets">[] = [];
  /** COPY lines that wait for their turn. `transactions` and `wallets` have their own way. */
  readonly #waiting = {
    users: [] as string[],
    notifications: [] as string[],
    beneficiaries: [] as string[],
  };

  constructor(private readonly client: pg.Client, private readonly options: BulkOptions) {
    assert((options.users ?? 0) <= BULK_USERS_MAX, `at most ${BULK_USERS_MAX} users`);
    this.#random = new Random(options.seed ?? 42, "bulk");
  }

  async run(): Promise<Record<TableName, number>> {
    const { client, options } = this;
    const step = options.onStep ?? (() => {});
    const movements = Math.ceil(options.transactions / 2);
    const users = options.users ??
      Math.min(BULK_USERS_MAX, Math.max(100, Math.round(options.transactions / 50)));
    const teller = this.#teller(users * (1 + BENEFICIARIES_PER_USER) + movements + 1);

    await client.query("BEGIN; SET LOCAL maintenance_work_mem = '256MB'");
    const recreate = await dropKeysAndIndexes(client);
    step("writing customers and their transactions");
    this.#keep(teller.openBank()!);
    for (let i = 0; i < users; i++) this.#keep(teller.signUp());
    for (let i = 0; i < users * BENEFICIARIES_PER_USER; i++) this.#keep(teller.addBeneficiary());
    for (let left = movements; left > 0;) {
      const round = Math.min(left, ROUND_ROWS / 2);
      await this.#writeRound(teller, round);
      left -= round;
      options.onProgress?.(this.#rows.transactions);
    }
    await this.#writeWallets();
    step("making keys and indexes");
    for (const statement of recreate) await this.#query(statement);
    await this.#query("COMMIT");
    step("collecting statistics");
    for (const table of TABLES) await this.#query(`ANALYZE public.${table}`);
    return this.#rows;
  }

  /** Times are spread evenly over the year before now, one for each of `scenarios`. */
  #teller(scenarios: number): Teller {
    const { seed = 42, clock = simulatedClock() } = this.options;
    const end = clock(0, new Random(seed, "bulk end")).next();
    const gap = Math.floor(YEAR_MICROS / scenarios);
    const history = evenClock(end - YEAR_MICROS, gap, new Random(seed, "bulk clock"));
    return new Teller(this.#bank, this.#random, new People(seed), history);
  }

  /** Writes the transactions of so many movements, and then what else came up. */
  async #writeRound(teller: Teller, movements: number): Promise<void> {
    await this.#copy(
      "transactions",
      function* (this: Load) {
        for (let i = 0; i < movements; i++) {
          const scenario = this.#random.chance(0.55) ? teller.transfer() : teller.cardPayment();
          for (const change of scenario.changes) {
            if (change.op === "insert" && change.table === "transactions") {
              yield copyLine(change.table, change.row);
            }
          }
          this.#keep(scenario);
        }
      }.call(this),
    );
    for (const [table, lines] of Object.entries(this.#waiting)) {
      await this.#copy(table as TableName, lines);
      lines.length = 0;
    }
  }

  /** Wallets come last, when their balances are known. */
  async #writeWallets(): Promise<void> {
    await this.#copy(
      "wallets",
      function* (this: Load) {
        for (const row of this.#wallets) {
          const wallet = this.#bank.wallet(row.id!)!;
          yield copyLine("wallets", { ...row, balance: money(wallet.cents) });
        }
      }.call(this),
    );
  }

  /** Puts the rows of a scenario aside, but for `transactions`. Balances are kept by the bank. */
  #keep(scenario: Scenario): void {
    for (const change of scenario.changes) {
      if (change.op !== "insert") continue;
      if (change.table === "wallets") this.#wallets.push(change.row);
      else if (change.table === "notifications") {
        this.#waiting.notifications.push(copyLine("notifications", this.#aged(change.row)));
      } else if (change.table === "users") {
        this.#waiting.users.push(copyLine("users", change.row));
      } else if (change.table === "beneficiaries") {
        this.#waiting.beneficiaries.push(copyLine("beneficiaries", change.row));
      }
    }
  }

  /** Most old notifications have been read, by the end of their day. */
  #aged(row: Row<"notifications">): Row<"notifications"> {
    if (!this.#random.chance(READ_SHARE)) return row;
    return { ...row, read_at: `${row.created_at!.slice(0, 10)}T23:59:59.999999Z` };
  }

  /** Writes lines of COPY's text format, no faster than PostgreSQL takes them. */
  async #copy(table: TableName, lines: Iterable<string>): Promise<void> {
    const columns = COLUMNS[table].join(", ");
    const stream = this.client.query(
      copyFrom(`COPY public.${table} (${columns}) FROM STDIN`, { highWaterMark: AHEAD_BYTES }),
    );
    const done = finished(stream);
    done.catch(() => {}); // It is awaited below.
    let piece = "";
    for (const line of lines) {
      this.#rows[table]++;
      piece += line;
      if (piece.length < PIECE_CHARS) continue;
      const room = stream.write(piece);
      piece = "";
      // The socket writes only when we give way, and it should while we make the next piece.
      await nextTurn();
      if (!room && stream.writableNeedDrain) await Promise.race([once(stream, "drain"), done]);
      this.#throwIfAborted();
    }
    stream.end(piece);
    await done;
  }

  async #query(sql: string): Promise<void> {
    this.#throwIfAborted();
    await this.client.query(sql);
  }

  #throwIfAborted(): void {
    if (this.options.signal?.aborted) throw new Interrupted();
  }
}

/** The load was ended by its signal; nothing of it is in the database. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/**
 * Drops the keys and indexes of the five tables, in an order that PostgreSQL allows. Gives back the
 * statements that make them again, as PostgreSQL words them.
 */
async function dropKeysAndIndexes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query(
    `WITH ours AS (SELECT oid FROM pg_class
                    WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1))
     SELECT array_position('{p,u,f}', contype::text) AS rank,
            format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
            format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
                   pg_get_constraintdef(oid)) AS recreate
       FROM pg_constraint
      WHERE contype IN ('p', 'u', 'f') AND conrelid IN (TABLE ours)
      UNION ALL
     SELECT 0, format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
       FROM pg_index
      WHERE indrelid IN (TABLE ours)
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
      ORDER BY rank`,
    [TABLES],
  );
  // Foreign keys go first and come last, since they rest on the primary keys.
  for (const row of rows.toReversed()) await client.query(row.drop);
  return rows.map((row) => row.recreate);
}
