import assert from "node:assert/strict";
import { outcome } from "./junit.ts";
import { closingLine } from "./tally.ts";

const RUN = { code: 0, files: ["./a_test.ts"], filtered: false, ci: false };

function report(cases: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test"><testsuite name="./a_test.ts">${cases}</testsuite></testsuites>`;
}

Deno.test("a report that is cut off, empty or of another kind is a failure", () => {
  const whole = report(`<testcase name="a" time="0"></testcase>`);
  assert.equal(closingLine(outcome({ ...RUN, report: whole })), "1 passed, 0 failed");
  for (const bad of [undefined, "", "<html/>", whole.slice(0, -20), "not xml"]) {
    assert.equal(closingLine(outcome({ ...RUN, report: bad })), "0 passed, 1 failed", String(bad));
  }
});

Deno.test("an exit code that no failed test explains is a failure", () => {
  const passed = report(`<testcase name="a" time="0"></testcase>`);
  const result = outcome({ ...RUN, code: 133, report: passed });
  assert.equal(closingLine(result), "1 passed, 1 failed");
  assert.match(result.problems[0], /exit code 133/);
});

Deno.test("the closing line names skipped tests only when there are any", () => {
  assert.equal(closingLine({ passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed");
  assert.equal(closingLine({ passed: 3, failed: 1, skipped: 2 }), "3 passed, 1 failed, 2 skipped");
});
