/**
 * The jars of the stack: Kafka and Debezium by Maven from debezium/pom.xml, once for each content of
 * that file. And Java, which runs them.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "../../errors.ts";

/** The oldest Java that Kafka 3.3 and Debezium 2.3 run on together. */
export const JAVA_MIN = 11;

const POM = new URL("../../../debezium/pom.xml", import.meta.url);
const CACHE = fileURLToPath(new URL("../../../.sluice/stack/", import.meta.url));

/** Where the jars lie. */
export interface Jars {
  /** Class path of ZooKeeper, the broker and Connect. */
  readonly classPath: string;
  /** `plugin.path` of Connect: one folder for each connector. */
  readonly plugins: string;
}

/**
 * Fetches what is not there yet. Throws a `setup` fault when Java or Maven is missing or fails, or
 * what `stopping` was aborted with.
 */
export async function fetchJars(
  onStep: (step: string) => void,
  stopping?: AbortSignal,
): Promise<Jars> {
  await requireJava();
  const pom = await Deno.readFile(POM);
  const folder = join(CACHE, `jars-${await shortHash(pom)}`);
  if (!(await isFolder(folder))) {
    onStep("fetching Kafka and Debezium by Maven (about 60 MB, once)");
    await fetchInto(folder, stopping);
  }
  return { classPath: join(folder, "kafka", "*"), plugins: join(folder, "plugins") };
}

/** Throws a `setup` fault unless `java` on the PATH is new enough. */
export async function requireJava(program = "java"): Promise<void> {
  const todo =
    `Install Java ${JAVA_MIN} or later (such as openjdk-17-jre-headless), and see that ` +
    "`java -version` works.";
  const found = await output(program, ["-version"]);
  if (found === undefined) {
    throw new Fault("setup", { what: "there is no `java` on the PATH", todo });
  }
  const version = javaVersion(found.text);
  if (version === undefined || version < JAVA_MIN) {
    throw new Fault("setup", {
      what: "the `java` on the PATH is too old, or does not tell its version",
      received: found.text.split("\n")[0],
      allowed: `Java ${JAVA_MIN} or later`,
      todo,
    });
  }
}

/** The feature release in the output of `java -version`: 8 for `1.8.0_392`, 17 for `17.0.15`. */
export function javaVersion(text: string): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(text);
  return match === null ? undefined : Number(match[1]);
}

async function fetchInto(folder: string, stopping?: AbortSignal): Promise<void> {
  await Deno.mkdir(CACHE, { recursive: true });
  const partial = await Deno.makeTempDir({ dir: CACHE, prefix: "fetching-" });
  try {
    const result = await output("mvn", [
      "--batch-mode",
      "--no-transfer-progress",
      `--file=${fileURLToPath(POM)}`,
      `-Dstack.dir=${partial}`,
      "process-resources",
    ], stopping);
    stopping?.throwIfAborted();
    if (result === undefined) {
      throw new Fault("setup", {
        what: "there is no `mvn` on the PATH, and Kafka and Debezium are not fetched yet",
        todo: "Install Maven 3 (such as Debian's `maven`); it is needed once.",
      });
    }
    if (!result.success) {
      throw new Fault("setup", {
        what: "Maven could not fetch Kafka and Debezium",
        received: result.text.split("\n").filter((line) => line.includes("ERROR")).slice(0, 5)
          .join("\n") || result.text.slice(-1000),
        todo: "See that Maven reaches a repository: a mirror or proxy stands in " +
          "~/.m2/settings.xml.",
      });
    }
    // Of several that fetch at once, one wins, and the others use its folder.
    await Deno.rename(partial, folder).catch(async (error) => {
      if (!(await isFolder(folder))) throw error;
    });
  } finally {
    await Deno.remove(partial, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

/** What `program` prints, on either stream; undefined when there is no such program. */
async function output(
  program: string,
  args: string[],
  signal?: AbortSignal,
): Promise<{ success: boolean; text: string } | undefined> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      signal,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { success, text: text(stdout) + text(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function shortHash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return digest.slice(0, 6).toHex();
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
