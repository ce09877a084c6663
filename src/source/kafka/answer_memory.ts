/**
 * The memory of brokers' answers, which is given back when the last record in it was taken. V8 can't
 * be left to find that out: answers lie outside its heap and count for it, so it went through all of
 * that heap for every few of them. Whoever still looks at a record then finds its memory detached,
 * which is an error, and never another's bytes.
 */

/** How many hold an answer's memory; what is not in it is not ours to give back. */
const holders = new WeakMap<ArrayBufferLike, number>();

/** Memory of an answer of so many bytes, held by nobody yet. */
export function newMemory(bytes: number): ArrayBuffer {
  const memory = new ArrayBuffer(bytes);
  holders.set(memory, 0);
  return memory;
}

/** Somebody looks at `memory`, until {@linkcode letGo}. */
export function hold(memory: ArrayBufferLike): void {
  const count = holders.get(memory);
  if (count !== undefined) holders.set(memory, count + 1);
}

/** To be called once for each {@linkcode hold}. After the last one, `memory` is gone. */
export function letGo(memory: ArrayBufferLike): void {
  const count = holders.get(memory);
  if (count === undefined) return;
  holders.set(memory, count - 1);
  if (count === 1) (memory as ArrayBuffer).transfer(0);
}
