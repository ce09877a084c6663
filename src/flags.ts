/**
 * How the runtime is told to run Sluice: the one list of permissions and V8 flags. The tasks of
 * deno.json say the same (a test compares them), `deno task dev` and the tests start with it, and
 * `deno task compile` puts it into the binary. It holds for every mode, since a binary has one list;
 * docs/BINARY.md says why each permission is there. What stands in `unstable` of deno.json comes on
 * top: the runtime reads it there itself, and a binary is given it as flags.
 */

/**
 * `--max-heap-size` (MB) bounds each isolate's heap: see src/budget.ts. `--max-semi-space-size` (MB):
 * each isolate keeps up to three such for young objects, of which a change makes few; with V8's own
 * size they took 20 MB more, and what they did with it was not faster.
 */
const V8_FLAGS = ["--max-heap-size=512", "--max-semi-space-size=4"];

/**
 * Permissions and V8 flags. Addresses, folders and certificates are settings, so net, read and
 * write have no list of their own; neither has ffi, since a batch asks for the address of its
 * buffer (`Deno.UnsafePointer`), which a list of libraries does not allow. Environment variables
 * other than ours look unset. Nothing may run a program, load code over the network, or ask the
 * user for more.
 */
export const RUNTIME_FLAGS: readonly string[] = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-ffi",
  "--allow-env=SLUICE_*",
  "--ignore-env",
  "--allow-sys=statfs",
  "--deny-import",
  `--v8-flags=${V8_FLAGS.join(",")}`,
];

/** `deno`'s arguments before `main.ts <mode>`. */
export const RUN_FLAGS: readonly string[] = ["run", ...RUNTIME_FLAGS];
