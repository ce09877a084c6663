/** A disk of a few MB, for tests that fill it. */
import { statfs } from "node:fs/promises";

/** Mounts a small disk; undefined when this machine does not let us. */
export async function smallDisk(folder: string, megabytes: number) {
  const run = (command: string, ...args: string[]) =>
    new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()
      .then(({ success }) => success, () => false);
  await Deno.mkdir(folder);
  const mounted = Deno.build.os === "linux" && Deno.uid() === 0 &&
    await run("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder);
  if (!mounted) return undefined;
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

/** Whether a small disk can be mounted here, asked once. */
export const CAN_MOUNT = Deno.build.os === "linux" && Deno.uid() === 0;
