/**
 * `deno task stack`: PostgreSQL 14 with the bank, ZooKeeper and Kafka 3.3 (or Kafka alone), and Kafka
 * Connect with Debezium 2.3, without Docker; the connector is registered, and all that is left is to
 * point Sluice at it, or to let it run, too.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Config, readConfig } from "../config.ts";
import { register } from "../connect/register.ts";
import { Fault } from "../errors.ts";
import { seedBank } from "./bank.ts";
import type { Child } from "./child.ts";
import { follow } from "./follow.ts";
import { startPostgres } from "./leftovers.ts";
import { claimAddress, isLoopback } from "./port.ts";
import { exitCode, Session } from "./session.ts";
import { readPorts, writePorts } from "./stack/ports.ts";
import { Stack } from "./stack/stack.ts";
import { TRAFFIC_ARGS } from "./traffic.ts";

const HELP = `Usage: deno task stack [--kraft] [--serve] [--traffic] [--help]

Starts PostgreSQL 14, ZooKeeper, Kafka 3.3 and Kafka Connect with Debezium 2.3 on free ports of this
machine, fills the database with a bank, registers the connector, and says how to point Sluice at
it. It needs Java 11 or later, and Maven the first time. Ctrl-C stops everything; the data stays.

  --kraft     Kafka without ZooKeeper, with data of its own
  --traffic   write live traffic into the bank
  --serve     run Sluice on it, too, with live traffic
  --help      this text

The data lies in SLUICE_DATA_DIR/stack (stack-kraft), in .sluice by default.
`;

const OPTIONS = {
  kraft: { type: "boolean", default: false },
  serve: { type: "boolean", default: false },
  traffic: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

type Options = ReturnType<typeof readOptions>;

const TOPIC_PREFIX = "bank";

/** Settings of another database and another cluster, which this one does not use. */
const NOT_USED = [
  "SLUICE_DATABASE_URL",
  "SLUICE_CONNECT_DATABASE_URL",
  "SLUICE_KAFKA_BROKERS",
] as const;

async function start(session: Session, config: Config, options: Options): Promise<void> {
  const { screen, stopping } = session;
  const folder = resolve(config.SLUICE_DATA_DIR, options.kraft ? "stack-kraft" : "stack");
  await session.claim(folder);
  const served = options.serve ? claimAddress(config.SLUICE_HTTP_ADDR) : undefined;
  const stack = await startStack(session, folder, options.kraft);
  await seedBank(session, stack.databaseUrl);
  const env = settingsOf(stack, config);
  screen.step("registering Debezium's connector");
  await Promise.race([
    register(readConfig(env), (line) => screen.step(line)),
    stack.failure(),
    session.stopped(),
  ]);
  stopping.throwIfAborted();

  const children: Child[] = [];
  if (options.serve || options.traffic) {
    screen.step("starting live traffic");
    children.push(await session.child("generate", TRAFFIC_ARGS, env));
  }
  let following: Promise<void> | undefined;
  if (served === undefined) printHelp(session, stack, env);
  else {
    const dataDir = join(folder, "sluice");
    screen.step(`starting \`serve\` on ${served.base}`);
    const more = { SLUICE_HTTP_ADDR: served.address, SLUICE_DATA_DIR: dataDir };
    children.push(await session.child("serve", [], { ...env, ...more }));
    following = follow(session, {
      base: served.base,
      dataDir,
      traffic: true,
      bank: config.SLUICE_TABLES.includes("public.*"),
      sql: isLoopback(config.SLUICE_HTTP_ADDR),
      more: [`The source is ${stack.databaseUrl}: your own changes to it arrive, too.`],
    });
  }
  const failures = [stack.failure(), ...children.map((child) => child.failure())];
  await Promise.race([...failures, session.stopped(), ...(following ? [following] : [])]);
}

async function startStack(session: Session, folder: string, kraft: boolean): Promise<Stack> {
  const step = (text: string) => session.screen.step(text);
  const { stopping } = session;
  const stack = await Stack.start({
    folder,
    kraft,
    ports: await readPorts(folder),
    startPostgres: (options) => startPostgres({ ...options, onStep: step }, stopping),
    stopping,
    onStep: step,
  });
  session.defer(async () => {
    step("stopping Kafka Connect, Kafka and PostgreSQL");
    await stack.stop();
  });
  await writePorts(folder, stack.ports);
  return stack;
}

/** What `register`, `generate` and `serve` are to know of the stack, and what was given for them. */
function settingsOf(stack: Stack, config: Config): Record<string, string> {
  const given = Object.entries(Deno.env.toObject()).filter(([name]) =>
    name.startsWith("SLUICE_") && !(NOT_USED as readonly string[]).includes(name)
  );
  return {
    ...Object.fromEntries(given),
    SLUICE_SOURCE: "kafka",
    SLUICE_KAFKA_BROKERS: stack.brokers,
    SLUICE_KAFKA_TOPIC_PREFIX: config.SLUICE_KAFKA_TOPIC_PREFIX ?? TOPIC_PREFIX,
    SLUICE_CONNECT_URL: stack.connectUrl,
    SLUICE_DATABASE_URL: stack.databaseUrl,
  };
}

function printHelp({ screen }: Session, stack: Stack, env: Record<string, string>): void {
  const shown = [
    "SLUICE_SOURCE",
    "SLUICE_KAFKA_BROKERS",
    "SLUICE_KAFKA_TOPIC_PREFIX",
    "SLUICE_DATABASE_URL",
  ];
  screen.line();
  screen.line("Sluice reads these topics, in another terminal, with");
  screen.line();
  screen.line(`  ${shown.map((name) => `${name}='${env[name]}'`).join(" ")} \\`);
  screen.line("    npx -y deno@2.9.6 task serve");
  screen.line();
  screen.line(`Kafka is ${stack.brokers}, Kafka Connect ${stack.connectUrl},`);
  screen.line(`PostgreSQL ${stack.databaseUrl}.`);
  screen.line("Ctrl-C stops everything; the data stays.");
  screen.line();
}

function readOptions(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new Fault("usage", {
      what: `stack does not take these options: ${error instanceof Error ? error.message : error}`,
      received: args.join(" "),
      allowed: "--kraft, --serve, --traffic, --help",
    });
  }
}

async function main(): Promise<number> {
  const options = readOptions(Deno.args);
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const config = readConfig(Deno.env.toObject());
  const given = NOT_USED.filter((name) => config[name] !== undefined);
  if (given.length > 0) {
    throw new Fault("usage", {
      what: "the stack brings a database and a cluster of its own, and does not use another",
      received: given.join(", "),
      todo: "Unset it; for your own, see `deno task register --help`.",
    });
  }
  const session = new Session("stack");
  return await session.run(() => start(session, config, options));
}

if (import.meta.main) Deno.exit(await exitCode(main));
