/** How `check` tells what it found: a line each, or one JSON document. */
import type { Finding } from "../catalog/finding.ts";
import { Fault, FAULTS } from "../errors.ts";

/** Where the report goes and how it looks. */
export interface ReportOptions {
  readonly json: boolean;
  /** Whether the reader's terminal takes colour codes. */
  readonly colour: boolean;
  readonly print: (line: string) => void;
}

const MARKS = { ok: "ok  ", warn: "warn", fail: "FAIL" } as const;
const COLOURS = { ok: 32, warn: 33, fail: 31 } as const; // green, yellow, red
const ABOUT_WIDTH = 24;

/** Collects findings; in text form each is told at once. */
export class Report {
  readonly #findings: Finding[] = [];
  #usage = false;

  constructor(private readonly options: ReportOptions) {}

  add(...findings: Finding[]): void {
    for (const finding of findings) {
      this.#findings.push(finding);
      if (!this.options.json) this.options.print(this.#lines(finding));
    }
  }

  /** A fault as a finding: its todo is the finding's. */
  addFault(about: string, fault: Fault): void {
    if (fault.kind === "usage") this.#usage = true;
    const { todo, ...rest } = fault.details;
    const what = new Fault(fault.kind, rest).message.replace(/\.$/, "");
    this.add({ level: "fail", about, what, todo });
  }

  /** Does `work`. A fault of its is a finding; anything else is a bug, and not ours to hide. */
  async guarded(about: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.addFault(about, error);
    }
  }

  /** Tells the sum, and gives the exit code. */
  finish(): number {
    const count = (level: Finding["level"]) =>
      this.#findings.filter((finding) => finding.level === level).length;
    const [fine, warnings, failures] = [count("ok"), count("warn"), count("fail")];
    const exit = failures === 0 ? 0 : FAULTS[this.#usage ? "usage" : "setup"].exit;
    if (this.options.json) {
      const sum = { ok: fine, warn: warnings, fail: failures };
      this.options.print(JSON.stringify({ exit, sum, findings: this.#findings }, null, 2));
    } else {
      const verdict = failures > 0
        ? "Mend what says FAIL; `deno task serve` would stop there."
        : "`deno task serve` can start.";
      this.options.print(`\n${fine} ok, ${warnings} warnings, ${failures} failures. ${verdict}`);
    }
    return exit;
  }

  #lines({ level, about, what, todo }: Finding): string {
    const mark = this.options.colour
      ? `\x1b[${COLOURS[level]}m${MARKS[level]}\x1b[0m`
      : MARKS[level];
    const line = `${mark}  ${about.padEnd(ABOUT_WIDTH)} ${what}`;
    return todo === undefined ? line : `${line}\n${" ".repeat(6)}to do: ${todo}`;
  }
}
