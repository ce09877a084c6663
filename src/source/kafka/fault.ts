/** What kafkajs, Kafka, the network and TLS answer, as faults: one table. */
import { Fault, type FaultKind } from "../../errors.ts";

/** What was being done, and where: both stand in the message. */
export interface FaultContext {
  /** The brokers as they were given, and the group. */
  readonly where: string;
  /** Such as "reading the topics' offsets". */
  readonly doing: string;
}

interface Row {
  /** kafkajs's name of the error, and for an error that may pass also that and ` retriable`. */
  readonly name?: RegExp;
  /** Kafka's name of the error, or the system's code. */
  readonly code?: RegExp;
  readonly message?: RegExp;
  readonly kind: FaultKind;
  readonly what: string;
  readonly todo: string;
}

/** What reading records throws: our decoder and codecs, a buffer that ends early, kafkajs itself. */
const UNDECODABLE =
  /^(BatchError|CodecError|RangeError|KafkaJSInvalid\w+|KafkaJSPartialMessageError)$/;

const CONSOLE = "Look at the topic with Kafka's own kafka-console-consumer: if it reads the " +
  "records, please report this.";

const RETRIED = "Sluice goes on trying.";

/** The first row that fits wins; a row fits when all its patterns do. */
const ROWS: readonly Row[] = [
  // Login
  {
    code: /^UNSUPPORTED_SASL_MECHANISM$/,
    kind: "setup",
    what: "the brokers don't offer this kind of login",
    todo: "Set SLUICE_KAFKA_SASL_MECHANISM to one of the listener's sasl.enabled.mechanisms.",
  },
  {
    message: /^SASL .* mechanism is not supported/,
    kind: "setup",
    what: "the brokers don't offer this kind of login",
    todo: "Set SLUICE_KAFKA_SASL_MECHANISM to one of the listener's sasl.enabled.mechanisms.",
  },
  {
    code: /^ILLEGAL_SASL_STATE$/,
    kind: "setup",
    what: "the listener wants no login",
    todo: "Leave SLUICE_KAFKA_SASL_MECHANISM out, or give the address of a SASL listener.",
  },
  {
    name: /^KafkaJSSASLAuthenticationError$/,
    kind: "setup",
    what: "the brokers refuse the user or its password",
    todo: "Mend SLUICE_KAFKA_SASL_USERNAME and SLUICE_KAFKA_SASL_PASSWORD; with SCRAM the user " +
      "must exist for this mechanism.",
  },
  {
    code: /^SASL_AUTHENTICATION_FAILED$/,
    kind: "setup",
    what: "the brokers refuse the user or its password",
    todo: "Mend SLUICE_KAFKA_SASL_USERNAME and SLUICE_KAFKA_SASL_PASSWORD.",
  },
  // Rights
  {
    code: /^TOPIC_AUTHORIZATION_FAILED$/,
    kind: "setup",
    what: "our user may not read a topic",
    todo: "Allow it READ and DESCRIBE on the topics: kafka-acls --add --allow-principal " +
      "User:<user> --operation Read --topic <prefix> --resource-pattern-type prefixed",
  },
  {
    code: /^GROUP_AUTHORIZATION_FAILED$/,
    kind: "setup",
    what: "our user may not join the consumer group",
    todo: "Allow it READ on the group of SLUICE_KAFKA_GROUP: kafka-acls --add " +
      "--allow-principal User:<user> --operation Read --group <group>",
  },
  {
    code: /_AUTHORIZATION_FAILED$/,
    kind: "setup",
    what: "our user lacks a right at the brokers",
    todo: "Allow it READ on the topics and on the group.",
  },
  // Group
  {
    code: /^INVALID_GROUP_ID$/,
    kind: "setup",
    what: "the brokers take the group's name for none",
    todo: "Mend SLUICE_KAFKA_GROUP.",
  },
  {
    code: /^INCONSISTENT_GROUP_PROTOCOL$/,
    kind: "setup",
    what: "another kind of consumer is a member of the group",
    todo: "Give Sluice a SLUICE_KAFKA_GROUP of its own.",
  },
  {
    name: /^KafkaJSGroupCoordinatorNotFound$/,
    kind: "connection",
    what: "no broker coordinates the group at the moment",
    todo: `The topic __consumer_offsets may have no leader. ${RETRIED}`,
  },
  {
    code: /COORDINATOR/,
    kind: "connection",
    what: "no broker coordinates the group at the moment",
    todo: `The topic __consumer_offsets may have no leader. ${RETRIED}`,
  },
  // Topics and records
  {
    code: /^UNKNOWN_TOPIC_OR_PARTITION$/,
    kind: "connection",
    what: "a topic is not there at the moment",
    todo: RETRIED,
  },
  {
    name: UNDECODABLE,
    kind: "protocol",
    what: "an answer of a broker can't be decoded",
    todo: CONSOLE,
  },
  {
    name: /^KafkaJS(NotImplemented|ServerDoesNotSupportApiKey|UnsupportedMagicByteInMessageSet)$/,
    kind: "protocol",
    what: "the brokers' protocol is not one that we know",
    todo: "Sluice reads from Kafka 2.4 and later.",
  },
  {
    code: /^UNSUPPORTED_VERSION$/,
    kind: "protocol",
    what: "the brokers' protocol is not one that we know",
    todo: "Sluice reads from Kafka 2.4 and later.",
  },
  // TLS
  {
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    kind: "setup",
    what: "a broker's certificate is for another host name",
    todo: "Use the name in the certificate in SLUICE_KAFKA_BROKERS and in the brokers' " +
      "advertised.listeners.",
  },
  {
    code: /CERT|SIGNATURE|ISSUER|CA_|CRL/,
    kind: "setup",
    what: "a broker's certificate can't be verified",
    todo: "Give the certificate of the authority that signed it: SLUICE_KAFKA_TLS_CA.",
  },
  {
    message: /before secure TLS connection was established/,
    kind: "connection",
    what: "a broker broke off while TLS was being set up",
    todo: `If it stays so, the listener may have no TLS, or ask for a client's certificate. ` +
      RETRIED,
  },
  {
    code: /^(ERR_SSL|ERR_TLS|EPROTO)/,
    kind: "setup",
    what: "TLS could not be agreed on",
    todo: "The listener must offer TLS 1.2 or later: see its security protocol.",
  },
  // Network
  {
    code: /^ENOTFOUND$|^EAI_/,
    kind: "connection",
    what: "a broker's host name is not known",
    todo: "Check SLUICE_KAFKA_BROKERS, the brokers' advertised.listeners, and name resolution " +
      `here. ${RETRIED}`,
  },
  {
    code: /^ECONNREFUSED$/,
    kind: "connection",
    what: "nothing listens at a broker's address",
    todo: "Start Kafka, or mend SLUICE_KAFKA_BROKERS or the brokers' advertised.listeners. " +
      RETRIED,
  },
  {
    message: /^Connection timeout/,
    kind: "connection",
    what: "a broker does not answer",
    todo: `A firewall may swallow the packets. ${RETRIED}`,
  },
  {
    name: /^KafkaJSConnectionClosedError$/,
    kind: "connection",
    what: "a broker closed the connection",
    todo: "It may be restarting; if it stays so, the listener may want TLS or a login. " + RETRIED,
  },
  {
    name: /^KafkaJS(Connection|RequestTimeout|LockTimeout|Timeout|BrokerNotFound|NoBroker)/,
    kind: "connection",
    what: "the connection to Kafka was lost",
    todo: RETRIED,
  },
  { code: /^E[A-Z_]+$/, kind: "connection", what: "the connection to Kafka failed", todo: RETRIED },
  // What is left of Kafka's own
  { name: /^KafkaJS.* retriable$/, kind: "connection", what: "Kafka broke off", todo: RETRIED },
  { name: /^KafkaJS/, kind: "setup", what: "Kafka refuses", todo: "Its own log may say more." },
];

