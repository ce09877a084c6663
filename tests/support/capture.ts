/**
 * Captures real events: runs each case of capture_cases.ts on a real stack, in a database and with a
 * connector of its own, and writes what Debezium wrote into Kafka to
 * `tests/fixtures/debezium/<case>.jsonl`, a `TopicRecord` a line, in the order of their times.
 *
 *     deno run -A tests/support/capture.ts [part of a case's name …]
 */
import pg from "pg";
import register from "../../debezium/register-postgres.json" with { type: "json" };
import { Stack } from "../../src/dev/stack/stack.ts";
import { type CaptureCase, CASES } from "./capture_cases.ts";
import { readTopics, type TopicRecord, topicsOf } from "./topics.ts";

const FIXTURES = new URL("../fixtures/debezium/", import.meta.url);
const PREFIX = "t";
/** A logical message that ends a case; it is left out of the file. */
const END = "end-of-case";

/** What the steps of a case may use. */
export class Capture {
  readonly #clients: pg.Client[] = [];

  constructor(readonly stack: Stack, readonly database: string, readonly connector: string) {}

  get url(): string {
    return this.stack.postgres.url(this.database);
  }

  /** A connection of its own, closed at the end of the case. */
  async client(): Promise<pg.Client> {
    const client = new pg.Client(this.url);
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  /** Runs SQL, several statements as one transaction. */
  async sql(text: string): Promise<void> {
    const client = new pg.Client(this.url);
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  }

  async startConnector(overrides: Record<string, string>): Promise<void> {
    const url = new URL(this.url);
    const config = {
      ...register.config,
      "database.hostname": url.hostname,
      "database.port": url.port,
      "database.user": url.username,
      "database.password": url.password,
      "database.dbname": this.database,
      "database.sslmode": "disable",
      "topic.prefix": PREFIX,
      "table.include.list": "public.*",
      "slot.name": this.database,
      "publication.name": this.database,
      "heartbeat.interval.ms": "0",
      ...overrides,
    };
    const response = await this.rest(`/connectors/${this.connector}/config`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(config),
    });
    if (response.status >= 300) throw new Error(await response.text());
    await response.body?.cancel();
    await this.untilRunning();
  }

  /** Waits until the connector streams. Throws the trace when its task has failed. */
  async untilRunning(): Promise<void> {
    for (;;) {
      const response = await this.rest(`/connectors/${this.connector}/status`);
      const status = await response.json();
      const failed = status.tasks?.find((task: { state: string }) => task.state === "FAILED");
      if (failed !== undefined) throw new Error(failed.trace);
      if (status.tasks?.[0]?.state === "RUNNING" && await this.#slotActive()) return;
      await pause(100);
    }
  }

  rest(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.stack.connectUrl}${path}`, init);
  }

  /** Waits until Debezium has written everything up to now. */
  async settle(): Promise<void> {
    const mark = `${END}-${crypto.randomUUID()}`;
    await this.sql(`SELECT pg_logical_emit_message(false, '${mark}', '')`);
    for (;;) {
      const topics = await topicsOf(this.stack.brokers, `${PREFIX}.`);
      const records = await readTopics(this.stack.brokers, topics);
      // The producer writes topics one by one: the mark may be there before what was read earlier.
      const marked = records.some(({ value }) => value?.includes(mark));
      if (marked && isComplete(records)) return;
      await this.untilRunning();
      await pause(200);
    }
  }

  async records(): Promise<TopicRecord[]> {
    const heartbeats = `__debezium-heartbeat.${PREFIX}`;
    const topics = [
      ...await topicsOf(this.stack.brokers, `${PREFIX}.`),
      ...await topicsOf(this.stack.brokers, heartbeats),
    ];
    const records = await readTopics(this.stack.brokers, topics);
    return records
      .filter(({ key, value }) => !`${key}${value}`.includes(END))
      .sort((a, b) =>
        Number(a.timestamp) - Number(b.timestamp) || (a.topic < b.topic ? -1 : 1) ||
        Number(a.offset) - Number(b.offset)
      );
  }

  async close(): Promise<void> {
    const response = await this.rest(`/connectors/${this.connector}`, { method: "DELETE" });
    await response.body?.cancel();
    for (const client of this.#clients) await client.end();
  }

  async #slotActive(): Promise<boolean> {
    const client = new pg.Client(this.url);
    await client.connect();
    const query = "SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active";
    const { rowCount } = await client.query(query, [this.database]);
    await client.end();
    return rowCount === 1;
  }
}

/** Whether every transaction that has begun has ended, with as many events as its end says. */
function isComplete(records: TopicRecord[]): boolean {
  const open = new Set<string>();
  const seen = new Map<string, number>();
  const ends = new Map<string, number>();
  for (const { topic, value } of records) {
    const json = value === null ? {} : JSON.parse(value);
    const event = json.payload ?? json;
    if (topic === `${PREFIX}.transaction`) {
      const id = event.id.split(":")[0];
      if (event.status === "BEGIN") open.add(id);
      else if (open.delete(id)) ends.set(id, event.event_count);
    } else if (event.transaction) {
      const id = event.transaction.id.split(":")[0];
      seen.set(id, (seen.get(id) ?? 0) + 1);
    }
  }
  return open.size === 0 && [...ends].every(([id, count]) => (seen.get(id) ?? 0) === count);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function deleteTopics(stack: Stack): Promise<void> {
  const { kafkaClient } = await import("./topics.ts");
  const admin = kafkaClient(stack.brokers).admin();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) =>
    topic.startsWith(`${PREFIX}.`) || topic.startsWith("__debezium-heartbeat")
  );
  if (topics.length > 0) await admin.deleteTopics({ topics });
  await admin.disconnect();
}

async function run(stack: Stack, item: CaptureCase): Promise<number> {
  const name = `c_${item.name.replaceAll("-", "_")}`;
  const admin = new pg.Client(stack.databaseUrl);
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const capture = new Capture(stack, name, name);
  try {
    await capture.sql(
      "CREATE SCHEMA debezium; CREATE TABLE debezium.signal " +
        "(id varchar(64) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048))",
    );
    await item.before?.(capture);
    await capture.startConnector(item.config ?? {});
    await item.steps(capture);
    await capture.settle();
    const records = await capture.records();
    const text = records.map((record) => JSON.stringify(record) + "\n").join("");
    await Deno.writeTextFile(new URL(`${item.name}.jsonl`, FIXTURES), text);
    return records.length;
  } finally {
    await capture.close();
    await deleteTopics(stack);
  }
}

if (import.meta.main) {
  const chosen = CASES.filter(({ name }) =>
    Deno.args.length === 0 || Deno.args.some((part) => name.includes(part))
  );
  const folder = await Deno.makeTempDir({ prefix: "sluice-capture-" });
  await Deno.chmod(folder, 0o755);
  await Deno.mkdir(FIXTURES, { recursive: true });
  {
    await using stack = await Stack.start({
      folder,
      postgresSettings: { max_replication_slots: "100", max_wal_senders: "100" },
      onStep: console.log,
    });
    for (const item of chosen) {
      const started = performance.now();
      const count = await run(stack, item);
      console.log(`${item.name}: ${count} records, ${Math.round(performance.now() - started)} ms`);
    }
  }
  await Deno.remove(folder, { recursive: true });
}
