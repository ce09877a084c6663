/**
 * compose.yaml and Dockerfile, as far as they can be held to something without Docker: images and
 * their tags, ports on loopback only, settings equal to those that `deno task stack` runs with, start
 * order, and that the image's context has all that is built from it.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { readConfig, requireSource, SETTINGS } from "../src/config.ts";
import { connectorOf } from "../src/connect/connector.ts";
import { HEAP_MB } from "../src/dev/stack/services.ts";
import { readProperties } from "../src/dev/stack/properties.ts";
import { readGraph } from "./graph.ts";
import { needs } from "./skip.ts";

const ROOT = new URL("../", import.meta.url);
const TEXT = await Deno.readTextFile(new URL("compose.yaml", ROOT));

interface Service {
  image: string;
  build?: string;
  command?: string[];
  environment: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  mem_limit: string;
  restart: string;
  profiles?: string[];
  stop_grace_period?: string;
}

/** The file with `${NAME:-default}` replaced by the defaults. */
const COMPOSE: { services: Record<string, Service>; volumes: Record<string, unknown> } = parse(
  TEXT.replace(/\$\{\w+:-(\w+)\}/g, "$1"),
  { merge: true },
);
const { services } = COMPOSE;

Deno.test("compose: the services, their images and tags are the mission's", () => {
  const images = Object.entries(services).map(([name, { image }]) => [name, image]);
  assert.deepEqual(Object.fromEntries(images), {
    postgres: "postgres:14",
    zookeeper: "confluentinc/cp-zookeeper:7.3.0",
    kafka: "confluentinc/cp-kafka:7.3.0",
    connect: "debezium/connect:2.3",
    bank: "sluice",
    register: "sluice",
    sluice: "sluice",
    generator: "sluice",
  });
  for (const { image, build } of Object.values(services)) {
    assert.equal(build, image === "sluice" ? "." : undefined);
  }
  assert.deepEqual(services.generator.profiles, ["demo"]);
});

Deno.test("compose: every port is open on this machine only, and each service has limits", () => {
  for (const [name, service] of Object.entries(services)) {
    for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/, name);
    assert.match(service.mem_limit, /^\d+(m|g)$/, name);
    assert(service.restart.length > 0, name);
  }
  assert.doesNotMatch(TEXT, /network_mode|privileged/);
});

Deno.test("compose: data is in named volumes only, which work the same everywhere", () => {
  const used = Object.values(services).flatMap(({ volumes }) => volumes ?? []);
  for (const volume of used) assert.match(volume, /^[a-z-]+:\/[\w/]+$/);
  const names = used.map((volume) => volume.split(":")[0]).sort();
  assert.deepEqual(names, Object.keys(COMPOSE.volumes).sort());
});

Deno.test("compose: services wait for what they need, and only for what can say that it is there", () => {
  for (const [name, { depends_on }] of Object.entries(services)) {
    for (const [on, { condition }] of Object.entries(depends_on ?? {})) {
      const other = services[on];
      assert(other !== undefined, `${name} waits for ${on}`);
      if (condition === "service_completed_successfully") {
        assert.notEqual(other.restart, "unless-stopped", `${on} never completes`);
      } else {
        assert.equal(condition, "service_healthy", name);
        assert(other.healthcheck !== undefined || other.image === "sluice", on);
      }
    }
  }
  assert.deepEqual(Object.keys(services.register.depends_on!).sort(), ["bank", "connect"]);
  assert.deepEqual(Object.keys(services.sluice.depends_on!).sort(), ["kafka", "register"]);
});

Deno.test("compose: Kafka runs with the settings of the stack", async () => {
  const { environment } = services.kafka;
  const given = fromEnvironment(environment, /^KAFKA_/);
  const apart = [
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "inter.broker.listener.name",
    "zookeeper.connect",
    "heap.opts",
  ];
  assert.deepEqual(without(given, apart), await readProperties("server.properties"));
  assert.equal(environment.KAFKA_ZOOKEEPER_CONNECT, "zookeeper:2181");
  assert.match(environment.KAFKA_HEAP_OPTS, new RegExp(`-Xmx${HEAP_MB.broker}m$`));
  assert.match(environment.KAFKA_ADVERTISED_LISTENERS, /^PLAINTEXT:\/\/kafka:29092,HOST:\/\/127/);
});

