/** The settings of SLUICE_SOURCE=kafka, a part of the table in config.ts. */
import { z } from "zod";
import { number, oneOf, setting, text } from "./setting.ts";

/** See the top of this file. */
export const KAFKA_SETTINGS = {
  SLUICE_KAFKA_BROKERS: setting({
    parse: z.string().transform((value) => value.split(",").map((part) => part.trim()))
      .pipe(z.array(text(/^[^:\s,[\]]+:\d{1,5}$/)).min(1)),
    byDefault: undefined,
    required: "required with SLUICE_SOURCE=kafka",
    allowed: "host:port of one or more brokers, separated by commas; IPv6 by a host's name only",
    why: "Where the cluster is found; the addresses that its brokers advertise must be reachable.",
  }),
  SLUICE_KAFKA_TOPIC_PREFIX: setting({
    parse: text(/^[A-Za-z0-9._-]{1,200}$/),
    byDefault: undefined,
    required: "required with SLUICE_SOURCE=kafka",
    allowed: "letters, digits, dots, underscores and hyphens",
    why: "The connector's topic.prefix: its topics are <prefix>.<schema>.<table>, of which those " +
      "in SLUICE_TABLES are read, and <prefix>.transaction.",
  }),
  SLUICE_KAFKA_GROUP: setting({
    parse: text(/^\S{1,200}$/),
    byDefault: "sluice",
    allowed: "a name without spaces",
    why: "The consumer group. It keeps two Sluices from reading the same topics unnoticed; where " +
      "to go on is decided by the warehouse alone. Two Sluices need two groups.",
  }),
  SLUICE_KAFKA_TLS: setting({
    parse: oneOf("off", "on"),
    byDefault: "off",
    allowed: "off or on",
    why: "Whether brokers are reached by TLS; their certificates are always checked.",
  }),
  SLUICE_KAFKA_TLS_CA: setting({
    parse: z.string().min(1),
    byDefault: undefined,
    allowed: "a file with certificates in PEM",
    why: "Authorities to trust for the brokers' certificates, instead of the system's.",
  }),
  SLUICE_KAFKA_SASL_MECHANISM: setting({
    parse: oneOf("none", "plain", "scram-sha-256", "scram-sha-512"),
    byDefault: "none",
    allowed: "none, plain, scram-sha-256 or scram-sha-512",
    why: "How to log in at the brokers. `plain` shows the password to whoever listens: use TLS.",
  }),
  SLUICE_KAFKA_SASL_USERNAME: setting({
    parse: z.string().min(1),
    byDefault: undefined,
    required: "required with SLUICE_KAFKA_SASL_MECHANISM",
    allowed: "any text",
    why: "The user to log in as.",
  }),
  SLUICE_KAFKA_SASL_PASSWORD: setting({
    parse: z.string().min(1),
    byDefault: undefined,
    required: "required with SLUICE_KAFKA_SASL_MECHANISM",
    allowed: "any text",
    why: "That user's password.",
    secret: true,
  }),
  SLUICE_DEBEZIUM_DECIMAL_MODE: setting({
    parse: oneOf("string", "precise", "double"),
    byDefault: "string",
    allowed: "string, precise or double",
    why: "The connector's decimal.handling.mode. Only asked for by events without schemas.",
  }),
  SLUICE_DEBEZIUM_TIME_MODE: setting({
    parse: oneOf("adaptive", "adaptive_time_microseconds", "connect"),
    byDefault: "adaptive",
    allowed: "adaptive, adaptive_time_microseconds or connect",
    why: "The connector's time.precision.mode. Only asked for by events without schemas.",
  }),
  SLUICE_DEBEZIUM_BINARY_MODE: setting({
    parse: oneOf("base64", "base64-url-safe", "hex"),
    byDefault: "base64",
    allowed: "base64 (also for the mode `bytes`), base64-url-safe or hex",
    why: "The connector's binary.handling.mode: how bytea stands in JSON.",
  }),
  SLUICE_DEBEZIUM_UNAVAILABLE_VALUE: setting({
    parse: z.string().min(1),
    byDefault: "__debezium_unavailable_value",
    allowed: "any text",
    why: "The connector's unavailable.value.placeholder: it stands for a large value that an " +
      "update did not change, and the one that is stored is kept.",
  }),
  SLUICE_ON_BAD_RECORD: setting({
    parse: oneOf("stop", "dead-letter"),
    byDefault: "stop",
    allowed: "stop or dead-letter",
    why: "What is done with a record that can't be decoded or applied: stop right before it, or " +
      "keep it as it is in the warehouse (`sluice dead-letters list`) and go on; its table is " +
      "incomplete from then on. The same for a transaction whose changes the topics lack.",
  }),
  SLUICE_DEAD_LETTERS_MAX: number(
    1000,
    0,
    1_000_000,
    "records",
    "More dead letters than this end Sluice: it is not one bad record any more.",
  ),
  SLUICE_TRANSACTION_TIMEOUT_SECONDS: number(
    60,
    5,
    86_400,
    "s",
    "How long a transaction that has ended at the source may lack changes in the topics before " +
      "that is an error. Longer than the connector takes to start again.",
  ),
} as const;
