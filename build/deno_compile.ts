/** The first packager: `deno compile`, where denort is to be had. */
import { RUNTIME_FLAGS } from "../src/flags.ts";
import { deno } from "./deno.ts";
import type { Image } from "./image.ts";
import { unstableFlags } from "./unstable.ts";

/**
 * Packs `image` into the file `output`. `--self-extracting`, since a plain one finds duckdb.node
 * but not the library beside it.
 */
export async function denoCompile(image: Image, output: string): Promise<void> {
  await deno([
    "compile",
    "--quiet",
    "--self-extracting",
    "--app-name=sluice",
    // The image is all there is: no configuration, no lock file, no package from elsewhere.
    "--no-config",
    "--no-lock",
    "--no-check",
    "--cached-only",
    "--node-modules-dir=manual",
    ...unstableFlags(),
    ...RUNTIME_FLAGS,
    ...image.parts.map((part) => `--include=${part}`),
    `--output=${output}`,
    image.main,
  ], image.folder);
}
