/** A child process of `deno task dev`, with the end of what it said. */
import { FOLLOW_PARENT } from "../parent.ts";
import { lineStream } from "./lines.ts";
import { readable } from "./screen.ts";

/** How many of a child's lines are kept, for the message about its failure. */
const TAIL_LINES = 15;

/** A child that has not ended this long after SIGTERM is killed. `serve` promises 10 s. */
const STOP_MS = 15_000;

const MAIN = new URL("../../main.ts", import.meta.url);

/** A child that ended without being asked to; the message quotes its last lines. */
export class ChildFailure extends Error {
  override readonly name = "ChildFailure";

  /** `exit` is the child's own exit code, which docs/ERRORS.md explains. */
  constructor(message: string, readonly exit: number) {
    super(message);
  }
}

export interface ChildOptions {
  /** What it is called in messages: `serve`. */
  name: string;
  /** `deno`'s own arguments, before the file. */
  flags: readonly string[];
  /** Arguments of main.ts. */
  args: string[];
  env: Record<string, string>;
  /** Is told each line that it prints. */
  onLine?: (line: string) => void;
}

/**
 * Runs `main.ts` until it ends or is stopped. It lives in a session of its own, so that Ctrl-C
 * reaches only us, and we end the children in order; it ends by itself when we are gone.
 */
export class Child {
  readonly #process: Deno.ChildProcess;
  readonly #tail: string[] = [];
  readonly #said: Promise<unknown>;
  #stopping = false;
  #running = true;
  readonly name: string;
  /** Resolves when it has ended and all it said was read. */
  readonly ended: Promise<Deno.CommandStatus>;

  constructor(private readonly options: ChildOptions) {
    this.name = options.name;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [...options.flags, MAIN.href, ...options.args, FOLLOW_PARENT],
      env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...options.env },
      stdin: "piped", // held open: see src/parent.ts
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    this.#said = Promise.all([this.#read(this.#process.stdout), this.#read(this.#process.stderr)]);
    this.ended = this.#process.status.then(async (status) => {
      this.#running = false;
      await this.#said;
      return status;
    });
  }

  get running(): boolean {
    return this.#running;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Rejects with a {@linkcode ChildFailure} once it ends without being asked to. */
  async failure(): Promise<never> {
    const status = await this.ended;
    if (this.#stopping) return new Promise(() => {});
    throw this.#fault(status);
  }

  /** Resolves when it ends with 0, for a child that is to end by itself. */
  async success(): Promise<void> {
    const status = await this.ended;
    if (!status.success && !this.#stopping) throw this.#fault(status);
  }

  /** Ends it in good order, or by force when that takes too long. Does nothing when it has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const limit = setTimeout(() => this.#signal("SIGKILL"), STOP_MS);
    this.#signal("SIGTERM");
    await this.ended;
    clearTimeout(limit);
    await this.#process.stdin.close().catch(() => {}); // the other end is gone
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
      // It has ended already.
    }
  }

  #fault(status: Deno.CommandStatus): ChildFailure {
    const how = status.signal ? `was ended by ${status.signal}` : `ended with code ${status.code}`;
    const tail = this.#tail.map((line) => `  | ${readable(line).text}`).join("\n");
    const said = tail === "" ? " and said nothing." : `. Its last lines:\n${tail}`;
    return new ChildFailure(`\`${this.name}\` ${how}${said}`, status.code || 1);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const line of lineStream(stream)) {
      this.#tail.push(line);
      if (this.#tail.length > TAIL_LINES) this.#tail.shift();
      this.options.onLine?.(line);
    }
  }
}
