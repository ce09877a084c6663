/**
 * `sluice dead-letters list|show`: the records that were set aside. It asks the Sluice that runs,
 * since DuckDB lets one process at a time open the file; and opens the file when none does.
 */
import { parseArgs } from "node:util";
import { type Config, parseHttpAddr, readConfig } from "./config.ts";
import { Fault, quoted } from "./errors.ts";
import type { Question } from "./messages.ts";
import { planBudget } from "./budget.ts";
import { readOnce } from "./sink/warehouse/read_once.ts";

const HELP = `Usage: sluice dead-letters list [--limit <n>] [--json]
       sluice dead-letters show <id>

Records of topics that could not be decoded or applied, and were kept as they came
(SLUICE_ON_BAD_RECORD=dead-letter). Asks the Sluice at SLUICE_HTTP_ADDR, or reads SLUICE_DATA_DIR
when none runs there.

  list         the newest first, a line each
  show <id>    one whole, as JSON: topic, partition, offset, headers, key and value
  --limit <n>  how many are listed at most (default 100)
  --json       the list as JSON
`;

/** A letter as the API lists it. */
interface Letter {
  id: string;
  set_aside_at: string;
  topic: string;
  partition: number;
  offset: string;
  table: string | null;
  kind: string;
  reason: string;
}

/** The `dead-letters` mode. Resolves with the exit code. */
export async function runDeadLetters(args: string[], env: Record<string, string>): Promise<number> {
  const options = parseOptions(args);
  if (options === "help") {
    console.log(HELP);
    return 0;
  }
  const config = readConfig(env);
  const answer = await ask(config, options.question);
  if (options.question.kind === "letter" || options.json) {
    console.log(JSON.stringify(answer, null, 2));
    return 0;
  }
  const { dead_letters: letters, total } = answer as { dead_letters: Letter[]; total: string };
  for (const letter of letters) console.log(lineOf(letter));
  const shown = Number(total) > letters.length ? `, of which ${letters.length} are shown` : "";
  console.log(total === "0" ? "There are no dead letters." : `${total} dead letters${shown}.`);
  return 0;
}

function lineOf({ id, set_aside_at, topic, partition, offset, table, kind, reason }: Letter) {
  const where = topic === "" ? table ?? "" : `${topic}[${partition}] at ${offset}`;
  const text = reason.replaceAll("\n", " ");
  return `${id}  ${set_aside_at}  ${where}  ${kind}: ${text.slice(0, 200)}`;
}

function parseOptions(args: string[]): "help" | { question: Question; json: boolean } {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h", default: false },
        json: { type: "boolean", default: false },
        limit: { type: "string", default: "100" },
      },
    });
    if (values.help) return "help";
    const [verb, id, ...more] = positionals;
    const isNumber = (text: string | undefined) => /^[1-9]\d{0,14}$/.test(text ?? "");
    if (verb === "list" && id === undefined && isNumber(values.limit)) {
      return { question: { kind: "letters", limit: Number(values.limit) }, json: values.json };
    }
    if (verb === "show" && isNumber(id) && more.length === 0) {
      return { question: { kind: "letter", id: Number(id) }, json: true };
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // that is how parseArgs says what it refuses
  }
  throw new Fault("usage", {
    what: "dead-letters does not take these words",
    received: quoted(args.join(" ")),
    allowed: "list [--limit <n>] [--json], show <id>, --help",
  });
}

async function ask(config: Config, question: Question): Promise<unknown> {
  const url = urlOf(config, question);
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Nobody listens there: then nobody has the file open either.
    const memoryBytes = planBudget(config.SLUICE_MEMORY_TOTAL_MB).areaBytes.managed;
    return await readOnce({ dataDir: config.SLUICE_DATA_DIR, memoryBytes }, question);
  }
  const body = await response.json();
  if (response.ok) return body;
  throw new Fault("usage", {
    what: `${url} answered ${response.status}: ${body?.title ?? "without a reason"}`,
    received: body?.detail,
  });
}

function urlOf(config: Config, question: Question): string {
  const { hostname, port } = parseHttpAddr(config.SLUICE_HTTP_ADDR)!; // checked by readConfig
  const any = hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
  const host = any.includes(":") ? `[${any}]` : any;
  const base = `http://${host}:${port}/v1/dead-letters`;
  return question.kind === "letter"
    ? `${base}/${question.id}`
    : `${base}?limit=${limitOf(question)}`;
}

function limitOf(question: Question): number {
  return question.kind === "letters" ? question.limit : 100;
}