Deno.test("compose: ZooKeeper runs with the settings of the stack", async () => {
  // The image knows these by name (its zookeeper.properties.template).
  const names: Record<string, string> = {
    ZOOKEEPER_ADMIN_ENABLE_SERVER: "admin.enableServer",
    ZOOKEEPER_TICK_TIME: "tickTime",
    ZOOKEEPER_MAX_CLIENT_CNXNS: "maxClientCnxns",
    ZOOKEEPER_AUTOPURGE_SNAP_RETAIN_COUNT: "autopurge.snapRetainCount",
    ZOOKEEPER_AUTOPURGE_PURGE_INTERVAL: "autopurge.purgeInterval",
    ZOOKEEPER_CLIENT_PORT: "clientPort",
  };
  const { KAFKA_HEAP_OPTS, ...environment } = services.zookeeper.environment;
  const given = Object.entries(environment).map(([name, value]) => [names[name] ?? name, value]);
  const { clientPort, ...settings } = Object.fromEntries(given);
  assert.deepEqual(settings, await readProperties("zookeeper.properties"));
  assert.equal(clientPort, "2181");
  assert.match(KAFKA_HEAP_OPTS, new RegExp(`-Xmx${HEAP_MB.zookeeper}m$`));
});

Deno.test("compose: Connect runs with the settings of the stack", async () => {
  // The image takes these without CONNECT_, and lets them win (its docker-entrypoint.sh).
  const names: Record<string, string> = {
    GROUP_ID: "group.id",
    CONFIG_STORAGE_TOPIC: "config.storage.topic",
    OFFSET_STORAGE_TOPIC: "offset.storage.topic",
    STATUS_STORAGE_TOPIC: "status.storage.topic",
    KEY_CONVERTER: "key.converter",
    VALUE_CONVERTER: "value.converter",
    OFFSET_FLUSH_INTERVAL_MS: "offset.flush.interval.ms",
    OFFSET_FLUSH_TIMEOUT_MS: "offset.flush.timeout.ms",
    SHUTDOWN_TIMEOUT: "task.shutdown.graceful.timeout.ms",
  };
  const { environment } = services.connect;
  const own = Object.entries(names).map(([variable, name]) => [name, environment[variable]]);
  const given = { ...fromEnvironment(environment, /^CONNECT_/), ...Object.fromEntries(own) };
  assert.deepEqual(given, await readProperties("connect.properties"));
  assert.equal(environment.BOOTSTRAP_SERVERS, "kafka:29092");
  assert.match(environment.HEAP_OPTS, new RegExp(`-Xmx${HEAP_MB.connect}m$`));
  const others = Object.keys(environment).filter((name) =>
    !name.startsWith("CONNECT_") && !(name in names)
  );
  assert.deepEqual(others.sort(), ["BOOTSTRAP_SERVERS", "HEAP_OPTS", "HOST_NAME"]);
});

Deno.test("stack: Kafka has the same settings with and without ZooKeeper", async () => {
  const roles = [
    "process.roles",
    "node.id",
    "controller.listener.names",
    "inter.broker.listener.name",
    "listener.security.protocol.map",
    "broker.session.timeout.ms",
    "broker.heartbeat.interval.ms",
  ];
  assert.deepEqual(
    without(await readProperties("kraft/server.properties"), roles),
    without(await readProperties("server.properties"), [
      "broker.id",
      "zookeeper.session.timeout.ms",
    ]),
  );
});

