/**
 * The pages that are made from the code: `deno task docs` writes them, and a test holds them to it.
 */
import { settingsMarkdown } from "../config.ts";
import { type FaultKind, FAULTS } from "../errors.ts";

/** Each page's path from the repository's root, and its text. */
export function pages(): Record<string, string> {
  return { "docs/CONFIG.md": settingsMarkdown(), "docs/ERRORS.md": errorsMarkdown() };
}

/** Endings of the process that no fault's table can name. */
const OTHER_CODES: [code: string, meaning: string][] = [
  ["0", "It ended as it was asked to: all that was read is applied, committed and confirmed."],
  [
    "133",
    "An isolate ran out of heap, and V8 ended the process (128 + SIGTRAP). Restart it: nothing is " +
    "lost. When it happens again, please report it: the limit is the same for every budget.",
  ],
  [
    "137",
    "It was killed (128 + SIGKILL), by hand or for want of memory. Restart it: nothing is lost.",
  ],
  [
    "142",
    "The main isolate gave no sign of life, and ingest ended the process (128 + SIGALRM; on Windows " +
    "it is killed). Restart it: nothing is lost.",
  ],
];

/** The whole of docs/ERRORS.md. */
export function errorsMarkdown(): string {
  const reactions = {
    retry: "tries again, with growing pauses, for as long as it takes",
    stop: "stops",
  };
  const lines = [
    "# Errors and exit codes",
    "",
    "Every error says what was wrong, what was received, what is allowed and what to do. Its kind",
    "decides whether Sluice tries again, while the API goes on answering and `/readyz` names the",
    "error, or stops, with the exit code of the kind. A command that runs once, such as `check`, ends",
    "with that code in both cases. This page is made from the table in `src/errors.ts` by",
    "`deno task docs`.",
    "",
    "| kind | exit code | what it means | what `serve` does |",
    "| --- | --- | --- | --- |",
  ];
  for (const kind of Object.keys(FAULTS) as FaultKind[]) {
    const { exit, meaning, reaction } = FAULTS[kind];
    lines.push(`| \`${kind}\` | ${exit} | ${meaning} | ${reactions[reaction]} |`);
  }
  lines.push("", "Other exit codes:", "", "| exit code | what it means |", "| --- | --- |");
  for (const [code, meaning] of OTHER_CODES) lines.push(`| ${code} | ${meaning} |`);
  return lines.join("\n") + "\n";
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(pages())) {
    await Deno.writeTextFile(new URL(`../../${path}`, import.meta.url), text);
    console.log(`wrote ${path}`);
  }
}
