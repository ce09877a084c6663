/**
 * Why a connector failed, in a sentence: Connect gives a Java stack of many exceptions, of which the
 * last cause says what PostgreSQL, the network or Kafka answered.
 */
import { Fault, type FaultKind } from "../errors.ts";

interface Row {
  /** Found in the cause, or anywhere in the stack. */
  readonly pattern: RegExp;
  readonly kind: FaultKind;
  readonly what: string;
  readonly todo: string;
}

/** The first row that fits wins. `wal_level` comes before what else is said of the same failure. */
const ROWS: readonly Row[] = [
  {
    pattern: /wal_level/i,
    kind: "setup",
    what: "the database does not write what replication needs",
    todo: "Set wal_level = logical in its postgresql.conf (on a managed one, the parameter for " +
      "logical replication), and restart it.",
  },
  {
    pattern: /password authentication failed|no password was provided|SCRAM authentication/,
    kind: "setup",
    what: "the database refuses the user or its password",
    todo: "Mend user and password in SLUICE_DATABASE_URL (or SLUICE_CONNECT_DATABASE_URL), and " +
      "register again.",
  },
  {
    pattern: /no pg_hba\.conf entry/,
    kind: "setup",
    what: "the database's pg_hba.conf does not let Kafka Connect in",
    todo: "Add a line for Connect's address, database and role to pg_hba.conf, and reload.",
  },
  {
    pattern: /database "[^"]*" does not exist/,
    kind: "setup",
    what: "the server has no such database",
    todo: "Mend the database's name in SLUICE_DATABASE_URL, or create it.",
  },
  {
    pattern: /role "[^"]*" does not exist/,
    kind: "setup",
    what: "the database has no such role",
    todo: "Mend the user in SLUICE_DATABASE_URL, or create it with LOGIN and REPLICATION.",
  },
  {
    pattern: /SSL|certificate|PKIX/,
    kind: "setup",
    what: "Kafka Connect and the database do not agree on TLS",
    todo: "See to sslmode in SLUICE_DATABASE_URL. sslrootcert names a file on Connect's machine.",
  },
  {
    pattern: /UnknownHostException|Connection to \S+ refused|connection attempt failed/,
    kind: "connection",
    what: "Kafka Connect does not reach the database",
    todo:
      "The address is Connect's to use: in a container, 127.0.0.1 is the container itself. Set " +
      "SLUICE_CONNECT_DATABASE_URL when it has another name there.",
  },
  {
    pattern: /No route to host|Network is unreachable|timed out/i,
    kind: "connection",
    what: "Kafka Connect has no way to the database",
    todo: "See to network and firewall between the two; the address is Connect's to use.",
  },
  {
    pattern: /replication slot "[^"]*" is active for PID/,
    kind: "slot-busy",
    what: "another connector reads the replication slot already",
    todo:
      "Remove that one, or give this one a SLUICE_KAFKA_TOPIC_PREFIX, and so a slot, of its own.",
  },
  {
    pattern: /all replication slots are in use/,
    kind: "setup",
    what: "the database has no room for another replication slot",
    todo: "Drop one that nobody needs (pg_replication_slots), or raise max_replication_slots and " +
      "restart it.",
  },
  {
    pattern: /max_wal_senders|too many (clients|connections)|remaining connection slots/,
    kind: "setup",
    what: "the database takes no more connections",
    todo: "Raise max_wal_senders or max_connections and restart it, or close others.",
  },
  {
    pattern:
      /must be superuser or replication role|permission denied to start WAL sender|use replication slots/,
    kind: "setup",
    what: "the role may not replicate",
    todo: "ALTER ROLE … REPLICATION; (on a managed database, grant the provider's role for it).",
  },
  {
    pattern:
      /must be owner of|must be superuser to create FOR ALL TABLES|permission denied for database/,
    kind: "setup",
    what: "the role may not make the publication",
    todo: "Let it own the tables and GRANT CREATE ON DATABASE …, or make the publication of the " +
      "slot's name yourself, with the tables and debezium.signal.",
  },
  {
    pattern: /permission denied for/,
    kind: "setup",
    what: "the role may not read what it is to replicate",
    todo: "GRANT USAGE ON SCHEMA … and GRANT SELECT ON ALL TABLES IN SCHEMA … to it; the signal " +
      "table needs SELECT and INSERT.",
  },
  {
    pattern: /No table filters found for filtered publication|no tables? .*(match|found)/i,
    kind: "setup",
    what: "no table of the database matches SLUICE_TABLES",
    todo: "Mend SLUICE_TABLES, or create the tables.",
  },
  {
    pattern: /requested WAL segment .* removed|can no longer (get|be used)|invalidat/,
    kind: "position-lost",
    what: "the database has thrown away changes that the connector has not read",
    todo:
      "Drop the slot, delete the connector and its offsets, and register it again: it takes a " +
      "new snapshot.",
  },
  {
    pattern: /RecordTooLarge|larger than .*max\.request\.size|message\.max\.bytes/,
    kind: "setup",
    what: "a row is larger than a record of Kafka may be",
    todo: "Raise message.max.bytes of the broker, max.message.bytes of the topic and " +
      "producer.override.max.request.size of the connector.",
  },
  {
    pattern: /Failed to find any class|ClassNotFound|No suitable constructor/,
    kind: "setup",
    what: "this Kafka Connect does not have Debezium's connector for PostgreSQL",
    todo: "Put debezium-connector-postgres into a folder of its plugin.path, and restart it; the " +
      "image debezium/connect has it.",
  },
  {
    pattern: /policy does not allow '[^']+' to be overridden/,
    kind: "setup",
    what: "this Kafka Connect does not let a connector set how its producer works",
    todo: "Set connector.client.config.override.policy=All for the worker.",
  },
];

/** A fault that says `text`, a message or a Java stack of Connect's, for an operator. */
export function explain(text: string, doing: string): Fault {
  const cause = rootCause(text);
  const row = ROWS.find(({ pattern }) => pattern.test(cause)) ??
    ROWS.find(({ pattern }) => pattern.test(text));
  if (row === undefined) {
    return new Fault("setup", {
      what: doing,
      received: cause,
      todo: "The log of Kafka Connect has the whole of it.",
    });
  }
  return new Fault(row.kind, { what: `${doing}: ${row.what}`, received: cause, todo: row.todo });
}

/** The message of the last cause of a Java stack, in one line; of any other text, all of it. */
export function rootCause(text: string): string {
  const lines = text.split("\n");
  const isCause = (line: string) => /^(Caused by: )?[\w.$]+(Exception|Error)(: |$)/.test(line);
  const last = lines.findLastIndex(isCause);
  if (last === -1) return oneLine(lines);
  const end = lines.findIndex((line, index) =>
    index > last && /^\s+(at |\.\.\. \d+ more)/.test(line)
  );
  return oneLine(lines.slice(last, end === -1 ? undefined : end))
    .replace(/^(Caused by: )?([\w.$]+\.)/, "");
}

/** Lines as one, cut to a sensible length. */
function oneLine(lines: readonly string[]): string {
  const text = lines.map((line) => line.trim()).filter((line) => line !== "").join(" ");
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}
