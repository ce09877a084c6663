/** A disk of a few MB, for tests that fill it. */
import assert from "node:assert/strict";
import { statfs } from "node:fs/promises";
import type { TemporaryPostgres } from "../../src/dev/embedded_postgres.ts";
import { TestDatabase } from "./postgres.ts";

/** Whether a small disk can be mounted here, asked once. */
const CAN_MOUNT = Deno.build.os === "linux" && Deno.uid() === 0;
const MEGABYTES = 64;

/** A mounted disk. */
export type SmallDisk = NonNullable<Awaited<ReturnType<typeof smallDisk>>>;

/**
 * A test with a database of the name `id` and a small disk, on which `dataDir` is to be made. Where
 * no disk can be mounted it is skipped, and its name says why.
 */
export function diskTest(
  name: string,
  id: string,
  server: () => TemporaryPostgres,
  run: (database: TestDatabase, disk: SmallDisk, dataDir: string) => Promise<void>,
): void {
  Deno.test({
    name: `faults: ${name}${CAN_MOUNT ? "" : " [skipped: needs root, to mount a small disk]"}`,
    ignore: !CAN_MOUNT,
    async fn() {
      await using database = await TestDatabase.create(server(), id);
      const folder = `${server().folder}/${id}`;
      await using disk = await smallDisk(folder);
      assert.ok(disk, "no small disk could be mounted");
      await run(database, disk, `${folder}/data`);
    },
  });
}

/** Mounts a small disk; undefined when this machine does not let us. */
async function smallDisk(folder: string) {
  const run = (command: string, ...args: string[]) =>
    new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()
      .then(({ success }) => success, () => false);
  await Deno.mkdir(folder);
  const size = `size=${MEGABYTES}m`;
  if (!await run("mount", "-t", "tmpfs", "-o", size, "tmpfs", folder)) return undefined;
  const ballast = `${folder}/ballast`;
  return {
    /** Leaves so many MB. */
    async fill(megabytesLeft: number): Promise<void> {
      const { bavail, bsize } = await statfs(folder);
      const bytes = bavail * bsize - megabytesLeft * 1024 * 1024;
      await Deno.writeFile(ballast, new Uint8Array(bytes)).catch((error) => {
        // Sluice has written meanwhile: then the disk is full already.
        if (megabytesLeft > 0 || !/No space left/.test(String(error))) throw error;
      });
    },
    makeRoom: () => Deno.remove(ballast),
    async [Symbol.asyncDispose]() {
      await run("umount", "-l", folder);
    },
  };
}
