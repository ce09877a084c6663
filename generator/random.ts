/**
 * Randomness that can be repeated: the same seed and label give the same sequence on every machine.
 * The generator is sfc32 (Chris Doty-Humphrey's Small Fast Counter), 128 bits of state.
 */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** A seeded source of random numbers. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `label` names the use, so that two uses of one seed don't share a sequence. */
  constructor(seed: number, label = "") {
    [this.#a, this.#b, this.#c] = [1, 2, 3].map((salt) => hash(`${salt}/${seed}/${label}`));
    for (let i = 0; i < 15; i++) this.uint32();
  }

  /** A whole number from 0 to 2³² − 1. */
  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** A number from 0 up to, but not including, 1. */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of `list`, each as likely as the others. `list` must not be empty. */
  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.fraction() * list.length)];
  }

  /** A key of `weights`, as likely as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    let sum = 0;
    for (const key in weights) sum += weights[key];
    let left = this.fraction() * sum;
    let chosen!: K;
    for (const key in weights) {
      chosen = key;
      left -= weights[key];
      if (left < 0) break;
    }
    return chosen;
  }

  /** A number whose logarithm is normally distributed about that of `median`, as amounts are. */
  logNormal(median: number, sigma: number): number {
    // Box and Muller; 1 − fraction is never 0.
    const radius = Math.sqrt(-2 * Math.log(1 - this.fraction()));
    return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * this.fraction()));
  }

  /**
   * A rank from 0 to `n` − 1 whose probability falls about as (rank + 1) to the power −`exponent`:
   * few customers do most of the business. It is the integral of that law turned round, so it costs
   * the same for every `n` and needs no table.
   */
  zipf(n: number, exponent: number): number {
    const u = this.fraction();
    const rest = 1 - exponent;
    const x = rest === 0 ? (n + 1) ** u : (((n + 1) ** rest - 1) * u + 1) ** (1 / rest);
    return Math.min(n - 1, Math.max(0, Math.floor(x) - 1));
  }

  /** A version 4 UUID. */
  uuid(): string {
    const a = this.uint32();
    const b = (this.uint32() & 0xffff0fff) | 0x00004000;
    const c = (this.uint32() & 0x3fffffff) | 0x80000000;
    const d = this.uint32();
    return hex(a >>> 16) + hex(a) + "-" + hex(b >>> 16) + "-" + hex(b) + "-" + hex(c >>> 16) +
      "-" + hex(c) + hex(d >>> 16) + hex(d);
  }

  /** `count` decimal digits. */
  digits(count: number): string {
    let text = "";
    for (let i = 0; i < count; i++) text += this.whole(0, 9);
    return text;
  }
}

/** The lower 16 bits as four hexadecimal digits. */
function hex(value: number): string {
  return HEX[(value >>> 8) & 0xff] + HEX[value & 0xff];
}

/** FNV-1a over UTF-16 units, with a last mix so that near texts end far apart. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
