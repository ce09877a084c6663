/**
 * The memory of brokers' answers: what was that of a large one is used again when the last record in
 * it was taken. V8 can't be left to find that out, since answers lie outside its heap and count for
 * it: it went through all of that heap for every few of them. And clean pages from the system take as
 * long as reading into them.
 *
 * So a record is lent until it is taken (feed.ts). Detaching the memory then would make an error of
 * any later look, but V8 reads every array more slowly from the first one that is detached on: 10% of
 * a backlog's time. The tests' feeds do it.
 */

/** How many hold an answer's memory; what is not in it is not ours to use again. */
const holders = new WeakMap<ArrayBufferLike, number>();

/** Memory for the next answers. */
const spares: ArrayBuffer[] = [];
const SPARES_MAX = 2;
/** A fetch asks for half of it, and a batch that is larger still is seldom. */
const SPARE_BYTES_MAX = 16 * 1024 * 1024;
/** Answers from this size on have a multiple of it. */
const LARGE_BYTES = 1024 * 1024;

/** Memory of an answer of so many bytes, held by nobody yet. It may be larger, and have old bytes. */
export function newMemory(bytes: number): ArrayBuffer {
  const memory = bytes < LARGE_BYTES ? new ArrayBuffer(bytes) : newLarge(bytes);
  holders.set(memory, 0);
  return memory;
}

function newLarge(bytes: number): ArrayBuffer {
  const fits = ({ byteLength }: ArrayBuffer) => bytes <= byteLength && byteLength <= 2 * bytes;
  const at = spares.findIndex(fits);
  if (at >= 0) return spares.splice(at, 1)[0];
  return new ArrayBuffer(Math.ceil(bytes / LARGE_BYTES) * LARGE_BYTES);
}

/** Somebody looks at `memory`, until {@linkcode letGo}. */
export function hold(memory: ArrayBufferLike): void {
  const count = holders.get(memory);
  if (count !== undefined) holders.set(memory, count + 1);
}

/** To be called once for each {@linkcode hold}. After the last one, `memory` is another's. */
export function letGo(memory: ArrayBufferLike): void {
  const count = holders.get(memory) ?? 0;
  if (count > 1) holders.set(memory, count - 1);
  if (count !== 1) return;
  holders.delete(memory);
  if (memory.byteLength < LARGE_BYTES || memory.byteLength > SPARE_BYTES_MAX) return;
  // The latest one, since what is too small or too large for the answers that come now stays unused.
  spares.push(memory as ArrayBuffer);
  if (spares.length > SPARES_MAX) spares.shift();
}
