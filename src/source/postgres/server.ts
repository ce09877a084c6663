/** What the source's server and our role on it are like, and whether that will do. */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { fail, type Finding, ok, warn } from "../../catalog/finding.ts";
import { Fault } from "../../errors.ts";
import { toFault, whereOf } from "./connect.ts";

/** Facts about the server, its database and our session. */
export interface ServerFacts {
  /** `server_version_num`: 140023 is 14.23. */
  readonly versionNumber: number;
  readonly version: string;
  readonly walLevel: string;
  readonly replicationSlotsMax: number;
  readonly replicationSlotsUsed: number;
  readonly walSendersMax: number;
  readonly walSendersUsed: number;
  /** 0: never. */
  readonly walSenderTimeoutMs: number;
  /** `max_slot_wal_keep_size`; −1: no limit. */
  readonly slotWalKeepMb: number;
  readonly encoding: string;
  /** A standby. */
  readonly inRecovery: boolean;
  readonly database: string;
  readonly user: string;
  readonly isSuperuser: boolean;
  /** The REPLICATION attribute, or a cloud's role that stands for it. */
  readonly mayReplicate: boolean;
  /** CREATE on the database: needed to create a publication. */
  readonly mayCreate: boolean;
  /** Whether this connection uses TLS. */
  readonly tls: boolean;
}

/** The oldest version whose pgoutput we read. */
const VERSION_MIN = 140_000;

const SERVER_SQL = `
SELECT current_setting('server_version_num')::int AS "versionNumber",
  current_setting('server_version') AS version,
  current_setting('wal_level') AS "walLevel",
  current_setting('max_replication_slots')::int AS "replicationSlotsMax",
  (SELECT count(*)::int FROM pg_replication_slots) AS "replicationSlotsUsed",
  current_setting('max_wal_senders')::int AS "walSendersMax",
  (SELECT count(*)::int FROM pg_stat_replication) AS "walSendersUsed",
  (SELECT setting::int FROM pg_settings WHERE name = 'wal_sender_timeout')
    AS "walSenderTimeoutMs",
  coalesce((SELECT setting::int FROM pg_settings WHERE name = 'max_slot_wal_keep_size'), -1)
    AS "slotWalKeepMb",
  getdatabaseencoding() AS encoding,
  pg_is_in_recovery() AS "inRecovery",
  current_database() AS database,
  current_user AS user,
  r.rolsuper AS "isSuperuser",
  r.rolreplication OR EXISTS (SELECT FROM pg_roles cloud
    WHERE cloud.rolname IN ('rds_replication', 'rds_superuser')
      AND pg_has_role(cloud.oid, 'MEMBER')) AS "mayReplicate",
  has_database_privilege(current_database(), 'CREATE') AS "mayCreate",
  coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls
FROM pg_roles r WHERE r.rolname = current_user`;

/** Reads the facts; judges nothing. */
export async function readServerFacts(client: pg.Client): Promise<ServerFacts> {
  try {
    const { rows: [facts] } = await client.query<ServerFacts>(SERVER_SQL);
    return facts;
  } catch (error) {
    throw toFault(error, { where: whereOf(client), doing: "reading the server's settings" });
  }
}

/**
 * Reads the facts, and throws one `setup` fault with everything that keeps us from replicating.
 * Room for a slot or a WAL sender is not among it: it may come back, and the server says so itself.
 */
export async function readServer(client: pg.Client): Promise<ServerFacts> {
  const facts = await readServerFacts(client);
  requireServer(facts, whereOf(client));
  return facts;
}

/** Throws that fault for `facts` of the server at `where`. */
export function requireServer(facts: ServerFacts, where: string): void {
  const failures = abilityFindings(facts).filter((finding) => finding.level === "fail");
  if (failures.length === 0) return;
  throw new Fault("setup", {
    what: `the source is not ready for replication (${where}): ${
      failures.map((finding) => finding.what).join("; ")
    }`,
    todo: failures.map((finding) => finding.todo).filter((todo) => todo).join(" "),
  });
}

/** Judges the facts. `hasSlot`: our slot is there already, so no new one is needed. */
export function serverFindings(facts: ServerFacts, hasSlot: boolean): Finding[] {
  return [
    ...abilityFindings(facts),
    slotRoomFinding(facts, hasSlot),
    senderRoomFinding(facts),
    ...timeoutFindings(facts),
    keepFinding(facts),
  ];
}

