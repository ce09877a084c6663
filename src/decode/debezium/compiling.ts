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
