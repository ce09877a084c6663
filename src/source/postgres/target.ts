/**
 * The source database's URL taken apart by hand, so that the driver gets explicit settings and
 * nothing of its own (environment variables, password files, warnings) comes in.
 */
import { Fault, quoted } from "../../errors.ts";

/** libpq's modes, without `allow`. */
export const SSL_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;

/** How much TLS is demanded; the meanings are libpq's. */
export type SslMode = typeof SSL_MODES[number];

/** What a database URL says. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly sslMode: SslMode;
  /** A file of trusted certificates in PEM; undefined: the well-known public authorities. */
  readonly sslRootCert: string | undefined;
  /** `require`: the login must be bound to the TLS channel (SCRAM-SHA-256-PLUS). */
  readonly channelBinding: "disable" | "prefer" | "require";
  readonly applicationName: string | undefined;
  readonly connectTimeoutMs: number;
  /** libpq's `options`, such as `-c search_path=bank`. */
  readonly options: string;
}

const CONNECT_TIMEOUT_SECONDS = 10;
const DEFAULT_PORT = 5432;
const ALLOWED =
  "postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=<file>";

/** Parameters that may stand after the `?`. */
const PARAMETERS = [
  "sslmode",
  "sslrootcert",
  "channel_binding",
  "application_name",
  "connect_timeout",
  "options",
];

/** Takes `url` apart. Throws a `usage` fault that never repeats the password. */
export function parseTarget(url: string): Target {
  const parts = urlOf(url);
  for (const name of parts.searchParams.keys()) {
    if (!PARAMETERS.includes(name)) {
      throw wrong(`has a parameter that Sluice does not know`, quoted(name), PARAMETERS.join(", "));
    }
  }
  const parameter = (name: string) => parts.searchParams.get(name) || undefined;
  const user = decoded(parts.username, "user name");
  if (user === "") throw wrong("names no user", undefined, ALLOWED);
  const database = decoded(parts.pathname.slice(1), "database");
  if (database === "") throw wrong("names no database", undefined, ALLOWED);
  const timeout = parameter("connect_timeout") ?? String(CONNECT_TIMEOUT_SECONDS);
  if (!/^[1-9]\d{0,3}$/.test(timeout)) {
    throw wrong("has a connect_timeout that is no number", quoted(timeout), "1 to 9999 seconds");
  }
  const sslRootCert = parameter("sslrootcert");
  return {
    host: parts.hostname.replace(/^\[|\]$/g, ""),
    port: parts.port === "" ? DEFAULT_PORT : Number(parts.port),
    database,
    user,
    password: decoded(parts.password, "password"),
    sslMode: oneOf("sslmode", parameter("sslmode") ?? "prefer", SSL_MODES),
    sslRootCert: sslRootCert === "system" ? undefined : sslRootCert,
    channelBinding: oneOf("channel_binding", parameter("channel_binding") ?? "prefer", [
      "disable",
      "prefer",
      "require",
    ]),
    applicationName: parameter("application_name"),
    connectTimeoutMs: Number(timeout) * 1000,
    options: parameter("options") ?? "",
  };
}

/** `user@host:port/database` of a URL, for logs and messages: never the password. Never throws. */
export function describe(url: string): string {
  try {
    return describeTarget(parseTarget(url));
  } catch {
    return "the source database";
  }
}

/** {@linkcode describe} of what {@linkcode parseTarget} gave, or of a connected client. */
export function describeTarget(
  target: { user?: string; host: string; port: number; database?: string },
): string {
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  return `${target.user}@${host}:${target.port}/${target.database}`;
}

function urlOf(url: string): URL {
  if (!URL.canParse(url)) throw wrong("is not a URL", undefined, ALLOWED);
  const parts = new URL(url);
  if (!["postgres:", "postgresql:"].includes(parts.protocol) || parts.hostname === "") {
    throw wrong("is not a PostgreSQL URL with a host", undefined, ALLOWED);
  }
  return parts;
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong(`has a % in its ${what} that begins no %XX escape`, undefined, "%25 for a %");
  }
}

function oneOf<const V extends string>(name: string, value: string, allowed: readonly V[]): V {
  if ((allowed as readonly string[]).includes(value)) return value as V;
  throw wrong(`has an unknown ${name}`, quoted(value), allowed.join(", "));
}

function wrong(what: string, received: string | undefined, allowed: string): Fault {
  return new Fault("usage", {
    what: `SLUICE_DATABASE_URL ${what}`,
    received,
    allowed,
    todo: "In user and password, write @ as %40, : as %3A, / as %2F, # as %23, ? as %3F, % as %25.",
  });
}
