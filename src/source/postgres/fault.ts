/** What PostgreSQL, the network and TLS answer, as faults: one table, by SQLSTATE and by code. */
import { Fault, type FaultKind } from "../../errors.ts";

/** What was being done, and where: both stand in the message. */
export interface FaultContext {
  /** `user@host:port/database`, as `describe` gives it. */
  readonly where: string;
  /** Such as "connecting" or "reading the catalogue". */
  readonly doing: string;
}

interface Row {
  /** SQLSTATE, driver or system code. */
  readonly code?: RegExp;
  readonly message?: RegExp;
  readonly kind: FaultKind;
  readonly what?: string;
  readonly todo: string;
}

const RETRIED = "Sluice goes on trying.";

/** The first row that fits wins; a row fits when all its patterns do. */
const ROWS: readonly Row[] = [
  {
    code: /^28P01$/,
    kind: "setup",
    what: "the source refuses the user or its password",
    todo: "Mend user and password in SLUICE_DATABASE_URL, or set the password at the source: " +
      "ALTER ROLE … PASSWORD '…';",
  },
  {
    message: /client password must be a/,
    kind: "setup",
    what: "the source asks for a password, and SLUICE_DATABASE_URL has none",
    todo: "Write it into the URL: postgres://user:password@host:port/database.",
  },
  {
    code: /^28000$/,
    kind: "setup",
    what: "the source's pg_hba.conf does not let us in, or the role may not log in",
    todo: "Add a line such as `hostssl <database> <user> <our address> scram-sha-256` to " +
      "pg_hba.conf and reload, or ALTER ROLE … LOGIN;",
  },
  {
    message: /^SASL:/,
    kind: "setup",
    what: "the login by SCRAM failed",
    todo: "Check that the URL leads to the server that it should; a server in between must not " +
      "change the login.",
  },
  {
    code: /^3D000$/,
    kind: "setup",
    what: "the source has no such database",
    todo: "Mend the database's name in SLUICE_DATABASE_URL, or create it.",
  },
  {
    code: /^42501$/,
    message: /row-level security/,
    kind: "setup",
    what: "row-level security would hide rows from our role",
    todo: "ALTER ROLE … BYPASSRLS; or leave the table out of SLUICE_TABLES.",
  },
  {
    code: /^42501$/,
    message: /replication role|rolreplication|replication slots|walsender/i,
    kind: "setup",
    what: "our role may not replicate",
    todo: "ALTER ROLE … REPLICATION; (Amazon RDS: GRANT rds_replication TO …;)",
  },
  {
    code: /^42501$/,
    kind: "setup",
    what: "our role lacks a right at the source",
    todo: "Grant it; `deno task check` lists every right that is missing, with the statement.",
  },
  {
    code: /^08P01$/,
    message: /unsupported startup parameter/,
    kind: "setup",
    what: "a connection pooler refuses our session settings",
    todo: "Point SLUICE_DATABASE_URL at PostgreSQL itself: a replication stream passes no pooler.",
  },
  {
    code: /^53300$/,
    kind: "connection",
    what: "the source has no connection left for us",
    todo: `Raise max_connections or max_wal_senders there, or close others. ${RETRIED}`,
  },
  {
    code: /^53400$/,
    kind: "setup",
    what: "a limit of the source's configuration is reached",
    todo: "Raise max_replication_slots or max_wal_senders and restart it, or drop slots that " +
      "nobody uses: SELECT pg_drop_replication_slot('…');",
  },
  {
    code: /^55006$/,
    kind: "slot-busy",
    what: "another process still uses the replication slot",
    todo: `Stop the other Sluice, or give this one its own SLUICE_SLOT. ${RETRIED}`,
  },
  {
    code: /^55000$/,
    message: /wal_level/,
    kind: "setup",
    what: "the source does not write what logical replication needs",
    todo: "ALTER SYSTEM SET wal_level = logical; then restart the server.",
  },
  {
    code: /^(55000|58P01)$/,
    message: /replication slot|WAL segment/,
    kind: "position-lost",
    what: "the source no longer has the changes after our position",
    todo: "Take a new snapshot: `deno task serve --resnapshot`.",
  },
  {
    code: /^55P03$/,
    kind: "connection",
    what: "a table is being altered at the source",
    todo: RETRIED,
  },
  {
    code: /^(08...|57P0.|57014|40...|53...|58...)$/,
    kind: "connection",
    what: "the source broke off",
    todo: RETRIED,
  },
  {
    code: /^(42P01|3F000|42704)$/,
    kind: "setup",
    what: "something that was there is gone at the source",
    todo: "Run `deno task check`; it names what is missing.",
  },
  // Every other SQLSTATE of class 42 is about our own SQL.
  { code: /^42...$/, kind: "bug", todo: "Please report it, with the server's version." },
  {
    code: /^[0-9A-Z]{2}[0-9A-Z]{3}$/,
    message: /./,
    kind: "setup",
    what: "the source refuses",
    todo: "Its own log may say more.",
  },
];

