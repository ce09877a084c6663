/** The command line of `generate`. */
import { parseArgs } from "node:util";
import { Fault, quoted } from "../src/errors.ts";
import { nearest } from "../src/config.ts";
import { BULK_USERS_MAX } from "./bulk.ts";
import { RECENT_MAX, WALLETS_MAX } from "./bank.ts";
import { SIMULATED_START } from "./clock.ts";

/** What was asked for. */
export interface GenerateOptions {
  readonly help: boolean;
  /** Transactions a second; 0: as fast as it can. */
  readonly rate: number;
  readonly durationMs: number | undefined;
  readonly transactions: number | undefined;
  readonly users: number | undefined;
  readonly seed: number;
  readonly bulk: number | undefined;
  readonly live: boolean;
  readonly clock: "wall" | "simulated";
  readonly createSchema: boolean;
}

const OPTIONS = {
  rate: { type: "string" },
  duration: { type: "string" },
  transactions: { type: "string" },
  users: { type: "string" },
  seed: { type: "string" },
  bulk: { type: "string" },
  "no-live": { type: "boolean" },
  clock: { type: "string" },
  "create-schema": { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

const RATE_DEFAULT = 50;
const USERS_DEFAULT = 100;
const SEED_DEFAULT = 42;

/** `--help`. */
export const HELP = `Writes realistic bank traffic into SLUICE_DATABASE_URL: sign-ups, transfers,
deposits, card payments, reversals, notifications, beneficiaries, each in a transaction of its own.

Usage: deno task generate [options]

  --rate <n>          transactions a second; 0 or max: as fast as it can, and then its commits do
                      not wait for the disk (synchronous_commit = off for this session only, so a
                      crash of the server may lose the last of them) (default ${RATE_DEFAULT})
  --duration <time>   stop after this long: 500ms, 30s, 5m, 2h (default: until Ctrl-C)
  --transactions <n>  stop after this many
  --users <n>         customers that an empty database starts with (default ${USERS_DEFAULT}; with --bulk, one
                      for 50 transactions, at most ${BULK_USERS_MAX})
  --seed <n>          names the run: the same seed on the same database gives the same rows
                      (default ${SEED_DEFAULT})
  --clock <which>     wall: rows get the machine's time (default). simulated: time begins at
                      ${timeText(SIMULATED_START)}, or after the newest row, and goes on by
                      1/rate seconds a transaction, so that the same seed gives the same bytes
  --bulk <n>          first load n rows of transactions, with all that belongs to them, spread over
                      the last year, by COPY in one database transaction; the tables must be empty
  --no-live           end after --bulk
  --create-schema     apply sql/schema.sql even if some of its tables exist; without any, it is
                      always applied
  --help              this text

Ctrl-C and SIGTERM end it after the transaction under way, with a summary. A lost connection is
tried again for ever. After each commit, select sum(balance) from wallets is 0.

It keeps in memory at most ${WALLETS_MAX} wallets and the newest ${RECENT_MAX} notifications,
beneficiaries and movements each; of a larger bank, only the oldest customers do anything.
`;

/** Reads the command line. Throws a `usage` fault. */
export function readOptions(args: string[]): GenerateOptions {
  const values = parse(args);
  const options = {
    help: values.help ?? false,
    rate: values.rate === "max" ? 0 : number("rate", values.rate, 0, 100_000) ?? RATE_DEFAULT,
    durationMs: duration(values.duration),
    transactions: number("transactions", values.transactions, 1, 1e12),
    users: number("users", values.users, 1, 1_000_000),
    seed: number("seed", values.seed, 0, 2 ** 32 - 1) ?? SEED_DEFAULT,
    bulk: number("bulk", values.bulk, 1, 1e9),
    live: !(values["no-live"] ?? false),
    clock: clock(values.clock),
    createSchema: values["create-schema"] ?? false,
  };
  if (options.bulk !== undefined && (options.users ?? 0) > BULK_USERS_MAX) {
    throw wrong("users", String(options.users), `1 to ${BULK_USERS_MAX} with --bulk`);
  }
  if (!options.live && options.bulk === undefined && !options.help) {
    throw new Fault("usage", {
      what: "--no-live without --bulk leaves nothing to do",
      todo: "Add --bulk <n>, or leave --no-live out.",
    });
  }
  return { ...options, users: options.users ?? (options.bulk ? undefined : USERS_DEFAULT) };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const names = Object.keys(OPTIONS).map((name) => `--${name}`);
    const unknown = args.find((arg) => arg.startsWith("--") && !names.includes(arg.split("=")[0]));
    const near = unknown && nearest(unknown.split("=")[0], names);
    throw new Fault("usage", {
      what: error instanceof Error ? error.message.split(". ")[0].replace(/\.$/, "") : "bad option",
      allowed: names.join(", "),
      todo: near ? `Did you mean ${near}?` : "`deno task generate --help` explains them.",
    }, { cause: error });
  }
}

function number(name: string, text: string | undefined, min: number, max: number) {
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  const also = name === "rate" ? ", or max" : "";
  throw wrong(name, text, `a whole number from ${min} to ${max}${also}`);
}

const UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function duration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (match) return Number(match[1]) * UNITS_MS[match[2]];
  throw wrong("duration", text, "a number with ms, s, m or h, as in 30s");
}

function clock(text = "wall"): "wall" | "simulated" {
  if (text === "wall" || text === "simulated") return text;
  throw wrong("clock", text, "wall or simulated");
}

function wrong(name: string, received: string, allowed: string): Fault {
  return new Fault("usage", {
    what: `--${name} is not valid`,
    received: quoted(received),
    allowed,
    todo: "`deno task generate --help` explains it.",
  });
}

function timeText(micros: number): string {
  return new Date(micros / 1000).toISOString().replace(".000", "");
}
