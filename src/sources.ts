/** The source that SLUICE_SOURCE names, made from the settings. */
import type { Table } from "./catalog/catalog.ts";
import { readCatalog } from "./catalog/postgres.ts";
import { type Config, requireSource } from "./config.ts";
import { debeziumCodec } from "./decode/debezium/codec.ts";
import { postgresCodec } from "./decode/codec.ts";
import { logger } from "./log.ts";
import { clusterOptions } from "./source/kafka/settings.ts";
import { KafkaSource } from "./source/kafka/kafka.ts";
import { PostgresSource } from "./source/postgres/postgres.ts";
import { connect, cut } from "./source/postgres/connect.ts";
import type { Source } from "./source/source.ts";

/** {@linkcode countColumns} waits no longer: a start that can do without it does. */
const ANSWER_MS_MAX = 3000;

const log = logger("service");

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

/**
 * How many columns the source's tables have in all, with so many more for each table. Asks the
 * database itself, also for a source that reads topics. 0: it can't be told now; whoever needs the
 * database says why.
 */
export async function countColumns(config: Config, moreEach: number): Promise<number> {
  const url = config.SLUICE_DATABASE_URL;
  if (url === undefined) return 0;
  const isLate = AbortSignal.timeout(ANSWER_MS_MAX);
  const late = new Promise<never>((_, reject) =>
    isLate.addEventListener("abort", () => reject(isLate.reason))
  );
  try {
    const tables = await Promise.race([readTables(url, config.SLUICE_TABLES, isLate), late]);
    return tables.reduce((sum, { columns }) => sum + columns.length + moreEach, 0);
  } catch (error) {
    log.debug("how many columns there are is not known: {error}", { error: String(error) });
    return 0;
  }
}

async function readTables(
  url: string,
  patterns: string[],
  isLate: AbortSignal,
): Promise<readonly Table[]> {
  const client = await connect(url, { applicationName: "sluice" });
  const stop = () => cut(client);
  isLate.addEventListener("abort", stop);
  try {
    isLate.throwIfAborted();
    return (await readCatalog(client, patterns)).tables;
  } finally {
    isLate.removeEventListener("abort", stop);
    if (isLate.aborted) cut(client);
    else await client.end();
  }
}
