/** The Java processes of the stack, each with its settings from debezium/ and its own place. */
import { join } from "node:path";
import type { Jars } from "./fetch.ts";
import { Jvm } from "./jvm.ts";
import { brokerReady, connectReady, zookeeperReady } from "./probe.ts";
import { debeziumFile, formatProperties, type Properties, readProperties } from "./properties.ts";
import { Service } from "./service.ts";

/** Most heap of each, in MB: enough for a bank on a laptop. compose.yaml gives the same. */
export const HEAP_MB = { zookeeper: 128, broker: 400, connect: 512 };

/** What every service is made from. */
export interface Place {
  /** Holds a folder of data for each service, their composed settings, and `logs/`. */
  readonly folder: string;
  readonly jars: Jars;
}

/** KRaft wants an id of the cluster when its storage is made; it is 16 bytes in base64url. */
const CLUSTER_ID = "c2x1aWNlLXN0YWNrLTAwMQ";

export async function zookeeper(place: Place, port: number): Promise<Service> {
  const settings = await compose(place, "zookeeper", "zookeeper.properties", {
    dataDir: join(place.folder, "zookeeper"),
    clientPort: String(port),
    clientPortAddress: "127.0.0.1",
  });
  return new Service({
    ...common(place, "zookeeper"),
    name: "ZooKeeper",
    heapMb: HEAP_MB.zookeeper,
    mainClass: "org.apache.zookeeper.server.quorum.QuorumPeerMain",
    args: [settings],
    port,
    ready: (signal) => zookeeperReady(port, signal),
  });
}

/** A broker that keeps its metadata in the ZooKeeper on `zookeeperPort`. `extra` wins over
 * debezium/server.properties. */
export async function broker(
  place: Place,
  port: number,
  zookeeperPort: number,
  extra: Properties = {},
): Promise<Service> {
  const settings = await compose(place, "broker", "server.properties", {
    "listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "zookeeper.connect": `127.0.0.1:${zookeeperPort}`,
    "log.dirs": join(place.folder, "broker"),
    ...extra,
  });
  return new Service({
    ...brokerOptions(place, settings, port),
    // Killed and started again, it is refused until ZooKeeper has given up its old session.
    startAgainOn: /NodeExists/,
  });
}

/** A broker that is its own controller; its storage is made when it is new. */
export async function kraftBroker(
  place: Place,
  port: number,
  controllerPort: number,
): Promise<Service> {
  const data = join(place.folder, "broker");
  const settings = await compose(place, "broker", "kraft/server.properties", {
    "listeners": `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    "log.dirs": data,
  });
  await format(place, data, settings);
  return new Service(brokerOptions(place, settings, port));
}

/** What `kafka-storage.sh format` does, where nothing is there yet. */
async function format(place: Place, data: string, settings: string): Promise<void> {
  await Deno.mkdir(data, { recursive: true });
  const meta = join(data, "meta.properties");
  if (await Deno.stat(meta).then(() => true, () => false)) return;
  const jvm = await Jvm.start({
    ...common(place, "broker"),
    name: "Kafka's storage tool",
    heapMb: 64,
    mainClass: "kafka.tools.StorageTool",
    args: ["format", "--ignore-formatted", "--cluster-id", CLUSTER_ID, "--config", settings],
  });
  if (await jvm.ended !== 0) await jvm.failure();
}

/** One worker. `extra` wins over debezium/connect.properties. */
export async function connect(
  place: Place,
  port: number,
  brokers: string,
  extra: Properties = {},
): Promise<Service> {
  const settings = await compose(place, "connect", "connect.properties", {
    "bootstrap.servers": brokers,
    "listeners": `http://127.0.0.1:${port}`,
    "rest.advertised.host.name": "127.0.0.1",
    "rest.advertised.port": String(port),
    "plugin.path": place.jars.plugins,
    ...extra,
  });
  return new Service({
    ...common(place, "connect"),
    name: "Kafka Connect",
    heapMb: HEAP_MB.connect,
    mainClass: "org.apache.kafka.connect.cli.ConnectDistributed",
    args: [settings],
    port,
    ready: (signal) => connectReady(`http://127.0.0.1:${port}`, signal),
  });
}

function brokerOptions(place: Place, settings: string, port: number) {
  return {
    ...common(place, "broker"),
    name: "the Kafka broker",
    heapMb: HEAP_MB.broker,
    mainClass: "kafka.Kafka",
    args: [settings],
    port,
    ready: (signal: AbortSignal) => brokerReady(port, signal),
  };
}

function common(place: Place, id: string) {
  return {
    classPath: place.jars.classPath,
    log4j: debeziumFile("log4j.properties").href,
    log: join(place.folder, "logs", `${id}.log`),
  };
}

/** Writes the settings of `file` and what this place adds to them. Resolves to the path. */
async function compose(
  place: Place,
  id: string,
  file: string,
  added: Properties,
): Promise<string> {
  const path = join(place.folder, `${id}.properties`);
  const settings = { ...await readProperties(file), ...added };
  await Deno.mkdir(join(place.folder, "logs"), { recursive: true });
  await Deno.writeTextFile(path, formatProperties(settings));
  return path;
}
