/** The generator's one connection: the lock that keeps it the only one, and its prepared session. */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { Fault } from "../src/errors.ts";
import { connect, toFault, whereOf } from "../src/source/postgres/connect.ts";

/** The advisory lock that keeps two generators from writing one database at the same time. */
const LOCK = 0x51_0c_e6_e4;
const LOCK_PAUSE_MS = 100;

/**
 * Connects and takes the lock. Throws a `Fault`. The lock of a connection that is gone takes a
 * moment to go, too, so it is asked for again for up to `lockWaitMs`.
 */
export async function open(url: string, lockWaitMs = 2_000): Promise<pg.Client> {
  const client = await connect(url, { applicationName: "sluice-generate" });
  try {
    for (let waited = 0; !(await takesLock(client)); waited += LOCK_PAUSE_MS) {
      if (waited >= lockWaitMs) {
        throw new Fault("setup", {
          what: "another generator is writing to this database",
          todo: "Stop it first: one writer is what makes a run repeatable.",
        });
      }
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
    }
  } catch (error) {
    await close(client);
    throw toFault(error, { where: whereOf(client), doing: "taking the generator's lock" });
  }
  return client;
}

/** Ends a connection, whatever state it is in. */
export async function close(client: pg.Client): Promise<void> {
  await client.end().catch(() => {});
}

/** Lets queries be sent without waiting for earlier answers; what `pg` calls its pipeline mode. */
export function pipeline(client: pg.Client): void {
  (client as { pipeline?: boolean }).pipeline = true;
}

/** A `Fault` for what a query of `client` threw. */
export function faultOf(error: unknown, client: pg.Client, doing: string): Fault {
  return toFault(error, { where: whereOf(client), doing });
}

async function takesLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query("SELECT pg_try_advisory_lock($1) AS taken", [LOCK]);
  return rows[0].taken;
}
