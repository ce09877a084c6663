/**
 * `dist/sluice` as a user gets it: started by somebody without any rights, in an empty home, with
 * nothing on the PATH but what docs/BINARY.md says it needs. No Deno, no Node.
 */
import assert from "node:assert/strict";
import { basename, delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Ended } from "./process.ts";

const ROOT = new URL("../../", import.meta.url);

/** The programs that the portable file calls, beside the shell. */
const PROGRAMS = "chmod cksum find gzip id mkdir mv rm tail tar uname wc".split(" ");

/** `deno task compile …args`, which must succeed; resolves with what it said. */
export async function compile(args: string[], env: Record<string, string> = {}): Promise<string> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", fileURLToPath(new URL("build/compile.ts", ROOT)), ...args],
    env: { NO_COLOR: "1", ...env },
  }).output();
  const said = text(output.stdout) + text(output.stderr);
  assert.equal(output.code, 0, said);
  return said;
}

/** The whole of an unprivileged user: a home, a PATH, and an identity when we are root. */
export class User implements AsyncDisposable {
  private constructor(
    /** Everything of this user's lies in here. */
    readonly folder: string,
    private readonly identity: { uid?: number; gid?: number },
  ) {}

  static async create(): Promise<User> {
    // A blank in every path, since a shell script has to do with them.
    const folder = await Deno.makeTempDir({ prefix: "sluice user " });
    await Deno.chmod(folder, 0o755);
    const user = new User(folder, Deno.uid() === 0 ? await nobody() : {});
    await Deno.mkdir(user.path);
    for (const program of PROGRAMS) await Deno.symlink(which(program), join(user.path, program));
    await user.makeFolder("home");
    await user.makeFolder("tmp");
    return user;
  }

  get home(): string {
    return join(this.folder, "home");
  }

  /** Where copies are unpacked by default. */
  get cache(): string {
    return join(this.home, ".cache", "sluice");
  }

  private get path(): string {
    return join(this.folder, "bin");
  }

  /** A folder that belongs to this user. */
  async makeFolder(name: string): Promise<string> {
    const folder = join(this.folder, name);
    await Deno.mkdir(folder, { mode: 0o700 });
    const { uid, gid } = this.identity;
    if (uid !== undefined) await Deno.chown(folder, uid, gid!);
    return folder;
  }

  /** `binary ...args`, by this user, in the home folder, with `env` beside HOME, PATH and TMPDIR. */
  command(binary: string, args: string[], env: Record<string, string> = {}): Deno.Command {
    return new Deno.Command(binary, {
      args,
      clearEnv: true,
      env: { HOME: this.home, PATH: this.path, TMPDIR: join(this.folder, "tmp"), ...env },
      cwd: this.home,
      ...this.identity,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  /** Runs it to its end. */
  async run(binary: string, args: string[], env: Record<string, string> = {}): Promise<Ended> {
    const output = await this.command(binary, args, env).output();
    return { code: output.code, output: text(output.stdout) + text(output.stderr) };
  }

  /** Names in the folder of the unpacked copies, hidden ones included; none when there is none. */
  copies(cache = this.cache): string[] {
    try {
      return [...Deno.readDirSync(cache)].map(({ name }) => name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Copies `binary` and changes its bytes. */
export async function damaged(
  binary: string,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<string> {
  const target = join(binary, "..", `${basename(binary)}-${name}`);
  await Deno.writeFile(target, change(await Deno.readFile(binary)), { mode: 0o755 });
  await Deno.chmod(target, 0o755);
  return target;
}

function which(program: string): string {
  for (const folder of Deno.env.get("PATH")!.split(delimiter)) {
    const path = join(folder, program);
    try {
      if (Deno.statSync(path).isFile) return path;
    } catch {
      // Not in this one.
    }
  }
  throw new Error(`${program} is not on the PATH: every POSIX system has it`);
}

async function nobody(): Promise<{ uid: number; gid: number }> {
  for (const line of (await Deno.readTextFile("/etc/passwd")).split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === "nobody") return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("we are root, and there is no user `nobody` to run the binary as");
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
