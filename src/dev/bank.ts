/** The bank of `deno task dev` and `deno task stack`: its schema, and rows to begin with. */
import type { Session } from "./session.ts";
import { needsSeed, SEED_ARGS } from "./traffic.ts";

/** Fills the database when it has no bank yet. Ends early, with an error, when we are stopped. */
export async function seedBank(session: Session, url: string): Promise<void> {
  if (!await needsSeed(url)) return;
  session.screen.step("applying sql/schema.sql and writing the bank's first rows");
  const seed = await session.child("generate", SEED_ARGS, { SLUICE_DATABASE_URL: url });
  await Promise.race([seed.success(), session.stopped()]);
  session.stopping.throwIfAborted();
}
