/**
 * Main's side of the ingest isolate: starts it, asks it, watches that it lives, and stops it. It
 * is never restarted inside a living process: a terminated worker leaves its DuckDB file open.
 */
import type { Config } from "./config.ts";
import { Fault, type FaultData, fromFaultData } from "./errors.ts";
import { writeForwarded } from "./log.ts";
import { SIGN_MS, Silence } from "./silence.ts";
import type {
  Answer,
  Applied,
  IngestStatus,
  Question,
  Refusal,
  StartOptions,
  ToIngest,
  ToMain,
} from "./messages.ts";

/** A question that has no answer, for the reason in `refusal`. */
export class Refused extends Error {
  override readonly name = "Refused";

  constructor(readonly refusal: Refusal) {
    super(refusal.detail);
  }
}

/** Who is told what the ingest isolate does. */
export interface IngestEvents {
  onStatus(status: IngestStatus): void;
  onApplied(applied: Applied): void;
}

interface Pending {
  resolve(answer: Answer): void;
  reject(refused: Refused): void;
}

/** See the top of this file. */
export class IngestClient {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  readonly #ended = Promise.withResolvers<Fault | undefined>();
  readonly #silence: Silence;
  #nextId = 1;

  constructor(private readonly config: Config, private readonly events: IngestEvents) {
    this.#silence = new Silence(config.SLUICE_HANG_SECONDS * 1000 / SIGN_MS);
    this.#worker = new Worker(new URL("./ingest.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<ToMain>) => this.#heard(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end({ kind: "bug", details: { what: `the ingest isolate failed: ${event.message}` } });
    };
  }

  /** Resolves when ingest has ended: with the fault that ended it, or nothing after `stop`. */
  get ended(): Promise<Fault | undefined> {
    return this.#ended.promise;
  }

  /** Starts to replicate. */
  start(options: StartOptions): void {
    this.#post({ kind: "start", config: this.config, options });
    const timer = setInterval(() => {
      this.#post({ kind: "alive" });
      if (!this.#silence.tick()) return;
      clearInterval(timer);
      this.#end({
        kind: "hang",
        details: {
          what: `the ingest isolate gave no sign of life for ${this.config.SLUICE_HANG_SECONDS} s`,
          todo: "Start Sluice again; nothing is lost.",
        },
      });
    }, SIGN_MS);
    void this.ended.then(() => clearInterval(timer));
  }

  /** Asks it to drain and end; `ended` tells when it has. */
  stop(): void {
    this.#post({ kind: "stop" });
  }

  /** Asks the warehouse. Throws {@linkcode Refused} when there is no answer. */
  ask(question: Question, signal: AbortSignal): Promise<Answer> {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#pending.set(id, { resolve, reject });
    const cancel = () => this.#post({ kind: "cancel", id });
    signal.addEventListener("abort", cancel, { once: true });
    this.#post({ kind: "ask", id, question });
    return promise.finally(() => signal.removeEventListener("abort", cancel));
  }

  #post(message: ToIngest): void {
    this.#worker.postMessage(message);
  }

  #heard(message: ToMain): void {
    this.#silence.heard();
    switch (message.kind) {
      case "alive":
        return;
      case "status":
        return this.events.onStatus(message.status);
      case "applied":
        return this.events.onApplied(message.applied);
      case "log":
        return writeForwarded(message.record);
      case "answer":
        this.#take(message.id)?.resolve(message.answer);
        return;
      case "refused":
        this.#take(message.id)?.reject(new Refused(message.refusal));
        return;
      case "failed":
        return this.#end(message.fault);
      case "stopped":
        return this.#end(undefined);
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #end(fault: FaultData | undefined): void {
    const detail = fault === undefined ? "Sluice is stopping." : "Sluice has stopped replicating.";
    const refused = new Refused({ status: 503, title: "The warehouse is closed", detail });
    for (const pending of this.#pending.values()) pending.reject(refused);
    this.#pending.clear();
    this.#ended.resolve(fault === undefined ? undefined : fromFaultData(fault));
  }
}