const NETWORK_ROWS: readonly Row[] = [
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    kind: "setup",
    what: "the server's certificate is for another host name",
    todo: "Use the name in the certificate as the URL's host, or sslmode=verify-ca if the name " +
      "can't be right.",
  },
  {
    code: /CERT|SIGNATURE|ISSUER|CA_|CRL/,
    kind: "setup",
    what: "the server's certificate can't be verified",
    todo: "Give the certificate of the authority that signed it: &sslrootcert=<file.pem>. " +
      "sslmode=require encrypts without knowing to whom.",
  },
  {
    message: /does not support SSL/,
    kind: "setup",
    what: "sslmode asks for TLS, and the server has none",
    todo: "Turn it on there (ssl = on), or, on a network that you trust, use sslmode=prefer.",
  },
  {
    code: /^(ERR_SSL|ERR_TLS|EPROTO)/,
    kind: "setup",
    what: "TLS could not be agreed on",
    todo: "The server must offer TLS 1.2 or later with a valid certificate.",
  },
  {
    message: /establishing an SSL connection/,
    kind: "connection",
    what: "the server broke off while TLS was asked for",
    todo: `It may be starting, or no PostgreSQL at all. ${RETRIED}`,
  },
  {
    code: /^ENOTFOUND$/,
    kind: "connection",
    what: "the source's host name is not known",
    todo: `Check the host in SLUICE_DATABASE_URL, and name resolution here. ${RETRIED}`,
  },
  {
    code: /^ECONNREFUSED$/,
    kind: "connection",
    what: "nothing listens at the source's address",
    todo: `Start PostgreSQL, or mend host and port; listen_addresses must include it. ${RETRIED}`,
  },
  {
    message: /^timeout expired/,
    kind: "connection",
    what: "the source did not answer in time",
    todo: `A firewall may swallow the packets; &connect_timeout=<seconds> waits longer. ${RETRIED}`,
  },
  {
    code: /^(E[A-Z_]+)$/,
    kind: "connection",
    what: "the connection to the source failed",
    todo: RETRIED,
  },
  {
    message: /^Connection terminated|not queryable|Client was closed|socket|closed/i,
    kind: "connection",
    what: "the connection to the source was lost",
    todo: RETRIED,
  },
];

/** Any error of the driver as a `Fault`; a `Fault` stays what it is, the unknown is a `bug`. */
export function toFault(error: unknown, context: FaultContext): Fault {
  if (error instanceof Fault) return error;
  const { code, message, detail, hint } = partsOf(error);
  const rows = isSqlState(error, code) ? ROWS : [...NETWORK_ROWS, ...ROWS.filter((r) => !r.code)];
  const row = rows.find((candidate) =>
    (candidate.code === undefined || candidate.code.test(code)) &&
    (candidate.message === undefined || candidate.message.test(message))
  );
  const said = [message, detail, hint].filter((part) => part).join("; ");
  return new Fault(row?.kind ?? "bug", {
    what: `${row?.what ?? "an unexpected error"} (${context.doing}, ${context.where})`,
    received: code ? `${said} [${code}]` : said,
    todo: row?.todo ?? "This is a bug in Sluice: please report it.",
  }, { cause: error });
}

/** Whether TLS itself failed, so that `sslmode=prefer` goes on without. */
export function isTlsFailure(error: unknown): boolean {
  const { code, message } = partsOf(error);
  return /does not support SSL|establishing an SSL connection/.test(message) ||
    /^(ERR_SSL|ERR_TLS|EPROTO)|CERT|SIGNATURE|ISSUER/.test(code);
}

/** The server's SQLSTATE, the system's code or "". */
export function codeOf(error: unknown): string {
  return partsOf(error).code;
}

/** Errors of the server come with a severity; errors of the system don't. */
function isSqlState(error: unknown, code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && (error as { severity?: string }).severity !== undefined;
}

function partsOf(error: unknown): { code: string; message: string; detail: string; hint: string } {
  const given = (error ?? {}) as Record<string, unknown>;
  const text = (name: string) => typeof given[name] === "string" ? given[name] as string : "";
  let [code, message] = [text("code"), text("message")];
  // Several addresses of one host were tried: the first failure speaks for all.
  if (error instanceof AggregateError && error.errors.length > 0) {
    const first = partsOf(error.errors[0]);
    [code, message] = [code || first.code, message || first.message];
  }
  return { code, message: message || textOf(error), detail: text("detail"), hint: text("hint") };
}

/** Anything thrown as text, even an object without a usable `toString`. */
function textOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return Deno.inspect(error, { depth: 0 });
  }
}
