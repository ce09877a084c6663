/**
 * One Java process of the stack. What it says goes into a log file, whose end is quoted when it dies.
 *
 * It ends when we are gone, however that happens: a shell beside it holds our end of a pipe, and
 * kills it once that is closed. So it has two process ids: the shell's, and {@linkcode Jvm.pid}.
 */
import { Fault } from "../../errors.ts";
import { lineStream } from "../lines.ts";
import { signal, waitUntilGone } from "../process.ts";

/** What each process gets; a heap of its own on top. C2 would compile more than a test runs. */
const JAVA_FLAGS = ["-XX:+UseSerialGC", "-Xshare:auto", "-Djava.awt.headless=true"];

/** Lines of the log that a message quotes. */
const TAIL_LINES = 12;

/** A process that has not ended this long after SIGTERM is killed. */
const STOP_MS = 15_000;

/** `$1` is the log; the rest is the command. Prints the command's process id, then waits for it. */
const WATCHED = `
log=$1; shift
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- & pid=$!
echo $pid
{ read -r _ <&3; kill -9 $pid; } >/dev/null 2>&1 & watch=$!
exec 3<&-
wait $pid; code=$?
kill $watch
exit $code
`;

export interface JvmOptions {
  /** What it is called in messages: `Kafka Connect`. */
  name: string;
  /** Most heap, in MB. */
  heapMb: number;
  classPath: string;
  mainClass: string;
  args: string[];
  /** URL of log4j's configuration. */
  log4j: string;
  log: string;
}

export class Jvm {
  #running = true;
  #stopping = false;
  readonly name: string;
  /** Resolves to the exit code when it has ended. */
  readonly ended: Promise<number>;

  private constructor(
    private readonly options: JvmOptions,
    private readonly shell: Deno.ChildProcess,
    /** Process id of Java itself. */
    readonly pid: number,
  ) {
    this.name = options.name;
    this.ended = shell.status.then(async ({ code }) => {
      this.#running = false;
      await shell.stdin.close().catch(() => {}); // the other end is gone
      return code;
    });
  }

  /** Starts it; it is not ready yet. */
  static async start(options: JvmOptions): Promise<Jvm> {
    const { heapMb, classPath, mainClass, args, log4j, log } = options;
    const heap = [`-Xms${Math.min(heapMb, 64)}m`, `-Xmx${heapMb}m`];
    const java = ["java", ...JAVA_FLAGS, ...heap, `-Dlog4j.configuration=${log4j}`];
    const shell = new Deno.Command("sh", {
      args: ["-c", WATCHED, "sh", log, ...java, "-cp", classPath, mainClass, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      detached: true, // Ctrl-C reaches only us, and we end them in order
    }).spawn();
    const lines = lineStream(shell.stdout);
    const { value } = await lines.next();
    await lines.return(undefined);
    if (value === undefined) {
      throw new Fault("setup", { what: `${options.name} could not be started: see ${log}` });
    }
    return new Jvm(options, shell, Number(value));
  }

  get running(): boolean {
    return this.#running;
  }

  /** Rejects with a `setup` fault that quotes its log once it ends without being asked to. */
  async failure(): Promise<never> {
    const code = await this.ended;
    if (this.#stopping) return new Promise(() => {});
    throw await this.#fault(code);
  }

  /** Resolves when `ready` does, or throws its {@linkcode failure}, whichever comes first. */
  async until(ready: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const abort = new AbortController();
    try {
      await Promise.race([ready(abort.signal), this.failure()]);
    } finally {
      abort.abort();
    }
  }

  /** Ends it in good order, or by force when that takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (!this.#running) return;
    const limit = setTimeout(() => this.#running && signal(this.pid, "SIGKILL"), STOP_MS);
    signal(this.pid, "SIGTERM");
    await this.ended;
    clearTimeout(limit);
  }

  /** SIGKILL, as when the machine fails. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#stopping = true;
    if (!this.#running) return;
    signal(this.pid, "SIGKILL");
    await this.ended;
    await waitUntilGone(this.pid, this.options.mainClass, STOP_MS);
  }

  /** The last lines of its log. */
  async tail(): Promise<string[]> {
    const text = await Deno.readTextFile(this.options.log).catch(() => "");
    return text.trimEnd().split("\n").slice(-TAIL_LINES);
  }

  async #fault(code: number): Promise<Fault> {
    const lines = (await this.tail()).map((line) => `\n  | ${line}`).join("");
    return new Fault("setup", {
      what: `${this.name} ended with code ${code}. The end of its log:${lines}\n`,
      todo: `The whole log: ${this.options.log}`,
    });
  }
}
