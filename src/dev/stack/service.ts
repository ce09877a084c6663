/**
 * A part of the stack that is one Java process: ZooKeeper, the broker, Connect. It can be stopped,
 * killed and started again, on the same port and data.
 */
import { Fault } from "../../errors.ts";
import { Jvm, type JvmOptions } from "./jvm.ts";

export interface ServiceOptions extends JvmOptions {
  /** The port that it listens on, which must be free when it starts. */
  port: number;
  /**
   * Resolves when it answers, over its own protocol. Tries until `signal` is aborted, which is when
   * the process has ended.
   */
  ready: (signal: AbortSignal) => Promise<void>;
  /** A death whose log has this is no failure of the start: it is started again. */
  startAgainOn?: RegExp;
}

/** One that has not answered after this long never will. */
const READY_MS = 120_000;

export class Service implements AsyncDisposable {
  #jvm: Jvm | undefined;
  readonly port: number;
  readonly log: string;

  constructor(private readonly options: ServiceOptions) {
    this.port = options.port;
    this.log = options.log;
  }

  get name(): string {
    return this.options.name;
  }

  get running(): boolean {
    return this.#jvm?.running ?? false;
  }

  /** Process id. Throws when it was not started. */
  get pid(): number {
    if (this.#jvm === undefined) throw new Error(`${this.name} is not running`);
    return this.#jvm.pid;
  }

  /**
   * Starts it, and waits until it answers. Throws a `port` fault, or a `setup` fault with its log, or
   * what `stopping` was aborted with.
   */
  async start(stopping?: AbortSignal): Promise<void> {
    for (;;) {
      stopping?.throwIfAborted();
      assertFree(this.port, this.name);
      const jvm = await Jvm.start(this.options);
      this.#jvm = jvm;
      try {
        const ends = [AbortSignal.timeout(READY_MS), ...(stopping ? [stopping] : [])];
        await jvm.until((signal) => this.options.ready(AbortSignal.any([signal, ...ends])));
        return;
      } catch (error) {
        const again = !jvm.running &&
          this.options.startAgainOn?.test((await jvm.tail()).join("\n"));
        if (again) continue;
        await jvm.kill();
        if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
        throw new Fault("setup", {
          what: `${this.name} does not answer, ${READY_MS / 1000} s after its start`,
          todo: `Its log may say why: ${this.log}`,
        });
      }
    }
  }

  /** Rejects once it ends without being asked to. */
  async failure(): Promise<never> {
    return await this.#jvm?.failure() ?? new Promise(() => {});
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    await this.#jvm?.stop();
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#jvm?.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Whether a port of 127.0.0.1 can be listened on. */
export function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

function assertFree(port: number, name: string): void {
  if (isFree(port)) return;
  throw new Fault("port", {
    what: `${name} is to listen on 127.0.0.1:${port}, and another program already does`,
    todo: "Stop that one, or start again: the stack then takes another port.",
  });
}
