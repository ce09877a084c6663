/**
 * One source file and all that it imports, as one script, by `deno bundle`. It is not minified:
 * that would save 0.2 MB of the packed binary and no time, and cost the stacks their names.
 */
import { pathToFileURL } from "node:url";
import { Fault } from "../src/errors.ts";
import { deno } from "./deno.ts";

/** Stays an import of a package: its native code can't be bundled (duckdb.ts). */
const EXTERNAL = "@duckdb/node-bindings";

/** How a script names a file beside itself, in the form that the bundler leaves it in. */
const BESIDE = /new URL\("(\.[^"]+)", import\.meta\.url\)/g;

/** Bundles `source`, a path in the repository, into the file `target`. */
export async function bundle(source: string, target: string): Promise<void> {
  await deno(
    ["bundle", "--quiet", `--external=${EXTERNAL}`, `--output=${target}`, source],
  );
  const text = await Deno.readTextFile(target);
  // The bundler leaves `new URL("./ingest.ts", import.meta.url)` as it is.
  const mended = text.replace(
    BESIDE,
    (_, path) => `new URL("${path.replace(/\.ts$/, ".js")}", import.meta.url)`,
  );
  for (const [, path] of mended.matchAll(BESIDE)) await assertThere(path, target);
  await Deno.writeTextFile(target, mended);
}

async function assertThere(path: string, script: string): Promise<void> {
  const url = new URL(path, pathToFileURL(script));
  if (await Deno.stat(url).then(() => true, () => false)) return;
  throw new Fault("bug", {
    what: "a source asks for a file that is not in the image",
    received: `new URL("${path}", import.meta.url)`,
    todo: "Put it into the image (build/image.ts), and ask for it from a file in the repository " +
      "that lies one folder deep, as the bundles do in the image.",
  });
}
