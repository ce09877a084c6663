/**
 * A Kafka broker of its own for the tests of the Kafka source, with ZooKeeper (Kafka 3.3 has no
 * SCRAM without it), four listeners and access control. Who comes by the plain listener may do all.
 */
import { join } from "node:path";
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  Kafka,
  logLevel,
  type Message,
  Partitioners,
  type Producer,
  ResourcePatternTypes,
} from "kafkajs";
import { generate } from "selfsigned";
import { freePort } from "../../src/dev/embedded_postgres.ts";
import { fetchJars, type Jars } from "../../src/dev/stack/fetch.ts";
import { Jvm } from "../../src/dev/stack/jvm.ts";
import { debeziumFile } from "../../src/dev/stack/properties.ts";
import { broker, zookeeper } from "../../src/dev/stack/services.ts";
import type { Service } from "../../src/dev/stack/service.ts";
import { until } from "./until.ts";

/** `reader` may read everything, `stranger` nothing. */
export const PASSWORDS = { reader: "read-only-1", stranger: "nobody-2" };

export interface TopicOptions {
  partitions?: number;
  config?: Record<string, string>;
}

export class TestKafka implements AsyncDisposable {
  readonly #started = new AsyncDisposableStack();
  /** `host:port` of each listener. */
  readonly addresses = {
    plain: address(),
    tls: address(),
    saslPlain: address(),
    saslTls: address(),
  };
  /** PEM of the certificate that the TLS listeners show. */
  authority = "";
  broker!: Service;
  admin!: Admin;
  producer!: Producer;
  /** For transactions, one at a time. */
  transactional!: Producer;
  #jars!: Jars;
  #folder!: string;

