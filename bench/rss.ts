/** The resident memory of a process over time, from Linux's /proc. */

/** One look at a process; MB. */
export interface MemorySample {
  /** Since the sampling began. */
  seconds: number;
  /** All that is resident: VmRSS. */
  rssMb: number;
  /** Of that, what is not a file's (RssAnon): heaps, buffers, stacks. */
  anonMb: number;
}

/** How often, unless told otherwise: four times a second. */
const EVERY_MS = 250;

/** Samples a process's resident memory until disposed, or until that process has ended. */
export class ProcessMemory implements Disposable {
  readonly samples: MemorySample[] = [];
  /** The greatest it ever was, whether or not it was sampled at that moment (VmHWM). */
  peakMb = 0;
  readonly #begun = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;

  /** Throws `Deno.errors.NotFound` where there is no such process, or no /proc. */
  constructor(readonly pid: number, everyMs = EVERY_MS) {
    this.#look();
    this.#timer = setInterval(() => {
      try {
        this.#look();
      } catch (error) {
        if (!isGone(error)) throw error;
        this[Symbol.dispose]();
      }
    }, everyMs);
  }

  #look(): void {
    const status = Deno.readTextFileSync(`/proc/${this.pid}/status`);
    if (!status.includes("VmRSS:")) return; // a zombie has no memory any more
    this.samples.push({
      seconds: Math.round(performance.now() - this.#begun) / 1000,
      rssMb: megabytes(status, "VmRSS"),
      anonMb: megabytes(status, "RssAnon"),
    });
    this.peakMb = megabytes(status, "VmHWM");
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** A field of /proc/<pid>/status, which has kB, as MB with one decimal. */
export function megabytes(status: string, field: string): number {
  const kb = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
  if (kb === undefined) throw new Error(`/proc/<pid>/status has no ${field}`);
  return Math.round(Number(kb) / 102.4) / 10;
}

/** The process has ended: its folder is gone, or was while it was read (ESRCH). */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || (error as { code?: string }).code === "ESRCH";
}
