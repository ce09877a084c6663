/**
 * Tests that need a program which not every machine has. They are skipped where it is missing, with
 * the reason as part of the test's name, so that the report itself says why. In CI (`CI=true`) a
 * missing program is an error instead, Docker aside.
 *
 *     Deno.test({ ...needs("java", "drains a topic"), fn: async () => { … } });
 */

/** What a test may need. */
export type Need = "java" | "maven" | "chromium" | "docker" | "compose";

/** The programs that meet each need, and the arguments that only ask them whether they work. */
const PROBES: Record<Need, { programs: string[]; args: string[]; more?: string }> = {
  java: { programs: ["java"], args: ["-version"] },
  maven: { programs: ["mvn"], args: ["-version"] },
  chromium: {
    programs: ["chromium", "chromium-browser", "google-chrome", "chrome"],
    args: ["--version"],
  },
  docker: { programs: ["docker"], args: ["info"] },
  compose: { programs: ["docker"], args: ["compose", "version"], more: "with Compose" },
};

/** Follows a skipped test's own name. `tests/junit.ts` holds every skipped test to this form. */
export const SKIP_REASON = /\[skipped: (.+)\]$/;

/** The name and `ignore` of a test that needs `need`. Throws in CI when it is missing there. */
export function needs(
  need: Need,
  name: string,
  found = available(need) !== undefined,
  ci = Deno.env.get("CI") === "true",
): { name: string; ignore: boolean } {
  if (found) return { name, ignore: false };
  const { programs, more } = PROBES[need];
  const reason = `needs ${programs.join(" or ")} ${more ? `${more} ` : ""}on the PATH`;
  if (ci && !programs.includes("docker")) {
    throw new Error(`"${name}" ${reason}, and in CI (CI=true) it may not be skipped. Install it.`);
  }
  return { name: `${name} [skipped: ${reason}]`, ignore: true };
}

/** The same for a test that needs several: the first that is missing is the reason. */
export function needsAll(all: readonly Need[], name: string): { name: string; ignore: boolean } {
  const missing = all.find((need) => available(need) === undefined);
  return missing === undefined ? { name, ignore: false } : needs(missing, name);
}

/** The path or name of the program that meets `need`, or undefined. Asked once a process. */
export function available(need: Need): string | undefined {
  if (!cache.has(need)) cache.set(need, PROBES[need].programs.find((p) => works(p, need)));
  return cache.get(need);
}

const cache = new Map<Need, string | undefined>();

function works(program: string, need: Need): boolean {
  try {
    const options = { args: PROBES[need].args, stdout: "null", stderr: "null" } as const;
    return new Deno.Command(program, options).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
