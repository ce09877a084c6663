/**
 * The ports of a stack, kept beside its data, so that what was told of it holds when it is started
 * again: Sluice's settings, and the addresses that Kafka has stored.
 */
import { join } from "node:path";
import { isFree } from "./service.ts";
import type { Ports } from "./stack.ts";

/** Those of the last run that are free now. */
export async function readPorts(folder: string): Promise<Partial<Ports>> {
  const before = await readFile(join(folder, "ports.json"));
  return Object.fromEntries(Object.entries(before).filter(([, port]) => isFree(port)));
}

export async function writePorts(folder: string, ports: Ports): Promise<void> {
  await Deno.writeTextFile(join(folder, "ports.json"), JSON.stringify(ports) + "\n");
}

async function readFile(path: string): Promise<Partial<Ports>> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return {};
    throw error;
  }
}
