/**
 * How memory is given back to the system. Beside V8's heaps, which see to themselves, there are two
 * allocators in the process: glibc's, for what V8 and the runtime hold outside of the heaps (slabs,
 * buffers of sockets), and jemalloc inside of libduckdb. Both keep what was freed for later, which a
 * budget has no room for: after rows of 16 MB they held 400 MB that nobody used. Their own knobs are
 * turned by their C functions, on Linux; elsewhere nothing is done.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { logger } from "./log.ts";

/** Parameters of mallopt(3), from glibc's malloc.h. */
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
const M_ARENA_MAX = -8;

/**
 * Larger pieces are mapped each by itself, and are gone when they are freed. It is glibc's default
 * as well, but it raises that up to 32 MB by itself, to whatever such a piece had when freed.
 */
const MAPPED_BYTES_MIN = 128 * 1024;
/** What is free at the heap's end goes back when it is more than this. */
const TRIM_BYTES = 1024 * 1024;
/** What one thread has freed, another can use: glibc would make eight heaps for each core. */
const HEAPS_MAX = 2;

/** A total below this has no room for what is free. */
const TIGHT_BYTES = 1024 * 1024 * 1024;
/** How long jemalloc keeps what is free, in ms; its default is 10,000. What goes back at once has to
 * be taken and cleared again for the next statement: a third of the CPU of a steady load. */
const DECAY_MS = 1000;
const DECAY_MS_TIGHT = 100;
const DECAY_MS_LARGE = 0;

/** No more arenas than this are looked for: jemalloc makes four for each core. */
const ARENAS_MAX = 1024;

const log = logger("service");

/** Whether a budget is so tight that what is free has no room in it. */
export function isTight(totalBytes: number): boolean {
  return totalBytes < TIGHT_BYTES;
}

/**
 * For the whole process: to be called before anything large is allocated. `totalBytes`: the whole
 * budget. True: it was done, or there is no need: what goes back to the system has to be taken and
 * cleared again, for every fetch, so that a budget with room for it is left as it is.
 */
export function tuneProcess(totalBytes: number): boolean {
  if (!isTight(totalBytes)) return true;
  return attempt("glibc", "libc.so.6", {
    mallopt: { parameters: ["i32", "i32"], result: "i32" },
  }, ({ mallopt }) => {
    return ([
      [M_MMAP_THRESHOLD, MAPPED_BYTES_MIN],
      [M_TRIM_THRESHOLD, TRIM_BYTES],
      [M_ARENA_MAX, HEAPS_MAX],
    ] as const).map(([parameter, value]) => mallopt(parameter, value)).every((set) => set === 1);
  });
}

/**
 * For DuckDB, once it is loaded. `totalBytes`: the whole budget. `isLarge`: what is written just now
 * needs most of the room there is, which only matters to a tight one. True: it was done. DuckDB has
 * no setting for it: `allocator_flush_threshold` purges after tasks, and not during a long one.
 */
export function tuneDuckdb(totalBytes: number, isLarge = false): boolean {
  const tightMs = isLarge ? DECAY_MS_LARGE : DECAY_MS_TIGHT;
  const decayMs = isTight(totalBytes) ? tightMs : DECAY_MS;
  const decay = new BigInt64Array([BigInt(decayMs)]);
  // A library that is loaded already is found by its name alone, wherever it lies.
  return attempt("DuckDB's jemalloc", "libduckdb.so", {
    duckdb_je_mallctl: {
      parameters: ["buffer", "pointer", "pointer", "buffer", "usize"],
      result: "i32",
    },
  }, ({ duckdb_je_mallctl: mallctl }) => {
    const set = (name: string) =>
      mallctl(new TextEncoder().encode(`${name}\0`), null, null, decay, 8n);
    for (const kind of ["dirty_decay_ms", "muzzy_decay_ms"]) {
      if (set(`arenas.${kind}`) !== 0) return false; // for arenas to come
      for (let arena = 0; arena < ARENAS_MAX && set(`arena.${arena}.${kind}`) !== ENOENT;) arena++;
    }
    return true;
  });
}

/** mallctl's answer for an arena beyond the last. */
const ENOENT = 2;

/** Collects this isolate's garbage now, all of it: some 5 ms where the heap is small. */
export function collectGarbage(): void {
  collector ??= exposeCollector();
  collector();
}

let collector: (() => void) | undefined;

/** V8 gives its collector to contexts that are made after this flag was set. */
function exposeCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}

function attempt<S extends Deno.ForeignLibraryInterface>(
  what: string,
  library: string,
  symbols: S,
  tune: (symbols: Deno.DynamicLibrary<S>["symbols"]) => boolean,
): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    const opened = Deno.dlopen(library, symbols);
    try {
      return tune(opened.symbols);
    } finally {
      opened.close();
    }
  } catch (error) {
    // Another C library, or another build of DuckDB: all is well but for what it keeps.
    log.debug("{what} keeps what is freed as it likes: {error}", { what, error: String(error) });
    return false;
  }
}
