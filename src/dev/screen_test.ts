import assert from "node:assert/strict";
import { readable, Screen, snapshotBar } from "./screen.ts";

const table = (rows: number, estimated: number | null, done = false) => ({
  table: "public.t",
  rows,
  rows_estimated: estimated,
  done,
});

Deno.test("the bar shows rows against the planner's guess, and is full only when all is done", () => {
  assert.match(
    snapshotBar([table(500, 1000)]),
    /\[#{15}-{15}\] +50 % +500 of ~1,000 rows, 0 of 1 tab/,
  );
  assert.match(snapshotBar([table(1000, 1000)]), /99 %/);
  assert.match(
    snapshotBar([table(1000, 1000, true)]),
    /\[#{30}\] 100 % +1,000 rows, 1 of 1 tables/,
  );
});

Deno.test("a guess that is missing, too low or for nothing breaks no bar", () => {
  assert.match(snapshotBar([]), / 0 % +0 rows, 0 of 0 tables/);
  assert.match(snapshotBar([table(7, null), table(0, 0)]), /99 % +7 rows/);
  assert.match(snapshotBar([table(2000, 1000)]), /99 % +2,000 rows/);
  assert.match(snapshotBar([table(0, null, true)]), /100 % +0 rows, 1 of 1/);
});

Deno.test("on a terminal a progress is replaced in place; elsewhere it is a line now and then", () => {
  let text = "";
  const write = (more: string) => void (text += more);
  const terminal = new Screen(true, write);
  terminal.progress("a");
  terminal.progress("b");
  terminal.line("c");
  terminal.line("d");
  assert.equal(text, "\r\u001b[Ka\r\u001b[Kb\r\u001b[Kc\nd\n");
  text = "";
  terminal.progress("a");
  terminal.keepProgress();
  terminal.line("b");
  assert.equal(text, "\r\u001b[Ka\nb\n");
  text = "";
  const plain = new Screen(false, write);
  plain.progress("a");
  plain.progress("b");
  plain.status("s");
  plain.line("c");
  assert.equal(text, "a\nc\n");
  plain.keepProgress();
  plain.keepProgress();
  assert.equal(text, "a\nc\nb\n");
});

Deno.test("a child's JSON log line is shown as its message, other lines as they are", () => {
  const line = `{"level":"WARN","message":"slot is busy","logger":"sluice.source"}`;
  assert.deepEqual(readable(line), { level: "warn", text: "slot is busy" });
  for (const other of ["plain", "{", "[1]", "null", `{"a":1}`, ""]) {
    assert.deepEqual(readable(other), { level: "", text: other });
  }
});
