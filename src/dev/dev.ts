/**
 * `deno task dev`: PostgreSQL 14 from npm, the bank's schema and traffic, and Sluice, in one
 * command. With SLUICE_DATABASE_URL set it serves that database, and starts and writes none.
 */
import { resolve } from "node:path";
import { type Config, readConfig } from "../config.ts";
import { seedBank } from "./bank.ts";
import { follow } from "./follow.ts";
import { startPostgres } from "./leftovers.ts";
import { claimAddress, isLoopback } from "./port.ts";
import { exitCode, Session } from "./session.ts";
import { TRAFFIC_ARGS } from "./traffic.ts";

async function start(session: Session, config: Config): Promise<void> {
  const { screen, stopping } = session;
  await session.claim(config.SLUICE_DATA_DIR);
  const { address, base } = claimAddress(config.SLUICE_HTTP_ADDR);
  const given = config.SLUICE_DATABASE_URL;
  if (given !== undefined) {
    screen.step("using the database of SLUICE_DATABASE_URL; no rows are written to it");
  }
  const url = given ?? await startDatabase(session, config);
  stopping.throwIfAborted();

  const env = { SLUICE_DATABASE_URL: url, SLUICE_HTTP_ADDR: address };
  screen.step(`starting \`serve\` on ${base}`);
  const children = [await session.child("serve", [], env)];
  if (given === undefined) {
    screen.step("starting live traffic");
    children.push(await session.child("generate", TRAFFIC_ARGS, env));
  }
  const following = follow(session, {
    base,
    dataDir: config.SLUICE_DATA_DIR,
    traffic: given === undefined,
    bank: given === undefined && config.SLUICE_TABLES.includes("public.*"),
    sql: isLoopback(config.SLUICE_HTTP_ADDR),
    more: given === undefined ? [`The source is ${url}: your own changes to it arrive, too.`] : [],
  });
  const failures = children.map((child) => child.failure());
  await Promise.race([...failures, session.stopped(), following]);
}

/** PostgreSQL with the bank in it. Resolves to its URL. */
async function startDatabase(session: Session, config: Config): Promise<string> {
  const step = (text: string) => session.screen.step(text);
  const dataDir = resolve(config.SLUICE_DATA_DIR, "postgres");
  const postgres = await startPostgres({ dataDir, onStep: step }, session.stopping);
  session.defer(async () => {
    step("stopping PostgreSQL");
    await postgres.stop();
  });
  session.stopping.throwIfAborted();
  await seedBank(session, postgres.url());
  return postgres.url();
}

async function main(): Promise<number> {
  const config = readConfig(Deno.env.toObject());
  const session = new Session("dev");
  return await session.run(() => start(session, config));
}

if (import.meta.main) Deno.exit(await exitCode(main));
