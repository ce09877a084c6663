/** What `check` looks at on this machine: the data folder, its disk and the HTTP address. */
import { dirname, join, resolve } from "node:path";
import { statfs } from "node:fs/promises";
import { fail, type Finding, ok, warn } from "../catalog/finding.ts";
import { parseHttpAddr } from "../config.ts";

/** Facts about the data folder. */
export interface FolderFacts {
  readonly path: string;
  readonly exists: boolean;
  /** Why it can't be made or written to; undefined: it can. */
  readonly refusal: string | undefined;
  /** Room on its disk for us; undefined: not known (it takes Deno's sys permission). */
  readonly freeBytes: number | undefined;
  /** Whether `warehouse.duckdb` is there already. */
  readonly hasWarehouse: boolean;
}

/** Facts about the address. */
export interface AddressFacts {
  readonly address: string;
  /** Why it can't be listened on; undefined: it can. */
  readonly refusal: string | undefined;
  readonly inUse: boolean;
}

const MB = 1024 * 1024;
/** Below this there is hardly room for the log files and DuckDB's own spilling. */
const FREE_BYTES_MIN = 1024 * MB;

/** Tries the folder by writing a file, which it takes away again; makes no folder. */
export async function readFolder(path: string): Promise<FolderFacts> {
  const full = resolve(path);
  const existing = await nearestExisting(full);
  const facts = { path, exists: existing === full, hasWarehouse: false };
  try {
    const file = await Deno.makeTempFile({ dir: existing, prefix: ".sluice-check-" });
    await Deno.remove(file);
  } catch (error) {
    return { ...facts, refusal: messageOf(error), freeBytes: undefined };
  }
  const hasWarehouse = await isThere(join(full, "warehouse.duckdb"));
  return { ...facts, refusal: undefined, freeBytes: await freeBytes(existing), hasWarehouse };
}

/** Judges the folder. `neededBytes`: what the tables take at the source; undefined: not known. */
export function folderFindings(facts: FolderFacts, neededBytes: number | undefined): Finding[] {
  const about = "SLUICE_DATA_DIR";
  if (facts.refusal !== undefined) {
    return [fail(
      about,
      `${facts.path} can't be ${facts.exists ? "written to" : "made"}: ${facts.refusal}`,
      "Name a folder that the user of this process may write to.",
    )];
  }
  const findings = [
    ok(about, facts.exists ? `${facts.path} can be written to` : `${facts.path} can be made`),
  ];
  if (facts.freeBytes === undefined) return findings;
  const free = `${megabytes(facts.freeBytes)} are free on its disk`;
  // The first snapshot needs about what the rows take at the source, often less: it compresses.
  const needed = Math.max(FREE_BYTES_MIN, facts.hasWarehouse ? 0 : neededBytes ?? 0);
  findings.push(
    facts.freeBytes >= needed ? ok("disk", free) : warn(
      "disk",
      `${free}, and the warehouse may need ${megabytes(needed)}`,
      "Make room, or put SLUICE_DATA_DIR on a larger disk.",
    ),
  );
  return findings;
}

/** Tries the address by listening on it for a moment. */
export function readAddress(address: string): AddressFacts {
  const { hostname, port } = parseHttpAddr(address)!; // the settings were checked
  try {
    Deno.listen({ hostname, port }).close();
    return { address, refusal: undefined, inUse: false };
  } catch (error) {
    const inUse = error instanceof Deno.errors.AddrInUse;
    return { address, refusal: messageOf(error), inUse };
  }
}

/** Judges the address. `slotInUse`: our slot is, so it may be a Sluice of ours that listens. */
export function addressFindings(facts: AddressFacts, slotInUse: boolean): Finding[] {
  const about = "SLUICE_HTTP_ADDR";
  if (facts.refusal === undefined) return [ok(about, `${facts.address} can be listened on`)];
  if (facts.inUse && slotInUse) {
    return [warn(
      about,
      `${facts.address} is in use, and so is our slot: a Sluice seems to be running`,
      "Nothing, if it is meant to run.",
    )];
  }
  return [fail(
    about,
    `${facts.address} can't be listened on: ${facts.refusal}`,
    facts.inUse
      ? "Stop what listens there, or set SLUICE_HTTP_ADDR to another port."
      : "Set SLUICE_HTTP_ADDR to an address of this machine, with a port from 1024.",
  )];
}

async function nearestExisting(path: string): Promise<string> {
  for (let at = path;; at = dirname(at)) {
    if (await isThere(at) || dirname(at) === at) return at;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false; // also when we may not look: then writing fails, and says why
  }
}

async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return Number(bavail) * Number(bsize);
  } catch {
    return undefined; // no sys permission, or a platform without it: then it isn't judged
  }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MB).toLocaleString("en")} MB`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