/** What does not change by itself. */
function abilityFindings(facts: ServerFacts): Finding[] {
  return [
    versionFinding(facts),
    primaryFinding(facts),
    walLevelFinding(facts),
    roleFinding(facts),
    encodingFinding(facts),
  ];
}

function versionFinding({ versionNumber, version }: ServerFacts): Finding {
  if (versionNumber >= VERSION_MIN) return ok("server", `PostgreSQL ${version}`);
  return fail("server", `PostgreSQL ${version} is too old`, "Upgrade it to 14 or later.");
}

function primaryFinding({ inRecovery }: ServerFacts): Finding {
  if (!inRecovery) return ok("server", "it is a primary");
  return fail(
    "server",
    "it is a standby, which can't publish",
    "Point SLUICE_DATABASE_URL at the primary.",
  );
}

function walLevelFinding({ walLevel }: ServerFacts): Finding {
  if (walLevel === "logical") return ok("wal_level", "logical");
  return fail(
    "wal_level",
    `wal_level is ${walLevel}, and must be logical`,
    "ALTER SYSTEM SET wal_level = logical; then restart the server (Amazon RDS: set " +
      "rds.logical_replication to 1 in the parameter group and reboot).",
  );
}

function roleFinding({ user, mayReplicate, isSuperuser }: ServerFacts): Finding {
  if (mayReplicate || isSuperuser) return ok("role", `${user} may replicate`);
  return fail(
    "role",
    `${user} may not replicate`,
    `ALTER ROLE "${user.replaceAll('"', '""')}" REPLICATION; (Amazon RDS: GRANT rds_replication ` +
      `TO "${user.replaceAll('"', '""')}";)`,
  );
}

function slotRoomFinding(facts: ServerFacts, hasSlot: boolean): Finding {
  const used = `${facts.replicationSlotsUsed} of ${facts.replicationSlotsMax} replication slots`;
  if (hasSlot || facts.replicationSlotsUsed < facts.replicationSlotsMax) {
    return ok("max_replication_slots", `${used} are in use`);
  }
  return fail(
    "max_replication_slots",
    `${used} are in use, and Sluice needs one`,
    `ALTER SYSTEM SET max_replication_slots = ${
      facts.replicationSlotsUsed + 5
    }; then restart the ` +
      "server; or drop one that nobody uses: SELECT slot_name, active FROM pg_replication_slots;",
  );
}

function senderRoomFinding(facts: ServerFacts): Finding {
  const used = `${facts.walSendersUsed} of ${facts.walSendersMax} WAL senders`;
  if (facts.walSendersUsed < facts.walSendersMax) {
    return ok("max_wal_senders", `${used} are in use`);
  }
  return fail(
    "max_wal_senders",
    `${used} are in use, and Sluice needs one`,
    `ALTER SYSTEM SET max_wal_senders = ${facts.walSendersUsed + 5}; then restart the server.`,
  );
}

/** Below this, one slow commit is enough to lose the connection. */
const SENDER_TIMEOUT_MS_MIN = 5000;

function timeoutFindings({ walSenderTimeoutMs }: ServerFacts): Finding[] {
  if (walSenderTimeoutMs === 0 || walSenderTimeoutMs >= SENDER_TIMEOUT_MS_MIN) return [];
  return [warn(
    "wal_sender_timeout",
    `it is ${walSenderTimeoutMs} ms, so the server may cut a stream that is well`,
    "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();",
  )];
}

function encodingFinding({ encoding, database }: ServerFacts): Finding {
  if (encoding !== "SQL_ASCII") return ok("encoding", `${encoding}, read as UTF-8`);
  return fail(
    "encoding",
    `the database ${database} is in SQL_ASCII, so its text is in no known encoding`,
    "Move it to a database that was made with ENCODING 'UTF8'.",
  );
}

function keepFinding({ slotWalKeepMb }: ServerFacts): Finding {
  if (slotWalKeepMb >= 0) {
    return ok(
      "max_slot_wal_keep_size",
      `${slotWalKeepMb} MB: a Sluice that is further behind loses its slot, and starts anew`,
    );
  }
  return warn(
    "max_slot_wal_keep_size",
    "it has no limit: while Sluice is stopped, its slot can fill the server's disk with WAL",
    "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf(); or watch the slot.",
  );
}
