import assert from "node:assert/strict";
import { SETTINGS } from "../src/config.ts";
import { errorsMarkdown, pages } from "../src/dev/docs.ts";
import { type FaultKind, FAULTS } from "../src/errors.ts";

for (const [path, text] of Object.entries(pages())) {
  Deno.test(`${path} is what the code says`, async () => {
    const written = await Deno.readTextFile(new URL(`../${path}`, import.meta.url));
    assert.equal(written, text, `${path} is out of date: run \`deno task docs\``);
  });
}

Deno.test("docs/CONFIG.md has one row for each setting, of as many cells as its heading", () => {
  const rows = pages()["docs/CONFIG.md"].split("\n").filter((line) => line.startsWith("|"));
  const cells = (row: string) => row.replaceAll("\\|", "").split("|").length;
  assert.equal(rows.length - 2, Object.keys(SETTINGS).length);
  for (const row of rows) assert.equal(cells(row), cells(rows[0]), row);
});

Deno.test("docs/ERRORS.md has one row for each kind, with its exit code", () => {
  const text = errorsMarkdown();
  for (const kind of Object.keys(FAULTS) as FaultKind[]) {
    assert.match(text, new RegExp(`^\\| \`${kind}\` \\| ${FAULTS[kind].exit} \\|`, "m"));
  }
});
