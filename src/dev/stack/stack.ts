/**
 * The real parts that a change passes on its way to Sluice through Kafka: PostgreSQL 14, ZooKeeper
 * and a Kafka 3.3 broker (or KRaft), and Kafka Connect with Debezium 2.3. No Docker; Java and Maven.
 * All on 127.0.0.1 and free ports, with everything that they write in one folder.
 *
 *     await using stack = await Stack.start({ folder });
 *     await stack.broker.kill();
 *     await stack.broker.start();
 */
import { join } from "node:path";
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  freePort,
  startEmbeddedPostgres,
} from "../embedded_postgres.ts";
import { fetchJars } from "./fetch.ts";
import type { Properties } from "./properties.ts";
import type { Service } from "./service.ts";
import { broker, connect, kraftBroker, type Place, zookeeper } from "./services.ts";

/** Ports on 127.0.0.1. */
export interface Ports {
  zookeeper: number;
  broker: number;
  /** KRaft only. */
  controller: number;
  connect: number;
  postgres: number;
}

export interface StackOptions {
  /** Holds all data and logs; made when missing. Started again on it, the stack goes on. */
  folder: string;
  /** Without ZooKeeper. A folder that was made one way can't be started the other. */
  kraft?: boolean;
  /** Those that are not given are free ones. */
  ports?: Partial<Ports>;
  /** Added to debezium/connect.properties. */
  connectSettings?: Properties;
  /** Added to postgresql.conf. */
  postgresSettings?: Record<string, string>;
  /** In the place of {@linkcode startEmbeddedPostgres}. */
  startPostgres?: (options: EmbeddedPostgresOptions) => Promise<EmbeddedPostgres>;
  /** Aborts a start: what was started is ended again. */
  stopping?: AbortSignal;
  /** Is told each step before it starts. */
  onStep?: (step: string) => void;
}

export class Stack implements AsyncDisposable {
  /** Ended in reverse order. */
  readonly #started = new AsyncDisposableStack();
  #postgres!: EmbeddedPostgres;
  #zookeeper: Service | undefined;
  #broker!: Service;
  #connect!: Service;

  private constructor(readonly ports: Ports) {}

  /** Starts everything, and waits until it answers. What was started is ended when a part fails. */
  static async start(options: StackOptions): Promise<Stack> {
    const free = ["zookeeper", "broker", "controller", "connect", "postgres"]
      .map((name) => [name, freePort()]);
    const stack = new Stack({ ...Object.fromEntries(free), ...options.ports });
    try {
      await stack.#start(options);
      return stack;
    } catch (error) {
      await stack[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `host:port` of the broker. */
  get brokers(): string {
    return `127.0.0.1:${this.ports.broker}`;
  }

  /** URL of Connect's REST API. */
  get connectUrl(): string {
    return `http://127.0.0.1:${this.ports.connect}`;
  }

  get databaseUrl(): string {
    return this.#postgres.url();
  }

  get postgres(): EmbeddedPostgres {
    return this.#postgres;
  }

  /** Undefined with KRaft. */
  get zookeeper(): Service | undefined {
    return this.#zookeeper;
  }

  get broker(): Service {
    return this.#broker;
  }

  get connect(): Service {
    return this.#connect;
  }

  /** Rejects once a Java process ends without being asked to. */
  async failure(): Promise<never> {
    const services = [this.#zookeeper, this.#broker, this.#connect];
    return await Promise.race(services.flatMap((service) => service ? [service.failure()] : []));
  }

  /** Ends everything: Connect, the broker, ZooKeeper, PostgreSQL. */
  async stop(): Promise<void> {
    await this.#started.disposeAsync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(options: StackOptions): Promise<void> {
    const step = options.onStep ?? (() => {});
    const jars = await fetchJars(step, options.stopping);
    const place: Place = { folder: options.folder, jars };
    await this.#startPostgres(options, step);
    await this.#startKafka(place, options, step);
    step(`starting Kafka Connect with Debezium on ${this.connectUrl}`);
    const extra = options.connectSettings;
    this.#connect = await connect(place, this.ports.connect, this.brokers, extra);
    await this.#run(this.#connect, options);
  }

  async #startPostgres(options: StackOptions, step: (step: string) => void): Promise<void> {
    const start = options.startPostgres ?? startEmbeddedPostgres;
    this.#postgres = await start({
      dataDir: join(options.folder, "postgres"),
      port: this.ports.postgres,
      settings: options.postgresSettings,
      onStep: step,
    });
    this.#started.use(this.#postgres);
  }

  async #startKafka(
    place: Place,
    options: StackOptions,
    step: (step: string) => void,
  ): Promise<void> {
    if (options.kraft) {
      step(`starting Kafka without ZooKeeper on ${this.brokers}`);
      this.#broker = await kraftBroker(place, this.ports.broker, this.ports.controller);
    } else {
      step(`starting ZooKeeper on 127.0.0.1:${this.ports.zookeeper}`);
      this.#zookeeper = await zookeeper(place, this.ports.zookeeper);
      await this.#run(this.#zookeeper, options);
      step(`starting Kafka on ${this.brokers}`);
      this.#broker = await broker(place, this.ports.broker, this.ports.zookeeper);
    }
    await this.#run(this.#broker, options);
  }

  async #run(service: Service, options: StackOptions): Promise<void> {
    this.#started.use(service);
    await service.start(options.stopping);
  }
}
