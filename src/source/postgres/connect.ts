/**
 * Opens connections to the source, SQL and replication alike, with libpq's meanings of `sslmode`,
 * and with a session whose text output does not depend on what the role or database has set.
 */
// @ts-types="npm:@types/pg@8.23.1"
import pg from "pg";
import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { Fault } from "../../errors.ts";
import { codeOf, type FaultContext, isTlsFailure, toFault } from "./fault.ts";
import { describe, describeTarget, parseTarget, type Target } from "./target.ts";

export { describe, type FaultContext, toFault };

/** How to open a connection. */
export interface ConnectOptions {
  /** Opens a logical replication connection (`replication=database`). */
  replication?: boolean;
  /** Shown in `pg_stat_activity`; the URL's own wins. */
  applicationName?: string;
  /** Is told once when an open connection is lost, whether or not a statement was running. */
  onLost?: (fault: Fault) => void;
}

/**
 * Session settings that every connection starts with. They are start-up options, which win over
 * ALTER ROLE and ALTER DATABASE, and hold in a replication session as well: the stream's values in
 * text follow them. `row_security=off` turns silently filtered rows into an error.
 */
const SESSION: Readonly<Record<string, string>> = {
  client_encoding: "UTF8",
  DateStyle: "ISO",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  extra_float_digits: "3", // 1 and more: the shortest text that gives the same float back
  bytea_output: "hex",
  xmlbinary: "base64",
  standard_conforming_strings: "on",
  row_security: "off",
  statement_timeout: "0",
  lock_timeout: "0",
  idle_in_transaction_session_timeout: "0",
};

const KEEP_ALIVE_MS = 30_000;

/**
 * An open connection to `url`. Throws a `Fault`: `connection` for what may pass, `setup` for what
 * an operator must mend, `usage` for a URL that is not valid. The client's `error` events are
 * listened to, so that losing an idle connection is never an uncaught exception.
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<pg.Client> {
  const target = parseTarget(url);
  const context = { where: describeTarget(target), doing: "connecting" };
  const tls = await tlsOptions(target);
  try {
    return await open(target, tls, options);
  } catch (error) {
    const plainToo = target.sslMode === "prefer" &&
      (isTlsFailure(error) || codeOf(error) === "28000");
    if (!plainToo) throw toFault(error, context);
    try {
      return await open(target, false, options);
    } catch (plainError) {
      // When pg_hba.conf refuses both, the refusal of the encrypted one says more.
      const bothRefused = codeOf(error) === "28000" && codeOf(plainError) === "28000";
      throw toFault(bothRefused ? error : plainError, context);
    }
  }
}

/** `user@host:port/database` of a client that {@linkcode connect} gave. */
export function whereOf(client: pg.Client): string {
  return describeTarget(client);
}

async function open(
  target: Target,
  ssl: ConnectionOptions | false,
  options: ConnectOptions,
): Promise<pg.Client> {
  const config: pg.ClientConfig & Record<string, unknown> = {
    host: target.host,
    port: target.port,
    database: target.database,
    user: target.user,
    // As a function it is in no dump of the client, and an empty one makes pg read no ~/.pgpass.
    password: () => target.password,
    ssl,
    enableChannelBinding: target.channelBinding !== "disable" && ssl !== false,
    application_name: target.applicationName ?? options.applicationName ?? "sluice",
    connectionTimeoutMillis: target.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    options: sessionOptions(target.options),
    ...(options.replication ? { replication: "database" } : {}),
  };
  const client = new pg.Client(config);
  let state: "opening" | "open" | "lost" = "opening";
  client.on("error", (error) => {
    if (state !== "open") return;
    state = "lost";
    const context = { where: describeTarget(target), doing: "while connected" };
    options.onLost?.(toFault(error, context));
  });
  const { connection } = client as unknown as Internals;
  let bound = false;
  connection.on("authenticationSASL", ({ mechanisms }) => {
    bound = ssl !== false && mechanisms.includes("SCRAM-SHA-256-PLUS");
  });
  try {
    await client.connect();
    if (target.channelBinding === "require" && !bound) throw notBound(target);
  } catch (error) {
    connection.stream.destroy();
    throw error;
  }
  state = "open";
  return client;
}

/** What we need of pg's client beyond its types. */
interface Internals {
  readonly connection: {
    readonly stream: { destroy(): void };
    on(event: "authenticationSASL", listener: (message: { mechanisms: string[] }) => void): void;
  };
}

function notBound(target: Target): Fault {
  return new Fault("setup", {
    what: `channel_binding=require, and the server offers no bound login (connecting, ${
      describeTarget(target)
    })`,
    todo: "Use TLS (sslmode=require or more) and scram-sha-256 there, or drop channel_binding.",
  });
}

/** The URL's own options first: ours win. */
function sessionOptions(given: string): string {
  const ours = Object.entries(SESSION).map(([name, value]) => `-c ${name}=${value}`);
  return [given, ...ours].filter((part) => part !== "").join(" ");
}

/**
 * Node's TLS options for the mode. As in libpq, `require` verifies the chain when a root
 * certificate is given, and `verify-ca` does not look at the name. With no root certificate, the
 * verifying modes trust the well-known public authorities.
 */
async function tlsOptions(target: Target): Promise<ConnectionOptions | false> {
  if (target.sslMode === "disable") return false;
  if (target.sslMode === "prefer") return { rejectUnauthorized: false };
  const ca = target.sslRootCert === undefined ? undefined : await rootCert(target.sslRootCert);
  if (target.sslMode === "require" && ca === undefined) return { rejectUnauthorized: false };
  const anyName = target.sslMode !== "verify-full";
  return {
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
    ...(anyName ? { checkServerIdentity: () => undefined } : {}),
  };
}

async function rootCert(file: string): Promise<string> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    throw new Fault("setup", {
      what: "the file of sslrootcert in SLUICE_DATABASE_URL can't be read",
      received: `${file} (${error instanceof Error ? error.message : error})`,
      allowed: "a readable file of certificates in PEM, or `system` for the public authorities",
      todo: "Mend the path, or the file's rights.",
    }, { cause: error });
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new Fault("setup", {
    what: "the file of sslrootcert in SLUICE_DATABASE_URL holds no certificate",
    received: file,
    allowed: "a file with -----BEGIN CERTIFICATE----- in it (PEM)",
    todo: "Convert it: openssl x509 -inform der -in <file> -out <file>.pem",
  });
}

/** Ends a connection without a word to the server: a statement may be running on it. */
export function cut(client: pg.Client): void {
  (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
}
