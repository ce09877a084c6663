/** What `check` tries at a PostgreSQL source: each connection and right. It changes nothing. */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { type Catalog, readCatalog } from "../../catalog/postgres.ts";
import { ok } from "../../catalog/finding.ts";
import { type Config, requireDatabaseUrl } from "../../config.ts";
import type { Report } from "../report.ts";
import { connect, describe, toFault } from "./connect.ts";
import { slotFindings, tableFindings, tlsFindings } from "./findings.ts";
import { publicationFindings, readPublication } from "./publication.ts";
import { readServerFacts, serverFindings } from "./server.ts";
import { identify, readSlot } from "./slot.ts";
import { parseTarget } from "./target.ts";

/** What was seen of the source, as far as one got: findings on this machine depend on it. */
export interface Seen {
  slotInUse: boolean;
  neededBytes: number | undefined;
}

/** See the top of this file. */
export async function examinePostgres(
  report: Report,
  config: Config,
  hasWarehouse: boolean,
): Promise<Seen> {
  const seen: Seen = { slotInUse: false, neededBytes: undefined };
  const url = requireDatabaseUrl(config);
  const target = parseTarget(url);
  await report.guarded("connection", async () => {
    const client = await connect(url, { applicationName: "sluice check" });
    try {
      report.add(ok("connection", describe(url)));
      const server = await readServerFacts(client);
      const slot = await readSlot(client, config.SLUICE_SLOT);
      seen.slotInUse = slot?.active ?? false;
      report.add(...tlsFindings(target, server.tls));
      report.add(...serverFindings(server, slot !== undefined));
      await checkReplication(report, url);
      report.add(...slotFindings(config.SLUICE_SLOT, slot, server.database, hasWarehouse));
      const catalog = await catalogOf(client, config, url);
      seen.neededBytes = [...catalog.facts.values()].reduce((sum, { bytes }) => sum + bytes, 0);
      report.add(...publicationFindings(
        await readPublication(client, config.SLUICE_PUBLICATION),
        config.SLUICE_PUBLICATION,
        catalog.tables,
        { ...server, foreign: foreignOwners(catalog) },
      ));
      report.add(...tableFindings(catalog, server.user));
    } finally {
      await client.end();
    }
  });
  return seen;
}

/** Opens a real replication connection: pg_hba.conf and the role decide about it apart. */
async function checkReplication(report: Report, url: string): Promise<void> {
  await report.guarded("replication", async () => {
    const client = await connect(url, { replication: true, applicationName: "sluice check" });
    try {
      const { systemId, timeline } = await identify(client);
      report.add(ok("replication", `system ${systemId}, timeline ${timeline}`));
    } finally {
      await client.end();
    }
  });
}

async function catalogOf(client: pg.Client, config: Config, url: string): Promise<Catalog> {
  try {
    return await readCatalog(client, config.SLUICE_TABLES);
  } catch (error) {
    throw toFault(error, { where: describe(url), doing: "reading the catalogue" });
  }
}

/** Owners of the tables that our role does not own. */
function foreignOwners(catalog: Catalog): Map<string, string> {
  const foreign = [...catalog.facts].filter(([, { isOwner }]) => !isOwner);
  return new Map(foreign.map(([name, { owner }]) => [name, owner]));
}
