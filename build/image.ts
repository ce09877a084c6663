/**
 * The prepared image: a folder with all that runs, and nothing else. Both packagers take it as it
 * is, so the two kinds of binary hold the same bytes.
 *
 *     src/main.js                            main.ts and all it imports, in one file
 *     src/ingest.js                          src/ingest.ts, the worker, likewise
 *     sql/                                   as in the repository
 *     node_modules/@duckdb/node-bindings/    DuckDB of this platform (duckdb.ts)
 *
 * Both scripts lie one folder deep, as do the sources that look for files beside them with
 * `new URL("…", import.meta.url)`: so the same relative path leads there in both (bundle.ts).
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.ts";
import { ROOT } from "./deno.ts";
import { copyDuckdb } from "./duckdb.ts";

/** An image. Disposing it removes the folder. */
export interface Image extends AsyncDisposable {
  readonly folder: string;
  /** Its top folders. */
  readonly parts: readonly string[];
  /** Paths in it. */
  readonly main: string;
  readonly worker: string;
}

/** Makes an image for this platform in a temporary folder. Tells `step` what it does. */
export async function prepareImage(step: (text: string) => void): Promise<Image> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-image-" });
  const image: Image = {
    folder,
    parts: ["src", "sql", "node_modules"],
    main: "src/main.js",
    worker: "src/ingest.js",
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
  try {
    await copySql(fileURLToPath(new URL("sql", ROOT)), join(folder, "sql"));
    step("adding DuckDB's native package of this platform");
    await copyDuckdb(join(folder, "node_modules"));
    step("bundling main.ts and src/ingest.ts");
    await bundle("src/ingest.ts", join(folder, image.worker));
    await bundle("main.ts", join(folder, image.main));
    return image;
  } catch (error) {
    await image[Symbol.asyncDispose]();
    throw error;
  }
}

async function copySql(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const entry of Deno.readDir(from)) {
    if (entry.isDirectory) await copySql(join(from, entry.name), join(to, entry.name));
    else if (entry.name.endsWith(".sql")) {
      await Deno.copyFile(join(from, entry.name), join(to, entry.name));
    }
  }
}
