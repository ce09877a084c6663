/**
 * A tar archive (POSIX ustar) of a list of files. The same files always give the same bytes: no
 * times, no owners. All of a name must fit into 100 bytes, which the image's do.
 *
 *     archive  file* , 1,024 bytes of zero
 *     file     header (512 bytes), contents, zeros up to the next multiple of 512
 *     header   name 100, mode 8, uid 8, gid 8, size 12, time 12, checksum 8, type 1, link 100,
 *              "ustar\0" 6, "00" 2, zeros. Numbers are octal text.
 */
import assert from "node:assert/strict";

const BLOCK = 512;

/** A file to put in: its name in the archive, and where its contents are. */
export interface TarFile {
  readonly name: string;
  readonly source: string;
  readonly executable?: boolean;
}

/** The archive, piece by piece; one file at a time is in memory. */
export async function* tar(files: readonly TarFile[]): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    const contents = await Deno.readFile(file.source);
    yield header(file, contents.length);
    yield contents;
    yield new Uint8Array(-contents.length & (BLOCK - 1));
  }
  yield new Uint8Array(2 * BLOCK);
}

function header(file: TarFile, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string, max: number) => {
    const bytes = new TextEncoder().encode(text);
    assert(bytes.length <= max, `${text} does not fit into ${max} bytes`);
    block.set(bytes, at);
  };
  const octal = (at: number, value: number, digits: number) =>
    put(at, value.toString(8).padStart(digits, "0"), digits);
  put(0, file.name, 100);
  octal(100, file.executable ? 0o755 : 0o644, 7);
  octal(108, 0, 7);
  octal(116, 0, 7);
  octal(124, size, 11);
  octal(136, 0, 11);
  put(148, " ".repeat(8), 8); // the checksum counts itself as spaces
  put(156, "0", 1);
  put(257, "ustar\0" + "00", 8);
  octal(148, block.reduce((sum, byte) => sum + byte, 0), 6);
  block[154] = 0;
  return block;
}
