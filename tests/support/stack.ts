/**
 * The real stack for the tests of a file: PostgreSQL, Kafka, Connect with Debezium; on it, a database
 * and a connector of its own for each test, and Sluice as a process that reads what it writes.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import register from "../../debezium/register-postgres.json" with { type: "json" };
import { Stack } from "../../src/dev/stack/stack.ts";
import type { Readiness } from "../../src/api/health.ts";
import { TestDatabase } from "./postgres.ts";
import { type Ended, SluiceProcess } from "./process.ts";
import { until } from "./until.ts";

/** Where Debezium looks for signals (`signal.data.collection`). */
const SIGNALS = "CREATE SCHEMA debezium; CREATE TABLE debezium.signal " +
  "(id varchar(64) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))";

export interface SluiceOptions {
  /** Added to what every test sets. */
  env?: Record<string, string>;
  args?: string[];
  /** Name of the data folder; by default the prefix. */
  data?: string;
}

/** See the top of this file. */
export class TestStack implements AsyncDisposable {
  private constructor(readonly stack: Stack, readonly folder: string) {}

  static async start(): Promise<TestStack> {
    const folder = await Deno.makeTempDir({ prefix: "sluice-stacktest-" });
    if (Deno.build.os !== "windows") await Deno.chmod(folder, 0o755); // for PostgreSQL's user
    try {
      const stack = await Stack.start({
        folder,
        postgresSettings: { fsync: "off", max_replication_slots: "40", max_wal_senders: "40" },
      });
      return new TestStack(stack, folder);
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  get brokers(): string {
    return this.stack.brokers;
  }

  /** A database whose name also serves as the connector's topic prefix. */
  async database(name: string): Promise<TestDatabase> {
    const database = await TestDatabase.create(this.stack.postgres, name);
    await database.query(SIGNALS);
    return database;
  }

  /** Starts a connector for a database, with the settings of debezium/register-postgres.json. */
  async connector(
    database: TestDatabase,
    overrides: Record<string, string> = {},
    name = database.name,
  ): Promise<Connector> {
    const connector = new Connector(this.stack, name, database, overrides);
    await connector.create();
    await connector.untilStreaming();
    return connector;
  }

  dataDir(name: string): string {
    return join(this.folder, `data-${name}`);
  }

  /** The environment of a Sluice that reads the topics of `prefix`. */
  env(prefix: string, options: SluiceOptions = {}): Record<string, string> {
    return {
      SLUICE_SOURCE: "kafka",
      SLUICE_KAFKA_BROKERS: this.brokers,
      SLUICE_KAFKA_TOPIC_PREFIX: prefix,
      SLUICE_KAFKA_GROUP: `sluice-${prefix}`,
      SLUICE_DATA_DIR: this.dataDir(options.data ?? prefix),
      SLUICE_MEMORY_TOTAL_MB: "1024",
      SLUICE_IDLE_COMMIT_SECONDS: "1",
      ...options.env,
    };
  }

  /** Starts a Sluice that reads the topics of `prefix`. */
  sluice(prefix: string, options: SluiceOptions = {}): SluiceProcess {
    return new SluiceProcess(this.env(prefix, options), options.args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** The body of `/readyz`, with its status; undefined when nobody answers. */
export async function readiness(
  sluice: SluiceProcess,
): Promise<Readiness & { status: number } | undefined> {
  const response = await sluice.fetch("/readyz");
  return response === undefined
    ? undefined
    : { status: response.status, ...await response.json() as Readiness };
}

/** Waits until `/readyz` is 503 with a reason like this one, which it returns. */
export async function untilReason(sluice: SluiceProcess, pattern: RegExp): Promise<string> {
  let found: string | undefined;
  await until(`/readyz says ${pattern}`, async () => {
    const now = await readiness(sluice);
    if (now?.status === 503) found = now.reasons.find((reason) => pattern.test(reason));
    return found !== undefined;
  }, 120);
  return found!;
}

/** Waits until `sql` gives this one value, as text. */
export async function untilValue(sluice: SluiceProcess, sql: string, value: string | null) {
  await sluice.until(async () => {
    const rows = (await sluice.sql(sql))?.rows;
    return rows !== undefined && (rows[0][0] === null ? null : String(rows[0][0])) === value;
  });
}

/** The end of a Sluice that ends by itself; throws, with what it said, when it goes on. */
export async function endOf(sluice: SluiceProcess, code: number, ...says: RegExp[]) {
  let ended: Ended | undefined;
  void sluice.ended.then((end) => ended = end);
  await until("Sluice ends", () => ended !== undefined, 120).catch((error) => {
    throw new Error(`${error.message}\n${sluice.output}`);
  });
  assert.equal(ended!.code, code, ended!.output);
  for (const pattern of says) assert.match(ended!.output, pattern);
}

/** A connector of Debezium's, with its own slot and publication. */
export class Connector {
  constructor(
    private readonly stack: Stack,
    readonly name: string,
    private readonly database: TestDatabase,
    private readonly overrides: Record<string, string>,
  ) {}

  /** Creates it, or changes its settings. */
  async create(): Promise<void> {
    const url = new URL(this.database.url);
    const config = {
      ...register.config,
      "database.hostname": url.hostname,
      "database.port": url.port,
      "database.user": url.username,
      "database.password": url.password,
      "database.dbname": this.database.name,
      "database.sslmode": "disable",
      "topic.prefix": this.database.name,
      "table.include.list": "public.*",
      "slot.name": this.name,
      "publication.name": this.name,
      "heartbeat.interval.ms": "1000",
      ...this.overrides,
    };
    await this.#rest(`${this.name}/config`, "PUT", config);
  }

  /** Ends it. The slot, the publication and the topics stay. */
  async remove(): Promise<void> {
    await this.#rest(this.name, "DELETE");
    await this.#untilSlot(false);
  }

  /** Waits until its task runs and reads the slot. Throws the trace of a task that has failed. */
  async untilStreaming(): Promise<void> {
    for (;;) {
      const status = await this.#status();
      const task = status?.tasks?.[0];
      if (task?.state === "FAILED") throw new Error(task.trace);
      if (task?.state === "RUNNING" && await this.#isSlotActive()) return;
      await pause();
    }
  }

  /** Starts a task that has failed again; Debezium gives up on errors of the broker's. */
  async revive(): Promise<void> {
    const status = await this.#status();
    if (status?.tasks?.[0]?.state !== "FAILED") return;
    await this.#rest(`${this.name}/restart?includeTasks=true&onlyFailed=true`, "POST");
  }

  /** What Connect says of it, for a message. */
  async statusText(): Promise<string> {
    return JSON.stringify(await this.#status());
  }

  async #status(): Promise<{ tasks?: { state: string; trace: string }[] } | undefined> {
    const response = await this.#fetch(`${this.name}/status`);
    if (response?.ok) return await response.json();
    await response?.body?.cancel();
    return undefined;
  }

  async #isSlotActive(): Promise<boolean> {
    const sql = `SELECT active FROM pg_replication_slots WHERE slot_name = '${this.name}'`;
    return (await this.database.query(sql))[0]?.active === true;
  }

  async #untilSlot(active: boolean): Promise<void> {
    while (await this.#isSlotActive() !== active) await pause();
  }

  /** Tries until Connect answers; it refuses (409) while it agrees with itself on who does what. */
  async #rest(path: string, method: string, body?: unknown): Promise<void> {
    for (;;) {
      const response = await this.#fetch(path, {
        method,
        headers: { "content-type": "application/json" },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await response?.text();
      if (response?.ok) return;
      if (response !== undefined && ![409, 500, 503].includes(response.status)) {
        throw new Error(`${method} ${path}: ${response.status} ${text}`);
      }
      await pause();
    }
  }

  /** Undefined when Connect does not answer. */
  async #fetch(path: string, init?: RequestInit): Promise<Response | undefined> {
    try {
      return await fetch(`${this.stack.connectUrl}/connectors/${path}`, init);
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}
