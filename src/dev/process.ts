/** Looking at processes that we did not start ourselves. */

/** The command line of the process `pid`, or undefined when there is none (a zombie counts as none). */
export async function commandOf(pid: number): Promise<string | undefined> {
  if (Deno.build.os === "linux") {
    const text = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
    return text === "" ? undefined : text.replaceAll("\0", " ").trim();
  }
  if (Deno.build.os === "windows") return undefined;
  const { success, stdout } = await new Deno.Command("ps", {
    args: ["-o", "command=", "-p", String(pid)],
    stderr: "null",
  }).output();
  return success ? new TextDecoder().decode(stdout).trim() : undefined;
}

/** Waits until the process `pid` no longer runs `part`. False: it still does after `ms`. */
export async function waitUntilGone(pid: number, part: string, ms: number): Promise<boolean> {
  for (let waited = 0;; waited += 100) {
    if (!(await commandOf(pid))?.includes(part)) return true;
    if (waited >= ms) return false;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Sends `signal` to `pid`, if it is still there. */
export function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
