/** Runs the `deno` that runs us: the runtime inside a binary is the one that made it. */
import { Fault } from "../src/errors.ts";

/** The repository. */
export const ROOT = new URL("../", import.meta.url);

/** `deno ...args` in a folder; gives its standard output. Throws a `setup` fault that quotes it. */
export async function deno(args: string[], cwd: string | URL = ROOT): Promise<string> {
  const { success, code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const said = new TextDecoder().decode(stdout);
  if (success) return said;
  throw new Fault("setup", {
    what: `\`deno ${args[0]}\` ended with code ${code}`,
    received: `\n${new TextDecoder().decode(stderr).trim() || said.trim()}`,
  });
}
