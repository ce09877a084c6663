/** Runs the `deno` that runs us: the runtime inside a binary is the one that made it. */
import { Fault } from "../src/errors.ts";

export interface DenoOptions {
  cwd: string | URL;
  env?: Record<string, string>;
}

/** `deno ...args`; resolves with its standard output. Throws a `setup` fault with what it said. */
export async function deno(args: string[], options: DenoOptions): Promise<string> {
  const { success, code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: options.cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env },
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
