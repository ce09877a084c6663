/**
 * A progress bar on a terminal (cli-progress), and a plain line every few seconds elsewhere: no
 * control characters reach a file or a log.
 */
import process from "node:process";
// @ts-types="npm:@types/cli-progress@3.11.6"
import { Presets, SingleBar } from "cli-progress";

/** Where progress is shown. `node:process`'s stderr and stdout are two. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** How progress is shown. */
export interface ProgressOptions {
  /** What is counted, as in `rows`. */
  readonly unit: string;
  /** Default: stderr, so that a command's result can be piped. */
  readonly output?: ProgressOutput;
  /** Milliseconds from any start. */
  readonly now?: () => number;
}

/** A bar that is being shown. */
export interface ProgressBar extends Disposable {
  /** So much is done. */
  update(done: number): void;
  /** So much is to be done; 0 when nobody knows. */
  total(total: number): void;
  /** Writes a line of text above the bar. */
  note(text: string): void;
  /** Shows the last state and ends. More calls do nothing. */
  stop(): void;
}

/** Without a terminal, lines are at least so far apart. */
const LINE_EVERY_MS = 5_000;
const CLEAR_LINE = "\r\x1b[K";

/** Starts a progress bar. `total` 0 means that nobody knows. */
export function progressBar(label: string, total: number, options: ProgressOptions): ProgressBar {
  const output = options.output ?? process.stderr;
  const state = new State(label, total, options.unit, options.now ?? (() => performance.now()));
  return output.isTTY ? new TerminalBar(state, output) : new PlainLines(state, output);
}

/** What is known, and its text. */
class State {
  done = 0;
  readonly #start: number;

  constructor(
    readonly label: string,
    public total: number,
    readonly unit: string,
    readonly now: () => number,
  ) {
    this.#start = now();
  }

  /** `12,000 of 50,000 rows (24%), 3,000 a second`. */
  toString(): string {
    const of = this.total > 0 ? ` of ${count(this.total)}` : "";
    const percent = this.total > 0 ? ` (${Math.floor(100 * this.done / this.total)}%)` : "";
    const seconds = (this.now() - this.#start) / 1000;
    const rate = seconds > 0 ? `, ${count(Math.round(this.done / seconds))} a second` : "";
    return `${count(this.done)}${of} ${this.unit}${percent}${rate}`;
  }
}

class TerminalBar implements ProgressBar {
  readonly #bar: SingleBar;
  #running = true;

  constructor(private readonly state: State, private readonly output: ProgressOutput) {
    this.#bar = new SingleBar({
      format: (_options, params) => {
        const full = state.total > 0 ? Math.round(20 * Math.min(1, params.progress)) : 0;
        const bar = state.total > 0 ? `${"█".repeat(full)}${"░".repeat(20 - full)} ` : "";
        return `${state.label} ${bar}${state}`;
      },
      stream: output as NodeJS.WritableStream,
      hideCursor: false, // A killed process would leave it hidden.
      gracefulExit: false, // Signals are our callers' matter.
      emptyOnZero: true,
      fps: 5,
    }, Presets.shades_classic);
    this.#bar.start(state.total, 0);
  }

  update(done: number): void {
    this.state.done = done;
    if (this.#running) this.#bar.update(done);
  }

  total(total: number): void {
    this.state.total = total;
    if (this.#running) this.#bar.setTotal(total);
  }

  note(text: string): void {
    this.output.write(this.#running ? `${CLEAR_LINE}${text}\n` : `${text}\n`);
  }

  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#bar.stop();
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

class PlainLines implements ProgressBar {
  #nextLineMs: number;
  #running = true;

  constructor(private readonly state: State, private readonly output: ProgressOutput) {
    this.#nextLineMs = state.now() + LINE_EVERY_MS;
  }

  update(done: number): void {
    this.state.done = done;
    const now = this.state.now();
    if (!this.#running || now < this.#nextLineMs) return;
    this.#nextLineMs = now + LINE_EVERY_MS;
    this.note(`${this.state.label}: ${this.state}`);
  }

  total(total: number): void {
    this.state.total = total;
  }

  note(text: string): void {
    this.output.write(`${text}\n`);
  }

  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    if (this.state.done > 0) this.note(`${this.state.label}: ${this.state}`);
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
