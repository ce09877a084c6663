/**
 * `deno task test [file, folder or part of a test's name …]`: format, lint, types, import rules,
 * unit tests and integration tests. With arguments only the tests that they name are run.
 *
 * It ends with one line alone, `N passed, N failed[, N skipped]`, counted from the JUnit reports;
 * each stage before the tests counts as one test. Exit code 0 means that nothing failed.
 */
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brokenRules, looseDependencies } from "./imports.ts";
import { readGraph, sources } from "./graph.ts";
import { outcome } from "./junit.ts";
import { closingLine, sum, type Tally } from "./tally.ts";

const ROOT = new URL("../", import.meta.url);
const CODE = ["main.ts", "src", "generator", "bench", "build", "tests"];
const CI = Deno.env.get("CI") === "true";

/** A process that runs longer than this hangs: it is killed, and that is a failure. */
const PROCESS_MINUTES_MAX = 20;

interface Result {
  tally: Tally;
  /** Shown when something failed. */
  output: string;
  /** Shown always, a line each. */
  notes: string[];
}

interface Output {
  code: number;
  text: string;
}

/** Runs `deno ...args` at the root and captures what it prints, in the order it prints it. */
async function deno(...args: string[]): Promise<Output> {
  const process = new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).spawn();
  const limit = setTimeout(() => process.kill("SIGKILL"), PROCESS_MINUTES_MAX * 60_000);
  const pieces: string[] = [];
  const drain = async (stream: ReadableStream<Uint8Array>) => {
    const text = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair);
    for await (const piece of text) pieces.push(piece as string);
  };
  const [status] = await Promise.all([
    process.status,
    drain(process.stdout),
    drain(process.stderr),
  ]);
  clearTimeout(limit);
  return { code: status.code, text: pieces.join("") };
}

function whole(passed: boolean, output: string): Result {
  const tally = { passed: Number(passed), failed: Number(!passed), skipped: 0 };
  return { tally, output, notes: [] };
}

async function command(...args: string[]): Promise<Result> {
  const { code, text } = await deno(...args);
  return whole(code === 0, text);
}

async function importRules(): Promise<Result> {
  const modules = await readGraph(ROOT, await sources(ROOT, CODE));
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const broken = [...brokenRules(modules), ...looseDependencies(config.imports)];
  return whole(broken.length === 0, broken.join("\n") + "\n");
}

/** Runs `files` in one `deno test` process. */
async function tests(files: string[], filter?: string): Promise<Result> {
  const path = await Deno.makeTempFile({ prefix: "sluice-junit-", suffix: ".xml" });
  try {
    const filters = filter === undefined ? [] : [`--filter=${filter}`];
    const flags = ["--allow-all", "--no-check", `--junit-path=${path}`, ...filters];
    const { code, text } = await deno("test", ...flags, ...files);
    const report = await Deno.readTextFile(path);
    const names = files.map(reportName);
    const result = outcome({ code, report, files: names, filtered: filter !== undefined, ci: CI });
    const problems = result.problems.map((problem) => `error: ${problem}\n`).join("");
    return { tally: result, output: text + problems, notes: result.skips };
  } finally {
    await Deno.remove(path);
  }
}

/** How `deno test` names `file` in its report: from the folder it is run in. */
function reportName(file: string): string {
  const path = relative(fileURLToPath(ROOT), resolve(fileURLToPath(ROOT), file));
  return path.startsWith("..") ? path : `./${path}`;
}

async function stage(name: string, work: () => Promise<Result>): Promise<Tally> {
  const started = performance.now();
  const { tally, output, notes } = await work().catch((error) =>
    whole(false, error instanceof Error ? `${error.stack}\n` : String(error))
  );
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const verdict = tally.failed > 0 ? "FAILED" : "ok";
  console.log(`${verdict.padEnd(6)} ${name.padEnd(44)} ${closingLine(tally)} (${seconds} s)`);
  for (const note of notes) console.log(`       ${note}`);
  if (tally.failed > 0) console.log(`${"─".repeat(80)}\n${output.trimEnd()}\n${"─".repeat(80)}`);
  return tally;
}

/** Splits arguments into test files (of paths that exist) and one filter for test names. */
async function choose(
  args: string[],
  all: string[],
): Promise<{ files: string[]; filter?: string }> {
  const files: string[] = [];
  const words: string[] = [];
  for (const arg of args) {
    const path = arg.replace(/^\.\//, "").replace(/\/$/, "");
    const info = await Deno.stat(new URL(path, ROOT)).catch(() => undefined);
    if (info === undefined) words.push(arg);
    else if (info.isFile) files.push(path);
    else if (path.startsWith("/")) files.push(...await sources(new URL("file:///"), [path]));
    else files.push(...all.filter((file) => file.startsWith(`${path}/`)));
  }
  const filter = words.length > 0 ? words.join(" ") : undefined;
  return { files: files.length > 0 || filter === undefined ? files : all, filter };
}

/** Unit tests share one process; an integration test has its own, so that a crash stays its own. */
function batches(files: string[]): { name: string; files: string[] }[] {
  const unit = files.filter((file) => !file.startsWith("tests/"));
  const own = files.filter((file) => file.startsWith("tests/"));
  return [
    ...(unit.length > 0 ? [{ name: `unit tests (${unit.length} files)`, files: unit }] : []),
    ...own.map((file) => ({ name: file, files: [file] })),
  ];
}

async function main(args: string[]): Promise<number> {
  const all = (await sources(ROOT, CODE)).filter((path) => path.endsWith("_test.ts"));
  const chosen = args.length > 0 ? await choose(args, all) : { files: all };
  const tallies: Tally[] = [];
  if (args.length === 0) {
    tallies.push(await stage("format", () => command("fmt", "--check")));
    tallies.push(await stage("lint", () => command("lint")));
    tallies.push(await stage("types", () => command("check", "--quiet", fileURLToPath(ROOT))));
    tallies.push(await stage("import rules", importRules));
  }
  const before = sum(tallies);
  for (const { name, files } of batches(chosen.files)) {
    tallies.push(await stage(name, () => tests(files, chosen.filter)));
  }
  const total = sum(tallies);
  if (total.passed + total.failed + total.skipped === before.passed + before.failed) {
    console.log(
      `FAILED no test ran${args.length > 0 ? `: nothing matches ${args.join(" ")}` : ""}`,
    );
    total.failed++;
  }
  console.log(closingLine(total));
  return total.failed > 0 ? 1 : 0;
}

Deno.exit(await main(Deno.args));
