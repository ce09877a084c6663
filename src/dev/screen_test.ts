import assert from "node:assert/strict";
import { readable, Screen, snapshotRows } from "./screen.ts";

const table = (rows: number, estimated: number | null, done = false) => ({
  table: "public.t",
  rows,
  rows_estimated: estimated,
  done,
});

/** A screen that writes to a text. */
function screen(isTTY: boolean): { screen: Screen; text: () => string } {
  let text = "";
  const write = (more: string) => void (text += more);
  return { screen: new Screen({ isTTY, columns: 100, write }), text: () => text };
}

Deno.test("rows in all come from the planner until a table is done", () => {
  assert.deepEqual(snapshotRows([table(500, 1000), table(0, 20)]), { rows: 500, total: 1020 });
  assert.deepEqual(snapshotRows([table(500, 1000, true), table(0, 20)]), { rows: 500, total: 520 });
  assert.deepEqual(snapshotRows([table(900, 1000, true)]), { rows: 900, total: 900 });
});

Deno.test("a guess that is missing or too low gives no total", () => {
  assert.deepEqual(snapshotRows([table(7, null)]), { rows: 7, total: 0 });
  assert.deepEqual(snapshotRows([table(2000, 1000)]), { rows: 2000, total: 0 });
  assert.deepEqual(snapshotRows([]), { rows: 0, total: 0 });
});

Deno.test("on a terminal a status is replaced in place; elsewhere there is none", () => {
  const terminal = screen(true);
  terminal.screen.status("a");
  terminal.screen.status("b");
  terminal.screen.line("c");
  terminal.screen.line("d");
  const clear = "\r\u001b[K          ";
  assert.equal(terminal.text(), `${clear}a${clear}b\r\u001b[Kc\nd\n`);
  const plain = screen(false);
  plain.screen.status("a");
  plain.screen.line("c");
  assert.equal(plain.text(), "c\n");
});

Deno.test("a snapshot is announced once, and ends with the rows that it copied", () => {
  const { screen: plain, text } = screen(false);
  plain.snapshot([table(10, 100)]);
  plain.snapshot([table(60, 100)]);
  plain.line("serve: a warning meanwhile");
  plain.snapshotEnded(103);
  plain.snapshotEnded();
  const lines = text().trimEnd().split("\n");
  assert.match(lines[0], /copying a snapshot of 1 tables/);
  assert.equal(lines[1], "serve: a warning meanwhile");
  assert.match(lines[2], /snapshot: 103 of 103 rows \(100%\)/);
  assert.equal(lines.length, 3);
});

Deno.test("a child's JSON log line is shown as its message, other lines as they are", () => {
  const line = `{"level":"WARN","message":"slot is busy","logger":"sluice.source"}`;
  assert.deepEqual(readable(line), { level: "warn", text: "slot is busy" });
  for (const other of ["plain", "{", "[1]", "null", `{"a":1}`, ""]) {
    assert.deepEqual(readable(other), { level: "", text: other });
  }
});
