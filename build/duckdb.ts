/**
 * DuckDB's native package, of this platform only. Its own loader chooses among eight platforms,
 * and would pull all of them in; here it is one line. libduckdb must lie beside duckdb.node, which
 * looks for it there.
 */
import { join } from "node:path";
import { Fault } from "../src/errors.ts";
import { deno } from "./deno.ts";

const NAME = "@duckdb/node-bindings";

/** Deno's names of platforms → those of DuckDB's packages. Deno on Linux is built for glibc. */
const PLATFORMS: Record<string, string> = {
  "linux x86_64": "linux-x64",
  "linux aarch64": "linux-arm64",
  "darwin x86_64": "darwin-x64",
  "darwin aarch64": "darwin-arm64",
  "windows x86_64": "win32-x64",
  "windows aarch64": "win32-arm64",
};

interface NpmPackage {
  name: string;
  version: string;
  localPath: string;
}

/** Puts the package into the folder `nodeModules`. */
export async function copyDuckdb(nodeModules: string): Promise<void> {
  const { name, version, localPath } = await findPackage();
  const target = join(nodeModules, NAME);
  await Deno.mkdir(target, { recursive: true });
  for await (const { name: file } of Deno.readDir(localPath)) {
    if (!/\.(node|so|dylib|dll)$|^LICENSE/.test(file)) continue;
    await Deno.copyFile(join(localPath, file), join(target, file));
    if (Deno.build.os !== "windows") await Deno.chmod(join(target, file), 0o644);
  }
  const manifest = { name: NAME, version, main: "./index.js", description: `from ${name}` };
  await Deno.writeTextFile(join(target, "package.json"), JSON.stringify(manifest, null, 2) + "\n");
  await Deno.writeTextFile(
    join(target, "index.js"),
    'module.exports = require("./duckdb.node");\n',
  );
}

async function findPackage(): Promise<NpmPackage> {
  const platform = `${Deno.build.os} ${Deno.build.arch}`;
  await deno(["cache", "--quiet", "main.ts"]); // on a fresh clone it isn't there yet
  const info = JSON.parse(await deno(["info", "--json", "src/ingest.ts"]));
  const packages = Object.values<NpmPackage>(info.npmPackages);
  const found = packages.find(({ name }) => name === `${NAME}-${PLATFORMS[platform]}`);
  if (found !== undefined) return found;
  throw new Fault("setup", {
    what: "there is no DuckDB package for this platform",
    received: platform,
    allowed: Object.keys(PLATFORMS).join(", "),
  });
}
