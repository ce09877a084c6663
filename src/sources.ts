/** The source that SLUICE_SOURCE names, made from the settings. */
import { type Config, requireSource } from "./config.ts";
import { debeziumCodec } from "./decode/debezium/codec.ts";
import { postgresCodec } from "./decode/codec.ts";
import { clusterOptions } from "./source/kafka/settings.ts";
import { KafkaSource } from "./source/kafka/kafka.ts";
import { PostgresSource } from "./source/postgres/postgres.ts";
import type { Source } from "./source/source.ts";

/** A share of the network area is for one message in its buffer; the rest for what is queued. */
const MESSAGE_SHARE = 0.5;

/** `networkBytes`: for what is read ahead. `acceptSnapshot`: one that began again is taken as it
 * is. Throws a `usage` fault when a setting that the source needs is missing. */
export function makeSource(
  config: Config,
  networkBytes: number,
  acceptSnapshot: boolean,
): Source {
  const required = requireSource(config);
  if (required.source === "kafka") {
    return new KafkaSource(
      {
        ...clusterOptions(config, required, networkBytes),
        prefix: required.prefix,
        tables: config.SLUICE_TABLES,
        databaseUrl: config.SLUICE_DATABASE_URL,
        patienceMs: config.SLUICE_TRANSACTION_TIMEOUT_SECONDS * 1000,
        acceptSnapshot,
      },
      debeziumCodec({
        decimal: config.SLUICE_DEBEZIUM_DECIMAL_MODE,
        time: config.SLUICE_DEBEZIUM_TIME_MODE,
        binary: config.SLUICE_DEBEZIUM_BINARY_MODE,
        placeholder: config.SLUICE_DEBEZIUM_UNAVAILABLE_VALUE,
      }),
    );
  }
  return new PostgresSource({
    url: required.url,
    tables: config.SLUICE_TABLES,
    publication: config.SLUICE_PUBLICATION,
    slot: config.SLUICE_SLOT,
    snapshotConnections: config.SLUICE_SNAPSHOT_CONNECTIONS,
    statusIntervalMs: config.SLUICE_STATUS_INTERVAL_SECONDS * 1000,
    messageBytesMax: Math.floor(networkBytes * MESSAGE_SHARE),
  }, postgresCodec);
}
