/**
 * A child must not outlive the process that started it, even when that one is killed with SIGKILL
 * and can tell nobody. The parent holds the child's standard input open and writes nothing to it;
 * the operating system closes it when the parent is gone, however it went.
 */

/** Given to a child of `deno task dev`; not part of `--help`. */
export const FOLLOW_PARENT = "--exit-when-stdin-closes";

/**
 * `args` without {@linkcode FOLLOW_PARENT}. If it is among them, this process gets a SIGTERM, and
 * so drains and ends as it would for an operator, once its standard input is closed.
 */
export function followParent(args: readonly string[]): string[] {
  if (args.includes(FOLLOW_PARENT)) void endWithStdin();
  return args.filter((arg) => arg !== FOLLOW_PARENT);
}

async function endWithStdin(): Promise<void> {
  const buffer = new Uint8Array(256);
  // A read that fails means the same as one that ends: nobody is there any more.
  while (await Deno.stdin.read(buffer).catch(() => null) !== null);
  Deno.kill(Deno.pid, "SIGTERM");
}
