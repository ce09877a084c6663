/**
 * The `register` mode: creates Debezium's connector in Kafka Connect, or brings it up to date, and
 * waits until it runs. What Connect or the database has against it becomes a sentence.
 */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { type Config, readConfig, requireConnector, settingsHelp } from "../config.ts";
import { Fault } from "../errors.ts";
import { connect as connectToDatabase } from "../source/postgres/connect.ts";
import { parseTarget } from "../source/postgres/target.ts";
import { type Connector, connectorOf } from "./connector.ts";
import {
  isSlotRead,
  makeSignalTable,
  refuseBusySlot,
  refuseTables,
  SIGNAL_TABLE,
} from "./database.ts";
import { explain } from "./explain.ts";
import { Connect, type Status } from "./rest.ts";

const HELP = `Usage: deno task register [--print] [--help]

Creates Debezium's connector for SLUICE_DATABASE_URL in the Kafka Connect at SLUICE_CONNECT_URL, or
changes it to what the settings say now, and waits until it runs. Its topics are called
<SLUICE_KAFKA_TOPIC_PREFIX>.<schema>.<table>; its settings are those of
debezium/register-postgres.json, which debezium/README.md explains. In the database it makes the
table ${SIGNAL_TABLE}, where incremental snapshots are asked for; the connector itself makes its
publication and its replication slot.

  --print   print the connector's settings, without the password, and do nothing
  --help    this text

Exit codes: 0 it runs; 2 the command line or a setting is not valid; 3 Connect or the database can't
be reached; 4 Connect or the database refuses; others as in docs/ERRORS.md.

Settings, as environment variables:
`;

/** How often Connect is asked. */
const POLL_MS = 250;

/**
 * A task says RUNNING before it has begun. When nobody reads its slot after this long and it still
 * runs, it copies its snapshot, which may take hours.
 */
const SNAPSHOT_MS = 20_000;

/** A connector without a task after this long will not get one. */
const TASK_MS = 120_000;

/** Runs the mode with the arguments after `register`. Gives the process's exit code. */
export async function runRegister(
  args: string[],
  env: Readonly<Record<string, string>>,
  print: (line: string) => void = console.log,
): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    print(HELP + settingsHelp());
    return 0;
  }
  const unknown = args.find((arg) => arg !== "--print");
  if (unknown !== undefined) {
    throw new Fault("usage", {
      what: "register does not know an argument",
      received: unknown,
      allowed: "--print, --help",
    });
  }
  const config = readConfig(env);
  if (args.includes("--print")) {
    const { name, config: settings } = connectorOf(config);
    print(JSON.stringify({ name, config: { ...settings, "database.password": "***" } }, null, 2));
    return 0;
  }
  await register(config, print);
  return 0;
}

/** See the top of this file. Throws a fault when the connector can't be made to run. */
export async function register(config: Config, print: (line: string) => void): Promise<void> {
  const connector = connectorOf(config);
  const connect = new Connect(config.SLUICE_CONNECT_URL, secretsOf(config));
  const version = await connect.version();
  const database = await openDatabase(config, print);
  try {
    await refuseInvalid(connect, connector);
    const before = await connect.config(connector.name);
    if (database !== undefined) {
      if (before === undefined) await refuseBusySlot(database, connector.config["slot.name"]);
      await prepare(database, config, print);
    }
    await connect.put(connector.name, connector.config);
    print(
      `${before === undefined ? "created" : "updated"} the connector ${connector.name} at ` +
        `${connect.where} (Kafka Connect ${version})`,
    );
    if (before !== undefined) await takeUp(connect, connector, before);
    print(await untilRunning(connect, connector, database));
  } finally {
    await database?.end().catch(() => {}); // a connection that is lost needs no closing
  }
}

/** The password, unless it is no secret anyway: also the name of the user, or the like. */
function secretsOf(config: Config): string[] {
  const { password, user, database, host } = parseTarget(requireConnector(config).url);
  return [user, database, host].includes(password) ? [] : [password];
}

