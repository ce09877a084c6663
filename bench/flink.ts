/**
 * The peer: the job under bench/flink/, built by Maven once for each content of its sources, in a
 * JVM with the memory of the job that Sluice replaces.
 */
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { Fault } from "../src/errors.ts";
import { type Usage, usageOf } from "./usage.ts";

const SOURCES = fileURLToPath(new URL("flink/", import.meta.url));
const CACHE = fileURLToPath(new URL("../.sluice/stack/", import.meta.url));

/** In MB, by the areas of the job that Sluice replaces: heap is the framework's and the task's; direct
 * memory both off-heap areas and the network's. Flink takes managed memory by its own count. */
const HEAP_MB = 96 + 512;
const DIRECT_MB = 96 + 256 + 128;
const METASPACE_MB = 96;

/** What Flink and Kryo look into, which Java 17 keeps shut. */
const OPENS = [
  "java.lang",
  "java.lang.reflect",
  "java.net",
  "java.nio",
  "java.text",
  "java.time",
  "java.util",
  "java.util.concurrent",
].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`);

/** What a run of the job took. */
export interface Run {
  /** From its first record to its end. */
  seconds: number;
  /** From the start of the process to its end. */
  inAllSeconds: number;
  /** At its end. */
  usage: Usage | undefined;
}

/** Builds the job, if that was not done. Resolves to where it is, or to why it can't be built. */
export async function buildJob(): Promise<{ folder: string } | { missing: string }> {
  const folder = join(CACHE, `flink-${await hashOf(SOURCES)}`);
  if (await isFolder(folder)) return { folder };
  console.log("building the Flink job by Maven (about 90 MB, once)");
  await Deno.mkdir(CACHE, { recursive: true });
  const partial = await Deno.makeTempDir({ dir: CACHE, prefix: "building-" });
  try {
    const output = await new Deno.Command("mvn", {
      args: [
        "--batch-mode",
        "--quiet",
        "--no-transfer-progress",
        `--file=${join(SOURCES, "pom.xml")}`,
        `-Djob.dir=${partial}`,
        "compile",
      ],
      stdin: "null",
    }).output();
    if (!output.success) {
      const text = new TextDecoder().decode(output.stdout);
      throw new Fault("setup", {
        what: "Maven could not build the job under bench/flink",
        received: text.trim().slice(-2000),
        todo: "See that Maven reaches a repository: a mirror or proxy stands in " +
          "~/.m2/settings.xml.",
      });
    }
    await Deno.rename(partial, folder);
    return { folder };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { missing: "there is no `mvn` on the PATH" };
  } finally {
    await Deno.remove(partial, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // it was renamed
    });
  }
}

/** Runs the job over all that the topics have. `url`: of the database with the schema `peer`. */
export async function runJob(
  folder: string,
  { brokers, prefix, url, parallelism }: {
    brokers: string;
    prefix: string;
    url: string;
    parallelism: number;
  },
): Promise<Run> {
  const { hostname, port, pathname, username, password } = new URL(url);
  const jdbc = `jdbc:postgresql://${hostname}:${port}${pathname}?user=${username}` +
    `&password=${password}&reWriteBatchedInserts=true`;
  const begun = performance.now();
  const child = new Deno.Command("java", {
    args: [
      `-Xms${HEAP_MB}m`,
      `-Xmx${HEAP_MB}m`,
      `-XX:MaxDirectMemorySize=${DIRECT_MB}m`,
      `-XX:MaxMetaspaceSize=${METASPACE_MB}m`,
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
      ...OPENS,
      "-cp",
      `${join(folder, "classes")}:${join(folder, "lib", "*")}`,
      "bench.Job",
      brokers,
      prefix,
      jdbc,
      String(parallelism),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let usage: Usage | undefined;
  const timer = setInterval(async () => {
    const now = await usageOf(child.pid);
    if (now === undefined) return;
    usage = { ...now, rssMb: Math.max(now.rssMb, usage?.rssMb ?? 0) }; // a process that ends has none
  }, 50);
  try {
    const { success, stdout, stderr } = await child.output();
    const inAllSeconds = (performance.now() - begun) / 1000;
    const text = new TextDecoder().decode(stdout);
    if (!success) {
      throw new Fault("setup", {
        what: "the Flink job failed",
        received: (new TextDecoder().decode(stderr) + text).trim().slice(-3000),
      });
    }
    return { seconds: JSON.parse(text).seconds, inAllSeconds, usage };
  } finally {
    clearInterval(timer);
  }
}

async function hashOf(folder: string): Promise<string> {
  const texts: string[] = [];
  const walk = async (at: string) => {
    const entries = await Array.fromAsync(Deno.readDir(at));
    for (const entry of entries.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
      const path = join(at, entry.name);
      if (entry.isDirectory) await walk(path);
      else texts.push(entry.name, await Deno.readTextFile(path));
    }
  };
  await walk(folder);
  const bytes = new TextEncoder().encode(texts.join("\n"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return digest.slice(0, 6).toHex();
}

async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, (error) => {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  });
}
