/** `deno task compile`: prepares the image, and hands it to one of the two packagers. */
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Fault } from "../src/errors.ts";
import { VERSION } from "../src/version.ts";
import { ROOT } from "./deno.ts";
import { findDenort } from "./denort.ts";
import { denoCompile } from "./deno_compile.ts";
import { prepareImage } from "./image.ts";
import { packPortable } from "./portable.ts";

const HELP = `Makes dist/sluice: everything in one file, for this platform.

Usage: deno task compile [options]

  --deno-compile    by \`deno compile\`, which needs denort: DENORT_BIN, Deno's cache, or internet
  --portable        a shell script with the runtime packed behind it, for Linux and macOS
                    (neither: the first where denort is to be had, else the second)
  --output <file>   instead of dist/sluice
  --help            this text

docs/BINARY.md says what each is, and where it unpacks.
`;

const OPTIONS = {
  "deno-compile": { type: "boolean", default: false },
  portable: { type: "boolean", default: false },
  output: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

const KINDS = {
  "deno-compile": { pack: denoCompile, name: "self-extracting executable by `deno compile`" },
  portable: { pack: packPortable, name: "portable self-extracting executable" },
} as const;

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const [kind, why] = await choose(options);
  if (kind === "portable" && Deno.build.os === "windows") {
    throw new Fault("setup", {
      what: `the portable executable needs a POSIX shell, and ${why}`,
      todo: "Set DENORT_BIN to a denort.exe, or connect to the internet once.",
    });
  }
  const file = Deno.build.os === "windows" ? "dist/sluice.exe" : "dist/sluice";
  const output = options.output ? resolve(options.output) : fileURLToPath(new URL(file, ROOT));
  await Deno.mkdir(dirname(output), { recursive: true });
  await using image = await prepareImage(say);
  say(`packing the ${KINDS[kind].name} (${why})`);
  // One that is running keeps its file: the new one takes the name when it is whole.
  const partial = join(dirname(output), `.${Deno.pid}-${basename(output)}`);
  try {
    await KINDS[kind].pack(image, partial);
    await Deno.rename(partial, output);
  } catch (error) {
    await Deno.remove(partial).catch(() => {}); // it may not be there yet
    throw error;
  }
  const { size } = await Deno.stat(output);
  const mb = (size / 1e6).toFixed(1);
  console.log(`made ${options.output ?? file}: Sluice ${VERSION}, ${KINDS[kind].name}, ${mb} MB`);
  return 0;
}

type Options = ReturnType<typeof readOptions>;

/** Which kind, and why, for people. */
async function choose(options: Options): Promise<[keyof typeof KINDS, string]> {
  if (options.portable) return ["portable", "asked for by --portable"];
  if (options["deno-compile"]) return ["deno-compile", "asked for by --deno-compile"];
  say("looking for denort");
  const denort = await findDenort(Deno.env.toObject());
  if ("from" in denort) return ["deno-compile", `denort comes from ${denort.from}`];
  return ["portable", `denort can't be had: ${denort.missing}`];
}

function readOptions(args: string[]) {
  try {
    const { values } = parseArgs({ args, options: OPTIONS });
    if (!values.portable || !values["deno-compile"]) return values;
    throw new Error("--portable and --deno-compile exclude each other");
  } catch (error) {
    throw new Fault("usage", {
      what: `compile does not take these options: ${
        error instanceof Error ? error.message : error
      }`,
      received: args.join(" "),
      allowed: "--deno-compile or --portable, --output <file>, --help",
    });
  }
}

function say(text: string): void {
  console.log(`${text} …`);
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exit(error.exit);
  }
}
