/** Counts of tests, and the one line that ends a test run. */

/** How many tests passed, failed and were skipped. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** The sum of `tallies`. */
export function sum(tallies: Iterable<Tally>): Tally {
  const total: Tally = { passed: 0, failed: 0, skipped: 0 };
  for (const tally of tallies) {
    total.passed += tally.passed;
    total.failed += tally.failed;
    total.skipped += tally.skipped;
  }
  return total;
}

/** `N passed, N failed`, and `, N skipped` when there are any. `.ci/run` reads this form. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
