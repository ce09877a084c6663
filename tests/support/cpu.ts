/** How much of a core a process takes (Linux's /proc). */

/** `getconf CLK_TCK`: Linux gives times to programs in hundredths of a second everywhere. */
const TICKS_PER_SECOND = 100;

/** The share of one core that process `pid` takes in the next `ms`. */
export async function cpuShare(pid: number, ms: number): Promise<number> {
  const [before, started] = [ticks(pid), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, ms));
  const seconds = (performance.now() - started) / 1000;
  return (ticks(pid) - before) / TICKS_PER_SECOND / seconds;
}

/** Time in user mode and in the kernel: fields 14 and 15; the second may hold spaces. */
function ticks(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
