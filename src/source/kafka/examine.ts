/** What `check` tries at Kafka: the brokers, the login, the connector's topics. It joins no group. */
import { type Finding, ok, warn } from "../../catalog/finding.ts";
import { readCatalog } from "../../catalog/postgres.ts";
import { type Config, requireSource } from "../../config.ts";
import { connect, describe, toFault } from "../postgres/connect.ts";
import type { Seen } from "../postgres/examine.ts";
import type { Report } from "../report.ts";
import { connectCluster } from "./cluster.ts";
import type { TopicOffsets } from "./feed.ts";
import { assertOrdered } from "./held.ts";
import { clusterOptions } from "./settings.ts";
import { TopicNames } from "./topics.ts";

/** Nothing is fetched: a member of a group would be. */
const NO_READ_AHEAD = 0;
/** More topics than these are counted, not named. */
const NAMED_MAX = 8;

/** See the top of this file. */
export async function examineKafka(report: Report, config: Config): Promise<Seen> {
  await report.guarded("brokers", async () => {
    const required = requireSource(config);
    if (required.source !== "kafka") return;
    const cluster = connectCluster(clusterOptions(config, required, NO_READ_AHEAD));
    const names = new TopicNames(required.prefix, config.SLUICE_TABLES);
    try {
      report.add(ok("brokers", `${required.brokers.join(",")}: cluster ${await cluster.id()}`));
      const topics = (await cluster.topics()).filter((topic) => names.isRead(topic));
      const offsets = await cluster.offsets(topics);
      report.add(...topicFindings(offsets, names));
      await report.guarded("transactions", () => {
        assertOrdered(offsets, names);
        report.add(transactionFinding(offsets, names));
        return Promise.resolve();
      });
    } finally {
      await cluster.close();
    }
  });
  await report.guarded("types", async () => {
    report.add(await typesFinding(config));
  });
  return { slotInUse: false, neededBytes: undefined };
}

/** Judges the topics with rows. */
export function topicFindings(offsets: readonly TopicOffsets[], names: TopicNames): Finding[] {
  const data = offsets.filter(({ topic }) => names.isData(topic));
  if (data.length === 0) {
    return [warn(
      "topics",
      `there is no topic of ${names.prefix} for a table in SLUICE_TABLES yet`,
      "`deno task register` sets the connector up; Sluice waits for its topics.",
    )];
  }
  const shown = data.slice(0, NAMED_MAX).map(({ topic }) => topic).join(", ");
  const more = data.length > NAMED_MAX ? ", …" : "";
  const findings = [ok("topics", `${data.length} with rows: ${shown}${more}`)];
  for (const { topic, partitions } of data) {
    if (partitions.some(({ first }) => first > 0)) {
      findings.push(warn(
        topic,
        "its first records are gone: rows that only they had will be missing",
        "Let the connector take a new snapshot, and keep topics long enough (retention.ms).",
      ));
    }
    if (partitions.length > 1) {
      findings.push(warn(
        topic,
        `it has ${partitions.length} partitions: a TRUNCATE stops Sluice, and so does a change of ` +
          "key that keeps a large value",
        "Topics of one partition keep the order of all of a table's changes.",
      ));
    }
  }
  return findings;
}

/** Whether whole transactions can be told. */
function transactionFinding(offsets: readonly TopicOffsets[], names: TopicNames): Finding {
  if (offsets.some(({ topic }) => topic === names.transactions)) {
    return ok("transactions", `${names.transactions} tells which changes belong together`);
  }
  return warn(
    "transactions",
    `there is no topic ${names.transactions}: a read may see half of a transaction`,
    "Set provide.transaction.metadata=true in the connector. (It appears with the first change.)",
  );
}

/** Where the columns' types will come from. */
async function typesFinding(config: Config): Promise<Finding> {
  const url = config.SLUICE_DATABASE_URL;
  if (url === undefined) {
    return warn(
      "types",
      "they come from the events, which say little without schemas",
      "Set SLUICE_DATABASE_URL, whose catalogue gives exact types, or let the connector write " +
        "schemas (value.converter.schemas.enable=true).",
    );
  }
  const client = await connect(url, { applicationName: "sluice check" });
  try {
    const { tables } = await readCatalog(client, config.SLUICE_TABLES);
    return ok("types", `from the catalogue of ${describe(url)}, which has ${tables.length} tables`);
  } catch (error) {
    throw toFault(error, { where: describe(url), doing: "reading the catalogue" });
  } finally {
    await client.end();
  }
}
