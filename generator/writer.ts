/**
 * Commits scenarios over one connection, several under way at a time, in order. One scenario is one
 * message `BEGIN; …; COMMIT;`, so it costs one round trip and none has to wait for another.
 *
 * Once one fails, PostgreSQL refuses all later ones until ROLLBACK, and a lost connection loses all
 * later ones: what was committed is always a prefix of what was sent.
 */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { close, faultOf, open, pipeline } from "./connection.ts";
import { ensureSchema } from "./database.ts";
import type { Scenario } from "./scenarios.ts";
import { changesSql, prepareAll } from "./tables.ts";

/** How many scenarios may be under way. */
export const IN_FLIGHT_MAX = 64;

/** How a writer's session is set up. */
export interface Session {
  /** Whether a commit waits until it is on the disk; false: `synchronous_commit = off`. */
  readonly waitForDisk: boolean;
  /** Apply the schema even if some of the tables exist. */
  readonly createSchema: boolean;
  /** How long to wait for another generator to go. */
  readonly lockWaitMs?: number;
}

/** A connection that writes scenarios. */
export class Writer {
  readonly #inFlight: { scenario: Scenario; answer: Promise<unknown> }[] = [];

  private constructor(readonly client: pg.Client) {}

  /** Connects, makes the tables if there are none, and prepares the session. Throws a `Fault`. */
  static async open(url: string, session: Session): Promise<Writer> {
    const client = await open(url, session.lockWaitMs);
    try {
      await ensureSchema(client, session.createSchema);
      // All plans fit all arguments here, so one of each is enough.
      await client.query("SET plan_cache_mode = force_generic_plan");
      if (!session.waitForDisk) await client.query("SET synchronous_commit = off");
      await client.query(prepareAll());
      pipeline(client);
      return new Writer(client);
    } catch (error) {
      await close(client);
      throw faultOf(error, client, "preparing the session");
    }
  }

  /** How many scenarios were sent and are not yet known to be committed. */
  get inFlight(): number {
    return this.#inFlight.length;
  }

  /** Sends a scenario. At most {@linkcode IN_FLIGHT_MAX} may be under way. */
  send(scenario: Scenario): void {
    if (this.#inFlight.length >= IN_FLIGHT_MAX) throw new Error("too many scenarios under way");
    const answer = this.client.query(transactionSql(scenario));
    answer.catch(() => {}); // It is read by committed(), which may be later.
    this.#inFlight.push({ scenario, answer });
  }

  /** Waits for the oldest one under way and gives it back. Rejects if it was not committed. */
  async committed(): Promise<Scenario> {
    await this.#inFlight[0].answer;
    return this.#inFlight.shift()!.scenario;
  }

  /** After a failure: waits until nothing is under way, and gives back what is in doubt. */
  async settle(): Promise<Scenario[]> {
    const doubtful = this.#inFlight.splice(0);
    await Promise.allSettled(doubtful.map(({ answer }) => answer));
    return doubtful.map(({ scenario }) => scenario);
  }

  async close(): Promise<void> {
    await close(this.client);
  }
}

/** Which of `scenarios`, the oldest first, the database holds: always the first so many. */
export async function countCommitted(
  client: pg.Client,
  scenarios: readonly Scenario[],
): Promise<number> {
  for (const [index, { proof }] of scenarios.entries()) {
    const { rows } = await client.query(`SELECT ${proof} AS committed`);
    if (!rows[0].committed) return index;
  }
  return scenarios.length;
}

/** Whether the database's rows are not what we took them for: somebody else writes them, too. */
export function isConflict(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^(23|40)...$/.test(code); // broken constraints, roll-backs
}

function transactionSql(scenario: Scenario): string {
  return `BEGIN;${changesSql(scenario.changes)}COMMIT;`;
}