/** Undefined when it can't be reached from here, which does not mean that Connect can't. */
async function openDatabase(
  config: Config,
  print: (line: string) => void,
): Promise<pg.Client | undefined> {
  const url = config.SLUICE_DATABASE_URL ?? requireConnector(config).url;
  try {
    return await connectToDatabase(url, { applicationName: "sluice-register" });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    print(`warn: the database can't be looked at from here. ${error.message}`);
    return undefined;
  }
}

async function prepare(
  database: pg.Client,
  config: Config,
  print: (line: string) => void,
): Promise<void> {
  await refuseTables(database, config.SLUICE_TABLES);
  try {
    await makeSignalTable(database, parseTarget(requireConnector(config).url).user);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    print(
      `warn: there will be no incremental snapshots, without ${SIGNAL_TABLE}. ${error.message}`,
    );
  }
}

/** Throws what Connect has against the settings; it tries the database with them, too. */
async function refuseInvalid(connect: Connect, { name, config }: Connector): Promise<void> {
  const problems = await connect.validate(name, config);
  if (problems.length === 0) return;
  const text = problems.map(({ setting, message }) => `${setting}: ${message}`).join("; ");
  throw explain(text, "Kafka Connect refuses the connector's settings");
}

/** Sees that an existing connector's task starts anew, with what its settings are now. */
async function takeUp(
  connect: Connect,
  { name, config }: Connector,
  before: Readonly<Record<string, string>>,
): Promise<void> {
  const isNow = (task: Readonly<Record<string, string>>) =>
    Object.entries(config).every(([setting, value]) => task[setting] === value);
  await poll(TASK_MS, async () => {
    const tasks = await connect.taskConfigs(name);
    return tasks.length > 0 && tasks.every(isNow) ? true : undefined;
  });
  const isSame = isNow(before) &&
    Object.keys(before).every((setting) => setting === "name" || setting in config);
  await connect.restart(name, isSame);
}

/** Waits until it runs. Resolves to a sentence about it. */
async function untilRunning(
  connect: Connect,
  { name, config }: Connector,
  database: pg.Client | undefined,
): Promise<string> {
  const slot = config["slot.name"];
  const started = performance.now();
  let runningSince: number | undefined;
  const sentence = await poll(TASK_MS, async () => {
    const status = await connect.status(name);
    if (status === undefined) return undefined;
    throwFailed(name, status);
    const runs = status.connector.state === "RUNNING" && status.tasks.length > 0 &&
      status.tasks.every(({ state }) => state === "RUNNING");
    runningSince = runs ? runningSince ?? performance.now() : undefined;
    if (runningSince === undefined) return undefined;
    if (database !== undefined && await isSlotRead(database, slot)) {
      return `${name} runs, and reads the slot ${slot}`;
    }
    const ms = performance.now() - Math.max(started, runningSince);
    return ms > SNAPSHOT_MS ? `${name} runs; it may still be copying its snapshot` : undefined;
  });
  if (sentence !== undefined) return sentence;
  throw new Fault("setup", {
    what: `Kafka Connect has not brought ${name} to run within ${TASK_MS / 1000} s`,
    received: JSON.stringify(await connect.status(name)),
    todo: "Its log says what it waits for.",
  });
}

function throwFailed(name: string, { connector, tasks }: Status): void {
  const failed = [connector, ...tasks].find(({ state }) => state === "FAILED");
  if (failed !== undefined) throw explain(failed.trace ?? "", `the connector ${name} has failed`);
}

/** Repeats `ask` until it resolves to something; undefined: it has not within `ms`. */
async function poll<T>(ms: number, ask: () => Promise<T | undefined>): Promise<T | undefined> {
  for (const until = performance.now() + ms; performance.now() < until;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return undefined;
}
