/**
 * Reads the JUnit report of `deno test`. The counts of a run come from this report, never from the
 * text on the screen; what the report cannot show is made up for here:
 *
 * - a file that threw while it was loaded is in no report at all;
 * - neither is anything of a process that crashed;
 * - a test left out by `--filter` is reported as skipped, but without a `time`.
 */
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { SKIP_REASON } from "./skip.ts";
import type { Tally } from "./tally.ts";

/** What one `deno test` process came to. */
export interface Outcome extends Tally {
  /** Every failure that is not a failed test with output of its own, as a sentence. */
  problems: string[];
  /** Names of the skipped tests, each with its reason. */
  skips: string[];
}

/** What is known of the process besides its report. */
export interface Run {
  /** Exit code of the process. */
  code: number;
  /** Its report, or undefined when it wrote none. */
  report: string | undefined;
  /** The test files it was given, as `deno test` names them: `./tests/x_test.ts`. */
  files: string[];
  filtered: boolean;
  ci: boolean;
}

interface TestCase {
  name: string;
  time?: string;
  skipped?: unknown;
  failure?: unknown;
  error?: unknown;
}

/** The outcome of `run`: at least one failure unless every file was loaded and every test passed. */
export function outcome(run: Run): Outcome {
  const result: Outcome = { passed: 0, failed: 0, skipped: 0, problems: [], skips: [] };
  const fail = (problem: string) => {
    result.failed++;
    result.problems.push(problem);
  };
  const suites = run.report === undefined ? undefined : parse(run.report);
  if (suites === undefined) {
    fail(`the test process wrote no readable report and ended with exit code ${run.code}`);
    return result;
  }
  for (const test of [...suites.values()].flat()) {
    if (test.failure !== undefined || test.error !== undefined) result.failed++;
    else if (test.skipped === undefined) result.passed++;
    else if (!(run.filtered && test.time === undefined)) countSkip(test.name, run, result, fail);
  }
  for (const file of run.files) {
    // Alone in its process, whatever ran is its own, even if a helper's file registered it.
    if (suites.has(file) || (run.files.length === 1 && suites.size > 0)) continue;
    if (!run.filtered) fail(`${file} ran no test: it failed while it was loaded, or holds none`);
  }
  if (run.code !== 0 && result.failed === 0) {
    fail(`the test process ended with exit code ${run.code}, though no test of it failed`);
  }
  return result;
}

function countSkip(name: string, run: Run, result: Outcome, fail: (problem: string) => void) {
  const reason = SKIP_REASON.exec(name)?.[1];
  if (reason === undefined) fail(`"${name}" is ignored without a reason: use tests/skip.ts`);
  else if (run.ci && !reason.includes("docker")) fail(`skipped in CI: ${name}`);
  else {
    result.skipped++;
    result.skips.push(name);
  }
}

/** Test cases by file, or undefined when `xml` is cut off or not a JUnit report. */
function parse(xml: string): Map<string, TestCase[]> | undefined {
  if (XMLValidator.validate(xml) !== true) return undefined;
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "",
    parseAttributeValue: false,
    parseTagValue: false,
    // Its limits guard against hostile documents; our own report has an `&lt;` for every `<`.
    processEntities: { enabled: true, maxTotalExpansions: Infinity, maxExpandedLength: Infinity },
    isArray: (tag: string) => tag === "testsuite" || tag === "testcase",
  });
  const root = parser.parse(xml)?.testsuites;
  if (root === undefined) return undefined;
  const suites = (root.testsuite ?? []) as { name: string; testcase?: TestCase[] }[];
  return new Map(suites.map((suite) => [suite.name, suite.testcase ?? []]));
}
