/** The module graph of the repository, as `deno info` resolves it: the real one, not a regex's. */
import { relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** One import of a module. */
export interface Import {
  /** As written in the source. */
  readonly written: string;
  /** What it stands for: a path from the repository's root, or `npm:…`, `node:…`, `jsr:…`, a URL. */
  readonly target: string;
}

/** A module of the repository. `path` starts at its root and uses `/`. */
export interface Module {
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** Why it could not be loaded, when it could not. */
  readonly error?: string;
}

interface InfoModule {
  specifier: string;
  error?: string;
  dependencies?: {
    specifier: string;
    code?: { specifier?: string; error?: string };
    type?: { specifier?: string; error?: string };
  }[];
}

/**
 * Every TypeScript file under `folders` (or a file itself), from `root`, as sorted paths. A folder
 * with a deno.json is a project of its own, and left out.
 */
export async function sources(root: URL, folders: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) await collect(root, folder, found);
  return found.sort();
}

async function collect(root: URL, path: string, found: string[]): Promise<void> {
  const info = await Deno.stat(new URL(path, root)).catch(ignoreMissing);
  if (info?.isFile && /\.tsx?$/.test(path)) found.push(path);
  if (!info?.isDirectory) return;
  if (await Deno.stat(new URL(`${path}/deno.json`, root)).catch(ignoreMissing)) return;
  for await (const entry of Deno.readDir(new URL(path, root))) {
    if (!entry.name.startsWith(".")) await collect(root, `${path}/${entry.name}`, found);
  }
}

function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** The modules at `paths`, and those of the repository that they import. */
export async function readGraph(root: URL, paths: readonly string[]): Promise<Module[]> {
  // One file that imports them all, so that `deno info` is asked once.
  const entry = await Deno.makeTempFile({ prefix: "sluice-graph-", suffix: ".ts" });
  try {
    const imports = paths.map((path) => `import ${JSON.stringify(new URL(path, root).href)};\n`);
    await Deno.writeTextFile(entry, imports.join(""));
    const output = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--no-lock", "--config", fileURLToPath(new URL("deno.json", root)), "--json"]
        .concat(entry),
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    if (!output.success) {
      throw new Error(`deno info failed: ${new TextDecoder().decode(output.stderr)}`);
    }
    const info = JSON.parse(new TextDecoder().decode(output.stdout)) as { modules: InfoModule[] };
    return await Promise.all(
      info.modules
        .filter((m) => m.specifier.startsWith(root.href) && m.specifier !== entryHref(entry))
        .map((module) => toModule(root, module)),
    );
  } finally {
    await Deno.remove(entry);
  }
}

function entryHref(entry: string): string {
  return pathToFileURL(entry).href;
}

async function toModule(root: URL, module: InfoModule): Promise<Module> {
  const text = await Deno.readTextFile(new URL(module.specifier)).catch(ignoreMissing);
  const imports: Import[] = [];
  const errors = module.error === undefined ? [] : [module.error];
  for (const { specifier, code, type } of module.dependencies ?? []) {
    const target = code?.specifier ?? type?.specifier;
    if (target !== undefined) imports.push({ written: specifier, target: place(root, target) });
    else errors.push(`${specifier}: ${code?.error ?? type?.error ?? "not resolved"}`);
  }
  return {
    path: place(root, module.specifier),
    lines: text === undefined ? 0 : text.replace(/\n$/, "").split("\n").length,
    imports,
    error: errors.length > 0 ? errors.join("; ") : undefined,
  };
}

function place(root: URL, specifier: string): string {
  if (!specifier.startsWith(root.href)) return specifier;
  return relative(fileURLToPath(root), fileURLToPath(specifier)).replaceAll("\\", "/");
}
