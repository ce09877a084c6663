/** Waits until a connector has written all that it ever will of what was committed. */
import type { TestDatabase } from "./postgres.ts";
import type { Connector } from "./stack.ts";
import { kafkaClient, readTopics, type TopicRecord, topicsOf } from "./topics.ts";

/** For so long no topic must have grown. */
const QUIET_MS = 2000;

/** More would be a hang. */
const ROUNDS_MAX = 20;

/**
 * A row of the table `settled` is committed and waited for, and then until nothing comes any more.
 * Resolves to all records of the data topics.
 */
export async function settledTopics(
  brokers: string,
  database: TestDatabase,
  connector: Connector,
): Promise<TopicRecord[]> {
  const topic = `${database.name}.public.settled`;
  for (let id = 1; id <= ROUNDS_MAX; id++) {
    await connector.revive();
    await database.query(`INSERT INTO settled VALUES (${id})`);
    await pause(QUIET_MS);
    const topics = await dataTopics(brokers, database.name);
    if (!topics.includes(topic)) continue;
    const before = await ends(brokers, topics);
    await pause(QUIET_MS);
    if (before !== await ends(brokers, topics)) continue;
    return await readTopics(brokers, topics);
  }
  throw new Error(
    `${database.name}'s connector does not come to rest: ${await connector.statusText()}`,
  );
}

async function dataTopics(brokers: string, prefix: string): Promise<string[]> {
  return await topicsOf(brokers, `${prefix}.public.`);
}

async function ends(brokers: string, topics: string[]): Promise<string> {
  const admin = kafkaClient(brokers).admin();
  await admin.connect();
  try {
    const all = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    return JSON.stringify(all.map((each) => each.map(({ high }) => high)));
  } finally {
    await admin.disconnect();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
