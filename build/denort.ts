/**
 * Whether `denort`, the runtime that `deno compile` puts its programs into, is to be had. Deno
 * downloads it when it is missing, and without internet takes minutes to find out that it can't:
 * so we ask first, for seconds.
 */
import { join } from "node:path";
import { deno } from "./deno.ts";

const ASK_MS = 4000;

/** Where Deno's release site keeps it, and where Deno keeps what it has downloaded. */
const PATH = `release/v${Deno.version.deno}/denort-${Deno.build.target}.zip`;
const SITE = "https://dl.deno.land";

/** Where it comes from, or why it can't be had. */
export type Denort = { from: string } | { missing: string };

/** Looks for it as `deno compile` would: a file that is named, the cache, the network. */
export async function findDenort(env: Record<string, string>): Promise<Denort> {
  if (env.DENORT_BIN) return { from: "DENORT_BIN" };
  const { denoDir } = JSON.parse(await deno(["info", "--json"]));
  const cached = await Deno.stat(join(denoDir, "dl", PATH)).then(() => true, () => false);
  if (cached) return { from: "Deno's cache" };
  try {
    const response = await fetch(`${SITE}/${PATH}`, {
      method: "HEAD",
      signal: AbortSignal.timeout(ASK_MS),
    });
    if (response.ok) return { from: "Deno's release site" };
    return { missing: `Deno's release site answered ${response.status}` };
  } catch {
    return { missing: "it is not in Deno's cache, and Deno's release site can't be reached" };
  }
}
