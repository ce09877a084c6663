/** What processes have used: others by Linux's /proc (elsewhere nothing is known), and this one. */
import { getHeapStatistics } from "node:v8";

/** Of a process. */
export interface Usage {
  /** User and system, since its start, and that of its children that have ended. */
  cpuSeconds: number;
  /** The greatest resident memory that it had, in MB. */
  rssMb: number;
}

/** Clock ticks a second in /proc, the same on every Linux that Deno runs on. */
const TICKS = 100;

/** Undefined when there is no such process, or this is not Linux. */
export async function usageOf(pid: number): Promise<Usage | undefined> {
  try {
    const [stat, status] = await Promise.all(
      ["stat", "status"].map((name) => Deno.readTextFile(`/proc/${pid}/${name}`)),
    );
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(status);
    return {
      cpuSeconds: ticksOf(stat, 4) / TICKS,
      rssMb: Math.round(Number(peak?.[1] ?? 0) / 1024),
    };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) && !isGone(error)) throw error;
    return undefined;
  }
}

/** CPU seconds of a server and its children, ended ones included: a postmaster has one for each
 * connection. */
export async function treeCpuSeconds(pid: number): Promise<number | undefined> {
  const own = await usageOf(pid);
  if (own === undefined) return undefined;
  let ticks = 0;
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => ""); // it has ended
    if (stat !== "" && Number(fieldsOf(stat)[1]) === pid) ticks += ticksOf(stat, 2);
  }
  return own.cpuSeconds + ticks / TICKS;
}

/** The fields after the command's name, which may have spaces: state, parent, … */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** The sum of utime, stime, and with 4 of them cutime and cstime too (fields 14 to 17 of proc(5)). */
function ticksOf(stat: string, count: 2 | 4): number {
  return fieldsOf(stat).slice(11, 11 + count).reduce((sum, ticks) => sum + Number(ticks), 0);
}

/** The process ended between opening and reading (ESRCH). */
function isGone(error: unknown): boolean {
  return (error as { code?: string }).code === "ESRCH";
}

/** All bytes that this isolate has asked V8's heap for so far, those given back included. */
export function allocatedBytes(): number {
  return (getHeapStatistics() as unknown as { total_allocated_bytes: number })
    .total_allocated_bytes;
}
