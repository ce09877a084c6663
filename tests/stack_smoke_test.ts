/**
 * The stack without Docker in both of its forms, and `register` on it as a user runs it: a change in
 * PostgreSQL is in its topic, and what goes wrong is explained in a sentence.
 */
import assert from "node:assert/strict";
import { Stack, type StackOptions } from "../src/dev/stack/stack.ts";
import { freePort } from "../src/dev/embedded_postgres.ts";
import { commandOf } from "../src/dev/process.ts";
import { TestDatabase, testServer } from "./support/postgres.ts";
import { type Ended, runMain } from "./support/process.ts";
import { followTopics, type TopicRecord, topicsOf } from "./support/topics.ts";
import { needsAll } from "./skip.ts";

/** Gives `work` a stack in a temporary folder, and sees that nothing of it is left. */
async function withStack(
  options: Omit<StackOptions, "folder">,
  work: (stack: Stack) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-smoke-" });
  await Deno.chmod(folder, 0o755); // PostgreSQL may run as another user
  try {
    const pids: number[] = [];
    {
      await using stack = await Stack.start({ folder, ...options });
      await work(stack);
      for (const { pid } of [stack.zookeeper, stack.broker, stack.connect].filter((s) => !!s)) {
        pids.push(pid);
      }
      pids.push(stack.postgres.pid);
    }
    for (const pid of pids) assert.equal(await commandOf(pid), undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function register(
  stack: Stack,
  url: string,
  env: Record<string, string> = {},
  ...args: string[]
): Promise<Ended> {
  return runMain(["register", ...args], {
    SLUICE_CONNECT_URL: stack.connectUrl,
    SLUICE_KAFKA_TOPIC_PREFIX: "bank",
    SLUICE_DATABASE_URL: url,
    ...env,
  });
}

/** Waits for a record of `topic` that has `text` in its value. */
async function seen(stack: Stack, topic: string, text: string): Promise<TopicRecord> {
  while (!(await topicsOf(stack.brokers, topic)).includes(topic)) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  let found: TopicRecord | undefined;
  await followTopics(stack.brokers, [topic], (record) => {
    if (record.value?.includes(text)) found = record;
    return found !== undefined;
  });
  return found!;
}

/** Registers, changes a row, and sees the change in its topic. */
async function assertFlows(stack: Stack, database: TestDatabase): Promise<void> {
  const ended = await register(stack, database.url);
  assert.equal(ended.code, 0, ended.output);
  assert.match(ended.output, /created the connector sluice-bank at http:\S+ \(Kafka Connect 3\.3/);
  assert.match(ended.output, /sluice-bank runs, and reads the slot debezium_bank/);
  await database.query("UPDATE notes SET body = 'changed' WHERE id = 1");
  const { value, key } = await seen(stack, "bank.public.notes", "changed");
  assert.equal(key, '{"id":1}');
  const event = JSON.parse(value!);
  assert.deepEqual([event.op, event.after, event.transaction.total_order], [
    "u",
    { id: 1, body: "changed" },
    1,
  ]);
  await seen(stack, "bank.transaction", '"END"');
}

async function notes(stack: Stack, name: string): Promise<TestDatabase> {
  const database = await TestDatabase.create(stack.postgres, name);
  await database.query("CREATE TABLE notes (id int PRIMARY KEY, body text)");
  await database.query("INSERT INTO notes VALUES (1, 'first')");
  return database;
}

const NEED = ["java", "maven"] as const;

Deno.test({
  ...needsAll(NEED, "stack: Kafka without ZooKeeper, Connect and Debezium carry a change"),
  fn: () =>
    withStack({ kraft: true }, async (stack) => {
      await using database = await notes(stack, "bank");
      await assertFlows(stack, database);
      await stack.broker.kill();
      await stack.broker.start();
      await database.query("INSERT INTO notes VALUES (2, 'after the broker was killed')");
      await seen(stack, "bank.public.notes", "after the broker was killed");
    }),
});

Deno.test({
  ...needsAll(NEED, "stack: with ZooKeeper; register creates, updates and explains"),
  fn: () =>
    withStack({}, async (stack) => {
      await using database = await notes(stack, "bank");
      await assertFlows(stack, database);
      await updates(stack, database);
      await explains(stack, database);
      await killed(stack, database);
    }),
});

/** Settings that have changed are taken up by a connector that runs. */
async function updates(stack: Stack, database: TestDatabase): Promise<void> {
  await database.query("CREATE SCHEMA other; CREATE TABLE other.lines (id int PRIMARY KEY)");
  const ended = await register(stack, database.url, { SLUICE_TABLES: "public.*,other.l*" });
  assert.equal(ended.code, 0, ended.output);
  assert.match(ended.output, /updated the connector sluice-bank/);
  await database.query("INSERT INTO other.lines VALUES (42)");
  assert.equal((await seen(stack, "bank.other.lines", "42")).key, '{"id":42}');
  const again = await register(stack, database.url, { SLUICE_TABLES: "public.*,other.l*" });
  assert.equal(again.code, 0, again.output);
}

interface Failure {
  env: Record<string, string>;
  url?: string;
  code: number;
  says: RegExp;
}

async function explains(stack: Stack, database: TestDatabase): Promise<void> {
  await database.query("CREATE ROLE weak LOGIN PASSWORD 'weak-secret'");
  await database.query("GRANT ALL ON ALL TABLES IN SCHEMA public TO weak");
  await database.query("CREATE SCHEMA loose; CREATE TABLE loose.log (line text)");
  await using replica = await testServer({ wal_level: "replica" });
  const at = (change: (url: URL) => void, base = database.url) => {
    const url = new URL(base);
    change(url);
    return url.href;
  };
  const failures: Record<string, Failure> = {
    password: {
      env: {},
      url: at((url) => url.password = "not-the-password"),
      code: 4,
      says: /refuses the user or its password: received .*password authentication failed/,
    },
    database: {
      env: {},
      url: at((url) => url.pathname = "/nowhere"),
      code: 4,
      says: /no such database: received .*"nowhere" does not exist/,
    },
    address: {
      env: { SLUICE_CONNECT_DATABASE_URL: at((url) => url.port = "1") },
      code: 3,
      says:
        /does not reach the database: received .*127\.0\.0\.1:1 refused.*SLUICE_CONNECT_DATABASE/,
    },
    wal_level: {
      env: {},
      url: replica.url(),
      code: 4,
      says: /does not write what replication needs: .*wal_level.* Set wal_level = logical/,
    },
    replication: {
      env: {},
      url: at((url) => [url.username, url.password] = ["weak", "weak-secret"]),
      code: 4,
      says: /the role may not replicate: received .* ALTER ROLE/,
    },
    tables: {
      env: { SLUICE_TABLES: "public.no_such_table" },
      code: 4,
      says: /no table of the database matches SLUICE_TABLES/,
    },
    identity: {
      env: { SLUICE_TABLES: "loose.*" },
      code: 4,
      says: /would take no UPDATE and no DELETE any more.*received loose\.log/,
    },
    slot: {
      env: { SLUICE_KAFKA_TOPIC_PREFIX: "BANK" },
      code: 4,
      says: /another connector reads the replication slot already: received debezium_bank/,
    },
    connect: {
      env: { SLUICE_CONNECT_URL: `http://127.0.0.1:${freePort()}` },
      code: 3,
      says: /Kafka Connect does not answer: received http:\/\/127\.0\.0\.1:\d+/,
    },
    broker: {
      env: { SLUICE_CONNECT_URL: `http://${stack.brokers}` },
      code: 3,
      says: /Kafka Connect does not answer/,
    },
  };
  for (const [name, { env, url, code, says }] of Object.entries(failures)) {
    const ended = await register(stack, url ?? database.url, {
      SLUICE_KAFKA_TOPIC_PREFIX: `fails_${name}`,
      ...env,
    });
    console.log(`${name}: ${ended.output.trim()}`);
    assert.match(ended.output, says, name);
    assert.equal(ended.code, code, name);
    assert.doesNotMatch(
      ended.output,
      /not-the-password|weak-secret|sluice-dev|\bat [\w.]+\(/,
      name,
    );
  }
}

/** Parts that are killed come back on the same ports, and what was committed meanwhile arrives. */
async function killed(stack: Stack, database: TestDatabase): Promise<void> {
  await Promise.all([stack.broker.kill(), stack.connect.kill()]);
  await database.query("INSERT INTO notes VALUES (3, 'while all was down')");
  await stack.broker.start();
  await stack.connect.start();
  await seen(stack, "bank.public.notes", "while all was down");
}
