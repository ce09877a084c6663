/**
 * The import rules, which keep the folders the diagram of ARCHITECTURE.md. Type imports count: a
 * stage that names another's types knows it.
 *
 * - A stage imports itself, `batch/`, `catalog/`, the shared files and the interface files.
 * - Only `pipeline.ts`, `service.ts`, `ingest.ts` and `sources.ts` know several stages.
 * - `api/` sees messages and metrics, and none of the stages' folders but a store's `reader.ts`.
 * - Folders do not import each other in a circle.
 * - Packages come from npm, by a name and an exact version in deno.json.
 * - No file is longer than 400 lines.
 */
import type { Module } from "./graph.ts";

/** Folders of `src/` that are a stage of the way of a change, or its API. */
const STAGES = ["source", "decode", "sink", "api"];

/** Files of `src/` that everyone may import, and that know no stage. */
const SHARED = [
  "errors",
  "setting",
  "config",
  "config_connect",
  "config_kafka",
  "budget",
  "messages",
  "log",
  "metrics",
  "progress",
  "slice",
]
  .map((name) => `src/${name}.ts`);

/** The seams: their prose is the contract between stages, so every stage may import them. */
const INTERFACES = [
  "src/source/source.ts",
  "src/source/position.ts",
  "src/decode/decoder.ts",
  "src/sink/sink.ts",
];

/** The files that put stages together. */
const ASSEMBLY = ["pipeline", "service", "ingest", "sources"].map((name) => `src/${name}.ts`);

const LINES_MAX = 400;

/** Files that may be longer, with the reason. Keep it short. */
const LONGER: Readonly<Record<string, string>> = {
  "src/decode/debezium/rows_test.ts": "a case for each thing that goes wrong in such events",
};

/** Every broken rule in `modules`, as a sentence with the file first. Empty: all is well. */
export function brokenRules(modules: readonly Module[]): string[] {
  const broken = [...cycles(modules)];
  for (const module of modules) {
    if (module.error !== undefined) broken.push(`${module.path}: ${module.error}`);
    if (module.lines > LINES_MAX && !(module.path in LONGER)) {
      broken.push(
        `${module.path} has ${module.lines} lines; at most ${LINES_MAX}: one concept a file`,
      );
    }
    const stages = new Set<string>();
    for (const { written, target } of module.imports) {
      const why = isOutside(target)
        ? brokenOutside(written, target)
        : brokenInside(module.path, target);
      if (why !== undefined) broken.push(`${module.path} imports ${target}: ${why}`);
      const stage = stageOf(target);
      if (stage !== undefined && !INTERFACES.includes(target)) stages.add(stage);
    }
    if (stages.size > 1 && !isExempt(module.path) && !ASSEMBLY.includes(module.path)) {
      broken.push(
        `${module.path} knows several stages (${[...stages].sort().join(", ")}): only ` +
          `${ASSEMBLY.join(", ")} may`,
      );
    }
  }
  return broken.sort();
}

/** Every entry of deno.json's `imports` that isn't an npm package of one exact version. */
export function looseDependencies(imports: Readonly<Record<string, string>>): string[] {
  const pinned = /^npm:(@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(-[\w.-]+)?(\/.*)?$/;
  return Object.entries(imports).filter(([, target]) => !pinned.test(target)).map(
    ([name, target]) => `deno.json: "${name}" is ${target}; allowed: npm:<name>@<exact version>`,
  );
}

function isOutside(target: string): boolean {
  return /^[a-z]+:/.test(target);
}

function brokenOutside(written: string, target: string): string | undefined {
  if (target.startsWith("node:")) return undefined;
  if (!target.startsWith("npm:")) return "packages come from npm only";
  return written.startsWith("npm:") ? "give it a name and its version in deno.json" : undefined;
}

/** Why the file at `from` may not import `target`, both in the repository; undefined: it may. */
function brokenInside(from: string, target: string): string | undefined {
  if (/_test\.ts$|_fixtures?\.ts$/.test(target) && !isExempt(from)) return "it is for tests only";
  if (/^(tests|bench)\//.test(target) && !isExempt(from)) return "it is for tests only";
  if (isExempt(from)) return undefined;
  if (folderOf(from) === folderOf(target)) return undefined;
  if (folderOf(target) === "dev") return "only tests, bench/ and src/dev/ itself see src/dev/";
  if (SHARED.includes(target)) return undefined;
  if (SHARED.includes(from)) {
    return INTERFACES.includes(target) ? undefined : "a shared file knows shared files only";
  }
  const open = INTERFACES.includes(target) || ["batch", "catalog"].includes(folderOf(target));
  switch (folderOf(from)) {
    case "api":
      if (INTERFACES.includes(target) || /^src\/sink\/\w+\/reader\.ts$/.test(target)) {
        return undefined;
      }
      return "api/ sees messages, metrics and readers only";
    case "source":
    case "decode":
    case "sink":
    case "batch":
    case "catalog":
      return open ? undefined : "outside its stage it may import batch/, catalog/, shared files " +
        `and the interface files (${INTERFACES.join(", ")})`;
    case "generator":
      return ASSEMBLY.includes(target) ? "generator/ is no part of the service" : undefined;
  }
  return undefined;
}

/** Tests and measurements may look into everything. */
function isExempt(path: string): boolean {
  return /_test\.ts$|_fixtures?\.ts$/.test(path) || /^(tests|bench)\//.test(path);
}

/** The stage that a path belongs to, if any. */
function stageOf(path: string): string | undefined {
  const folder = folderOf(path);
  return STAGES.includes(folder) && path.startsWith("src/") ? folder : undefined;
}

/**
 * What a path counts as: the folder right under `src/`, another folder of the root, or the file
 * itself when it lies directly in `src/` or in the root.
 */
function folderOf(path: string): string {
  const parts = path.split("/");
  if (parts[0] === "src") return parts.length > 2 ? parts[1] : path;
  return parts[0];
}

/** Circles between folders. A seam counts as itself, not as its folder: that is what it is for. */
function* cycles(modules: readonly Module[]): Generator<string> {
  const node = (path: string) => INTERFACES.includes(path) ? path : folderOf(path);
  const edges = new Map<string, Map<string, string>>();
  for (const { path, imports } of modules) {
    if (isExempt(path)) continue;
    for (const { target } of imports) {
      if (isOutside(target) || node(path) === node(target)) continue;
      const out = edges.get(node(path)) ?? new Map<string, string>();
      edges.set(node(path), out.set(node(target), `${path} → ${target}`));
    }
  }
  const done = new Set<string>();
  const seen = new Set<string>();
  const trail: string[] = [];
  function* visit(at: string): Generator<string> {
    const start = trail.indexOf(at);
    if (start >= 0) {
      const circle = [...trail.slice(start), at];
      const key = [...new Set(circle)].sort().join(" ");
      if (!seen.has(key)) {
        const steps = circle.slice(1).map((to, i) => edges.get(circle[i])!.get(to));
        yield `folders import each other in a circle: ${steps.join(", ")}`;
      }
      seen.add(key);
      return;
    }
    if (done.has(at)) return;
    trail.push(at);
    for (const to of edges.get(at)?.keys() ?? []) yield* visit(to);
    trail.pop();
    done.add(at);
  }
  for (const at of edges.keys()) yield* visit(at);
}
