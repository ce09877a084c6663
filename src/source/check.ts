/**
 * The `check` mode: validates the settings, looks at this machine, then tries the source, and says
 * what to do about each finding. It changes nothing anywhere.
 */
import { ok } from "../catalog/finding.ts";
import {
  type Config,
  readConfig,
  requireDatabaseUrl,
  requireSource,
  settingsHelp,
} from "../config.ts";
import { Fault } from "../errors.ts";
import { examineKafka } from "./kafka/examine.ts";
import { addressFindings, folderFindings, readAddress, readFolder } from "./local.ts";
import { examinePostgres } from "./postgres/examine.ts";
import { parseTarget } from "./postgres/target.ts";
import { Report } from "./report.ts";

const HELP = `Usage: deno task check [--json] [--help]

Validates the configuration, and tries each connection and right that \`serve\` needs: the data
folder and its disk, the HTTP address, the source's version and settings, the role's rights, room
for the replication slot, the publication, and each table's key, rights and types; with
SLUICE_SOURCE=kafka the brokers, the login, the connector's topics and what they hold. Nothing is
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
  await report.guarded("settings", async () => {
    const config = readConfig(env);
    if (requireSource(config).source === "postgres") parseTarget(requireDatabaseUrl(config));
    report.add(ok("settings", "valid"));
    await checkAll(report, config);
  });
  return report.finish();
}

async function checkAll(report: Report, config: Config): Promise<void> {
  const folder = await readFolder(config.SLUICE_DATA_DIR);
  const address = readAddress(config.SLUICE_HTTP_ADDR);
  const seen = config.SLUICE_SOURCE === "kafka"
    ? await examineKafka(report, config)
    : await examinePostgres(report, config, folder.hasWarehouse);
  report.add(...folderFindings(folder, seen.neededBytes));
  report.add(...addressFindings(address, seen.slotInUse));
}
