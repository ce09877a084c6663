/**
 * When a way through records is compiled: made into a function of its own by JavaScript text, in
 * which what is learnt stands as constants. `deno task bench decode` takes a third less CPU by it.
 */

/** See the top of this file. */
export const compiling = {
  /** After so many records: what is seldom used is not worth the compiler's time. Tests set 1. */
  afterRecords: 1000,
  /** How many functions have been made. */
  made: 0,
};

/**
 * Characters of a function's text. V8 does not optimise functions beyond some length, and then they
 * are fifty times slower than the way by tables: measured at 94,000, and not at 47,000.
 */
const TEXT_MAX = 40_000;

/** Makes a function of its parameters' names and its body; undefined: it would be too long. */
export function compiled<T>(parameters: readonly string[], body: string): T | undefined {
  if (body.length > TEXT_MAX) return undefined;
  compiling.made++;
  return new Function(...parameters, body) as T;
}