Deno.test("compose: Sluice's services have valid settings, and its total is its memory limit", () => {
  for (const [name, { image, environment }] of Object.entries(services)) {
    if (image !== "sluice") continue;
    for (const variable of Object.keys(environment)) assert(variable in SETTINGS, variable);
    readConfig(environment);
    assert.equal(environment.SLUICE_DATABASE_URL.includes("@postgres:5432/bank"), true, name);
  }
  const source = requireSource(readConfig(services.sluice.environment));
  assert.deepEqual(source, {
    source: "kafka",
    brokers: ["kafka:29092"],
    prefix: "bank",
    sasl: null,
  });
  const { config } = connectorOf(readConfig(services.register.environment));
  assert.equal(config["database.hostname"], "postgres");
  assert.equal(config["topic.prefix"], "bank");
  const { SLUICE_MEMORY_TOTAL_MB } = services.sluice.environment;
  assert.equal(services.sluice.mem_limit, `${SLUICE_MEMORY_TOTAL_MB}m`);
});

Deno.test("image: Deno is the one that the project names, and it does not run as root", async () => {
  const dockerfile = await Deno.readTextFile(new URL("Dockerfile", ROOT));
  const ci = await Deno.readTextFile(new URL(".ci/run", ROOT));
  const version = /deno@[\d.]+/.exec(ci)![0];
  assert(dockerfile.includes(`npm install --global ${version}\n`), version);
  assert(dockerfile.lastIndexOf("USER sluice") > dockerfile.lastIndexOf("FROM "));
  for (const [, name] of dockerfile.matchAll(/(SLUICE_\w+)=/g)) assert(name in SETTINGS, name);
});

Deno.test("image: its health is what /healthz says", async () => {
  const dockerfile = await Deno.readTextFile(new URL("Dockerfile", ROOT));
  const [program, ...args] = JSON.parse(/HEALTHCHECK[^[]*(\[.*\])\n/.exec(dockerfile)![1]);
  for (const [status, healthy] of [[200, true], [503, false], [500, false]] as const) {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => new Response("", { status: request.url.endsWith("/healthz") ? status : 404 }),
    );
    const command = args.map((arg: string) => arg.replace("8080", String(server.addr.port)));
    const { success } = await new Deno.Command(program, { args: command }).output();
    assert.equal(success, healthy, `${status}`);
  }
});

Deno.test("image: its context has all that it is built from", async () => {
  const patterns = (await Deno.readTextFile(new URL(".dockerignore", ROOT))).split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual([patterns[0], patterns.at(-1)], ["*", "**/*_test.ts"]);
  const kept = patterns.slice(1, -1).map((pattern) => pattern.replace(/^!/, ""));
  for (const path of kept) await Deno.stat(new URL(path, ROOT));
  const isKept = (path: string) =>
    kept.some((one) => path === one || path.startsWith(`${one}/`)) && !path.endsWith("_test.ts");
  const entries = ["main.ts", "src/ingest.ts", "build/compile.ts"];
  const seen = new Set<string>();
  for (let next = entries; next.length > 0;) {
    next.forEach((path) => seen.add(path));
    const modules = await readGraph(ROOT, next.filter((path) => path.endsWith(".ts")));
    next = modules.flatMap(({ imports }) => imports.map(({ target }) => target))
      .filter((target) => !/^[a-z]+:/.test(target) && !seen.has(target));
  }
  assert(seen.has("debezium/register-postgres.json"), [...seen].join(" "));
  for (const path of seen) assert(isKept(path), `${path} is not in the image's context`);
});

Deno.test({
  ...needs("compose", "compose: Docker Compose takes the file"),
  fn: async () => {
    const { success, stderr } = await new Deno.Command("docker", {
      args: ["compose", "--profile", "demo", "config", "--quiet"],
      cwd: fileURLToPath(ROOT),
    }).output();
    assert(success, new TextDecoder().decode(stderr));
  },
});

/** `KAFKA_BROKER_ID` is `broker.id`: how the images turn variables into properties. */
function fromEnvironment(
  environment: Record<string, string>,
  prefix: RegExp,
): Record<string, string> {
  const pairs = Object.entries(environment).filter(([name]) => prefix.test(name))
    .map(([name, value]) => [name.replace(prefix, "").toLowerCase().replaceAll("_", "."), value]);
  return Object.fromEntries(pairs);
}

function without(settings: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !names.includes(name)));
}