  static async start(): Promise<TestKafka> {
    const kafka = new TestKafka();
    try {
      await kafka.#start();
      return kafka;
    } catch (error) {
      await kafka[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(): Promise<void> {
    this.#jars = await fetchJars(() => {});
    const folder = await Deno.makeTempDir({ prefix: "sluice-kafka-" });
    this.#folder = folder;
    this.#started.defer(() => Deno.remove(folder, { recursive: true }));
    const place = { folder, jars: this.#jars };
    const keeper = this.#started.use(await zookeeper(place, freePort()));
    await keeper.start();
    const { plain, tls, saslPlain, saslTls } = this.addresses;
    const { cert, private: key } = await generate([{ name: "commonName", value: "127.0.0.1" }], {
      keyType: "rsa",
      algorithm: "sha256",
      extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
    });
    this.authority = cert;
    await Deno.writeTextFile(join(folder, "server.pem"), `${key}\n${cert}`);
    const users = Object.entries(PASSWORDS).map(([name, word]) => `user_${name}="${word}"`);
    const [plainLogin, scramLogin] = ["plain.Plain", "scram.Scram"].map((name) =>
      `org.apache.kafka.common.security.${name}LoginModule required`
    );
    const listeners = `PLAINTEXT://${plain},SSL://${tls},SASL_PLAINTEXT://${saslPlain},` +
      `SASL_SSL://${saslTls}`;
    const sasl: Record<string, string> = {};
    for (const name of ["sasl_plaintext", "sasl_ssl"]) {
      sasl[`listener.name.${name}.plain.sasl.jaas.config`] = `${plainLogin} ${users.join(" ")};`;
      for (const size of [256, 512]) {
        sasl[`listener.name.${name}.scram-sha-${size}.sasl.jaas.config`] = `${scramLogin};`;
      }
    }
    this.broker = this.#started.use(
      await broker(place, portOf(plain), keeper.port, {
        listeners,
        "advertised.listeners": listeners,
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": join(folder, "server.pem"),
        "authorizer.class.name": "kafka.security.authorizer.AclAuthorizer",
        "super.users": "User:ANONYMOUS;User:reader",
        "log.cleaner.backoff.ms": "200",
        "offsets.topic.num.partitions": "1",
        "log.cleaner.dedupe.buffer.size": "2000000",
        ...sasl,
      }),
    );
    await Promise.all([this.broker.start(), this.#addScramUsers(keeper.port)]);
    await this.#connect();
    await until("consumer groups are served", () => this.#servesGroups());
  }

  /** False while the broker loads what it keeps of them, which ends a reading that comes then. */
  async #servesGroups(): Promise<boolean> {
    try {
      await this.admin.fetchOffsets({ groupId: "none" });
      return true;
    } catch (error) {
      if ((error as { retriable?: boolean }).retriable !== true) throw error;
      return false;
    }
  }

  /** Starts the broker again after it was killed, and our own clients with it. */
  async restart(): Promise<void> {
    await this.broker.start();
    await this.disconnect();
    await this.#connect();
  }

  /** Makes a topic, and waits for its leaders. */
  async createTopic(topic: string, { partitions = 1, config = {} }: TopicOptions = {}) {
    await this.admin.createTopics({
      waitForLeaders: true,
      topics: [{
        topic,
        numPartitions: partitions,
        configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
      }],
    });
  }

  /** Resolves when it is gone. kafkajs's clients never get over a topic that is, so they are new. */
  async deleteTopic(topic: string): Promise<void> {
    await this.admin.deleteTopics({ topics: [topic] });
    await until("it is gone", async () => !(await this.admin.listTopics()).includes(topic));
    await this.disconnect();
    await this.#connect();
  }

  async produce(topic: string, messages: Message[]): Promise<void> {
    await this.producer.send({ topic, messages });
  }

  /** A line each becomes a record, by Kafka's own Java producer. */
  async produceByJava(topic: string, lines: readonly string[], codec: string): Promise<void> {
    const child = new Deno.Command("java", {
      args: [
        "-Xmx128m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        `-Dlog4j.configuration=${debeziumFile("log4j.properties").href}`,
        "-cp",
        this.#jars.classPath,
        "kafka.tools.ConsoleProducer",
        `--bootstrap-server=${this.addresses.plain}`,
        `--topic=${topic}`,
        `--compression-codec=${codec}`,
        "--batch-size=16384",
        "--producer-property=linger.ms=200",
      ],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const input = child.stdin.getWriter();
    await input.write(new TextEncoder().encode(lines.join("\n") + "\n"));
    await input.close();
    const { success, stderr } = await child.output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  /** Damages all that `write` has appended to the topic's files: every byte past a batch's header,
   * which is 61 long, so that the broker still finds the batches. */
  async damage(topic: string, write: () => Promise<void>): Promise<void> {
    const sizes = async () =>
      new Map(
        await Promise.all([0, 1].map(async (partition) => {
          const path = join(
            this.#folder,
            "broker",
            `${topic}-${partition}`,
            `${"0".repeat(20)}.log`,
          );
          return [path, (await Deno.stat(path)).size] as const;
        })),
      );
    const before = await sizes();
    await write();
    for (const [path, size] of await sizes()) {
      const start = before.get(path)! + 61;
      if (size <= start) continue;
      using file = await Deno.open(path, { write: true });
      await file.seek(start, Deno.SeekMode.Start);
      await file.write(new Uint8Array(size - start).fill(0xff));
    }
  }

  /** As retention would: what lies before `offset` is gone. */
  async deleteRecords(topic: string, partition: number, offset: number): Promise<void> {
    await until("the records are deleted", () =>
      this.admin.deleteTopicRecords({
        topic,
        partitions: [{ partition, offset: String(offset) }],
      }).then(() => true, () => false));
  }

  /** Gives `user` a right, which holds once this resolves. */
  async allow(
    user: string,
    on: "topic" | "group",
    name: string,
    operation: "read" | "describe",
  ): Promise<void> {
    await this.admin.createAcls({
      acl: [{
        resourceType: on === "topic" ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
        resourceName: name,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${user}`,
        host: "*",
        operation: operation === "read" ? AclOperationTypes.READ : AclOperationTypes.DESCRIBE,
        permissionType: AclPermissionTypes.ALLOW,
      }],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
    await this.#started.disposeAsync();
  }

  async #connect(): Promise<void> {
    const kafka = new Kafka({
      brokers: [this.addresses.plain],
      logLevel: logLevel.NOTHING,
      retry: { retries: 10, initialRetryTime: 100 },
      requestTimeout: 60_000,
    });
    this.admin = kafka.admin();
    this.producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    this.transactional = kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      transactionalId: "test",
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await Promise.all(this.#clients.map((client) => client.connect()));
  }

  /** Of our own clients. */
  async disconnect(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client?.disconnect()));
  }

  get #clients(): (Admin | Producer)[] {
    return [this.admin, this.producer, this.transactional];
  }

  /** Only a command of Kafka's own can; it writes into ZooKeeper. */
  async #addScramUsers(zookeeperPort: number): Promise<void> {
    await Promise.all(
      Object.entries(PASSWORDS).map(async ([user, word]) => {
        const jvm = await Jvm.start({
          name: "kafka-configs",
          heapMb: 64,
          classPath: this.#jars.classPath,
          mainClass: "kafka.admin.ConfigCommand",
          args: [
            `--zookeeper=127.0.0.1:${zookeeperPort}`,
            "--alter",
            `--add-config=SCRAM-SHA-256=[password=${word}],SCRAM-SHA-512=[password=${word}]`,
            "--entity-type=users",
            `--entity-name=${user}`,
          ],
          log4j: debeziumFile("log4j.properties").href,
          log: join(this.#folder, "logs", `configs-${user}.log`),
        });
        if (await jvm.ended !== 0) await jvm.failure();
      }),
    );
  }
}

function address(): string {
  return `127.0.0.1:${freePort()}`;
}

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}
