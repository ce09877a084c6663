/** argv → serve | generate | check | register | dead-letters; nothing else. */
import { Fault, toFaultData } from "./src/errors.ts";
import { followParent } from "./src/parent.ts";
import { VERSION } from "./src/version.ts";

const HELP = `Sluice ${VERSION}: keeps an embedded warehouse equal to a PostgreSQL database.

Usage: sluice <mode> [options]

  serve          replicate a database and answer queries over HTTP
  generate       write realistic bank traffic into SLUICE_DATABASE_URL
  check          validate the configuration, and try each connection and right
  register       create or update Debezium's connector in Kafka Connect
  dead-letters   list or show records that were set aside

  sluice <mode> --help says more about each. Settings are environment variables: docs/CONFIG.md.
`;

/** The modes; each is loaded only when it is asked for. */
const MODES: Record<string, (args: string[], env: Record<string, string>) => Promise<number>> = {
  serve: async (args, env) => (await import("./src/service.ts")).runServe(args, env),
  generate: async (args, env) => (await import("./generator/generate.ts")).runGenerate(args, env),
  check: async (args, env) => (await import("./src/source/check.ts")).runCheck(args, env),
  register: async (args, env) => (await import("./src/connect/register.ts")).runRegister(args, env),
  "dead-letters": async (args, env) =>
    (await import("./src/dead_letters.ts")).runDeadLetters(args, env),
};

async function main(args: string[]): Promise<number> {
  const [mode, ...rest] = args;
  if (mode === undefined || mode === "--help" || mode === "-h" || mode === "help") {
    console.log(HELP);
    return mode === undefined ? 2 : 0;
  }
  if (mode === "--version") {
    console.log(VERSION);
    return 0;
  }
  try {
    const run = MODES[mode];
    if (run === undefined) {
      throw new Fault("usage", {
        what: "there is no such mode",
        received: mode,
        allowed: Object.keys(MODES).join(", "),
        todo: "`sluice --help` explains them.",
      });
    }
    return await run(rest, Deno.env.toObject());
  } catch (error) {
    const fault = toFaultData(error);
    if (fault.stack !== undefined) console.error(fault.stack);
    console.error(`sluice: ${error instanceof Fault ? error.message : fault.details.what}`);
    return error instanceof Fault ? error.exit : 1;
  }
}

if (import.meta.main) Deno.exit(await main(followParent(Deno.args)));
