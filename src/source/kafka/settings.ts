/** How to reach the cluster, from the settings. */
import type { Config, RequiredOfSource } from "../../config.ts";
import { Fault } from "../../errors.ts";
import type { ClusterOptions } from "./feed.ts";

/** `bufferedBytesMax`: for what is read ahead. Throws a `usage` fault when a file can't be read. */
export function clusterOptions(
  config: Config,
  { brokers, sasl }: RequiredOfSource & { source: "kafka" },
  bufferedBytesMax: number,
): ClusterOptions {
  return { brokers, group: config.SLUICE_KAFKA_GROUP, tls: tlsOf(config), sasl, bufferedBytesMax };
}

function tlsOf(config: Config): ClusterOptions["tls"] {
  if (config.SLUICE_KAFKA_TLS === "off") return null;
  const file = config.SLUICE_KAFKA_TLS_CA;
  if (file === undefined) return {};
  try {
    return { ca: Deno.readTextFileSync(file) };
  } catch (error) {
    throw new Fault("usage", {
      what: `SLUICE_KAFKA_TLS_CA can't be read: ${error instanceof Error ? error.message : error}`,
      received: file,
      todo: "Name a file with certificates in PEM, or leave it out to trust the system's.",
    }, { cause: error });
  }
}