/** Any error of kafkajs as a `Fault`; a `Fault` stays what it is, the unknown is a `bug`. */
export function toFault(error: unknown, context: FaultContext): Fault {
  const inner = innermost(error);
  if (inner instanceof Fault) return inner;
  const { name, code, message, isRetriable } = partsOf(error);
  const names = isRetriable ? [name, `${name} retriable`] : [name];
  const row = ROWS.find((candidate) =>
    (candidate.name === undefined || names.some((one) => candidate.name!.test(one))) &&
    (candidate.code === undefined || candidate.code.test(code)) &&
    (candidate.message === undefined || candidate.message.test(message))
  );
  return new Fault(row?.kind ?? "bug", {
    what: `${row?.what ?? "an unexpected error"} (${context.doing}, ${context.where})`,
    received: code ? `${message} [${code}]` : message,
    todo: row?.todo ?? "This is a bug in Sluice: please report it.",
  }, { cause: error });
}

/** Kafka's name of an error (`UNKNOWN_TOPIC_OR_PARTITION`), the system's code, or "". */
export function codeOf(error: unknown): string {
  return partsOf(error).code;
}

/** Whether what a broker has sent could not be made records of. */
export function isUndecodable(error: unknown): boolean {
  return UNDECODABLE.test(partsOf(error).name);
}

/** The fault for records that can't be decoded, which are `where`. */
export function undecodable(where: string, error: unknown): Fault {
  const { name, message } = partsOf(error);
  return new Fault("protocol", {
    what: name === "CodecError"
      ? "a batch of records can't be decompressed"
      : "a batch of records can't be decoded",
    received: `${where}: ${message}`,
    todo: CONSOLE,
  }, { cause: error });
}

function partsOf(error: unknown) {
  const inner = innermost(error);
  const given = (inner ?? {}) as Record<string, unknown>;
  const text = (field: string) => typeof given[field] === "string" ? given[field] as string : "";
  return {
    name: text("name"),
    code: text("type") || text("code"),
    message: text("message") || String(inner),
    isRetriable: given.retriable === true,
  };
}

/** kafkajs wraps what it gave up on: the innermost error says what was wrong. */
function innermost(error: unknown): unknown {
  let inner = error;
  while (/^KafkaJS/.test(nameOf(inner)) && causeOf(inner) instanceof Error) inner = causeOf(inner);
  return inner;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

function causeOf(error: unknown): unknown {
  return (error as Error).cause;
}
