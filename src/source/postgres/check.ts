/**
 * The `check` mode: validates the settings, looks at this machine, then tries each connection and
 * right at the source, and says what to do about each finding. It changes nothing anywhere.
 */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { type Catalog, readCatalog } from "../../catalog/postgres.ts";
import { ok } from "../../catalog/finding.ts";
import { type Config, readConfig, requireDatabaseUrl, settingsHelp } from "../../config.ts";
import { Fault } from "../../errors.ts";
import { connect, describe, toFault } from "./connect.ts";
import { slotFindings, tableFindings, tlsFindings } from "./findings.ts";
import { addressFindings, folderFindings, readAddress, readFolder } from "./local.ts";
import { publicationFindings, readPublication } from "./publication.ts";
import { Report } from "./report.ts";
import { readServerFacts, serverFindings } from "./server.ts";
import { identify, readSlot } from "./slot.ts";
import { parseTarget, type Target } from "./target.ts";

const HELP = `Usage: deno task check [--json] [--help]

Validates the configuration, and tries each connection and right that \`serve\` needs: the data
folder and its disk, the HTTP address, the source's version and settings, the role's rights, room
for the replication slot, the publication, and each table's key, rights and types. Nothing is
changed. Each line is ok, warn or FAIL, with what to do about it.

  --json   one JSON document instead: { exit, sum: { ok, warn, fail }, findings: [{ level, about,
           what, todo }] }
  --help   this text

Exit codes: 0 nothing says FAIL; 2 the command line or a setting is not valid; 4 anything else.

Settings, as environment variables:
`;

/** Where the output goes; the default is the console. */
export interface CheckOutput {
  readonly print: (line: string) => void;
  readonly colour: boolean;
}

/** Runs the mode with the arguments after `check`. Gives the process's exit code. */
export async function runCheck(
  args: string[],
  env: Readonly<Record<string, string>>,
  output: CheckOutput = {
    print: (line) => console.log(line),
    colour: Deno.stdout.isTerminal() && !Deno.noColor,
  },
): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    output.print(HELP + settingsHelp());
    return 0;
  }
  const report = new Report({ ...output, json: args.includes("--json") });
  const unknown = args.find((arg) => arg !== "--json");
  if (unknown !== undefined) {
    report.addFault(
      "arguments",
      new Fault("usage", {
        what: "check does not know an argument",
        received: unknown,
        allowed: "--json, --help",
      }),
    );
    return report.finish();
  }
  await guarded(report, "settings", async () => {
    const config = readConfig(env);
    const target = parseTarget(requireDatabaseUrl(config));
    report.add(ok("settings", "valid"));
    await checkAll(report, config, target);
  });
  return report.finish();
}

/** What was seen of the source, as far as one got: the local findings depend on it. */
interface Seen {
  slotInUse: boolean;
  neededBytes: number | undefined;
}

async function checkAll(report: Report, config: Config, target: Target): Promise<void> {
  const folder = await readFolder(config.SLUICE_DATA_DIR);
  const address = readAddress(config.SLUICE_HTTP_ADDR);
  const seen: Seen = { slotInUse: false, neededBytes: undefined };
  await checkSource(report, config, target, folder.hasWarehouse, seen);
  report.add(...folderFindings(folder, seen.neededBytes));
  report.add(...addressFindings(address, seen.slotInUse));
}

async function checkSource(
  report: Report,
  config: Config,
  target: Target,
  hasWarehouse: boolean,
  seen: Seen,
): Promise<void> {
  const url = requireDatabaseUrl(config);
  await guarded(report, "connection", async () => {
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
}

/** Opens a real replication connection: pg_hba.conf and the role decide about it apart. */
async function checkReplication(report: Report, url: string): Promise<void> {
  await guarded(report, "replication", async () => {
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

/** A fault is a finding; anything else is a bug, and not ours to hide. */
async function guarded(report: Report, about: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    report.addFault(about, error);
  }
}
