/**
 * The second packager: one file that needs no denort to make, and a POSIX shell, tar and gzip to
 * run. portable.sh is its head and explains itself; behind that lies the packed archive.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join, relative } from "node:path";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { RUNTIME_FLAGS } from "../src/flags.ts";
import { VERSION } from "../src/version.ts";
import { cksum } from "./cksum.ts";
import type { Image } from "./image.ts";
import { tar, type TarFile } from "./tar.ts";
import { unstableFlags } from "./unstable.ts";

/** What `uname -sm` says on the platforms that it is made for. */
const SYSTEMS: Record<string, string> = {
  "linux x86_64": "Linux x86_64",
  "linux aarch64": "Linux aarch64",
  "darwin x86_64": "Darwin x86_64",
  "darwin aarch64": "Darwin arm64",
};

/** Hexadecimal digits of the archive's SHA-256 that name its folder. */
const HASH_DIGITS = 16;

interface File extends TarFile {
  readonly size: number;
}

/** Packs `image` and the runtime that runs us into the file `output`. */
export async function packPortable(image: Image, output: string): Promise<void> {
  const files = await contents(image);
  const payload = await gzipped(tar(files));
  const hash = createHash("sha256").update(payload).digest("hex").slice(0, HASH_DIGITS);
  const head = await header(image, files, `${VERSION}-${hash}`);
  const start = new TextEncoder().encode(head);
  // The first two lines hold the checksum of the rest.
  const rest = start.subarray(head.indexOf("\n", head.indexOf("\n") + 1) + 1);
  const checked = head.replace("@check@", cksum([rest, payload]));
  assert(!/@\w+@/.test(checked), "portable.sh has a placeholder that is not filled in");
  using file = await Deno.open(output, { write: true, create: true, truncate: true, mode: 0o755 });
  await write(file, new TextEncoder().encode(checked));
  await write(file, payload);
}

/** The runtime and the image's files, in the order of their names. */
async function contents(image: Image): Promise<File[]> {
  const files: File[] = [];
  const add = async (name: string, source: string, executable = false) => {
    files.push({ name, source, executable, size: (await Deno.stat(source)).size });
  };
  await add("deno", Deno.execPath(), true);
  const walk = async (folder: string) => {
    for await (const entry of Deno.readDir(folder)) {
      const source = join(folder, entry.name);
      if (entry.isDirectory) await walk(source);
      else await add(relative(image.folder, source), source);
    }
  };
  for (const part of image.parts) await walk(join(image.folder, part));
  return files.sort((a, b) => a.name < b.name ? -1 : 1);
}

async function gzipped(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const packed: Uint8Array[] = [];
  for await (const piece of Readable.from(pieces).pipe(createGzip({ level: 9 }))) {
    packed.push(piece);
  }
  return new Uint8Array(await new Blob(packed as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** portable.sh with all but its checksum filled in. ASCII, so a character is a byte. */
async function header(image: Image, files: readonly File[], name: string): Promise<string> {
  const template = await Deno.readTextFile(new URL("portable.sh", import.meta.url));
  const flags = [
    "run",
    "--no-config",
    "--no-lock",
    "--no-remote",
    "--cached-only",
    "--node-modules-dir=manual",
    ...unstableFlags(),
    ...RUNTIME_FLAGS,
  ];
  const values: Record<string, string> = {
    version: VERSION,
    system: SYSTEMS[`${Deno.build.os} ${Deno.build.arch}`],
    name,
    parts: ["deno", ...image.parts].join(" "),
    files: files.map(({ name, size }) => `    -path '${name}' -size ${size}c`).join(" -o \\\n") +
      " \\",
    count: String(files.length),
    mb: String(Math.ceil(files.reduce((sum, { size }) => sum + size, 0) / 1e6)),
    main: image.main,
    flags: flags.map((flag) => flag.includes("*") ? `'${flag}'` : flag).join(" "),
    payload: String(template.split("\n").length + files.length - 1),
  };
  for (const { name } of files) assert.match(name, /^[\w./@-]+$/, "a name that find would expand");
  const head = template.replace(/@(\w+)@/g, (whole, key) => values[key] ?? whole);
  assert(/^[\x20-\x7e\n]*$/.test(head), "portable.sh is not ASCII");
  return head;
}

async function write(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
