/**
 * Kafka Connect's REST API, as far as `register` needs it. Answers become data or a `Fault`; 409 and
 * 503, which a worker gives while it agrees with the others on who does what, are tried again.
 */
import { z } from "zod";
import { Fault, quoted } from "../errors.ts";
import { explain } from "./explain.ts";

/** How long Connect may need to agree with itself, or to answer once. */
const PATIENCE_MS = 90_000;
const PAUSE_MS = 250;

const STATE = z.object({ state: z.string(), trace: z.string().optional() });
const STATUS = z.object({
  connector: STATE,
  tasks: z.array(STATE.extend({ id: z.number() })),
});

/** What Connect says of a connector. `trace`: the Java stack of one that has failed. */
export type Status = z.output<typeof STATUS>;

const CONFIG = z.record(z.string(), z.string());
const TASKS = z.array(z.object({ config: CONFIG }));
const ROOT = z.object({ version: z.string() });
const VALIDATION = z.object({
  configs: z.array(z.object({
    value: z.object({ name: z.string(), errors: z.array(z.string()) }),
  })),
});
const REFUSAL = z.object({ message: z.string() });

/** One problem that Connect finds in a connector's settings. */
export interface Problem {
  readonly setting: string;
  readonly message: string;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export class Connect {
  readonly #base: string;
  readonly #headers: Record<string, string>;
  /** Where it is, without the login. */
  readonly where: string;

  /** `secrets`: never part of a message, even when Connect repeats them. */
  constructor(url: string, private readonly secrets: readonly string[] = []) {
    const parts = new URL(url);
    const login = [parts.username, parts.password].map(decodeURIComponent).join(":");
    parts.username = parts.password = "";
    this.where = parts.href.replace(/\/$/, "");
    this.#base = this.where;
    this.#headers = { "content-type": "application/json", accept: "application/json" };
    if (login !== ":") this.#headers.authorization = `Basic ${toBase64(login)}`;
  }

  /** Connect's version. Throws a `setup` fault when something else answers. */
  async version(): Promise<string> {
    const answer = await this.#ask("GET", "/");
    const root = ROOT.safeParse(answer.body);
    if (answer.status === 200 && root.success) return root.data.version;
    throw this.#notConnect(answer);
  }

  /** What is wrong with a connector's settings; none: they are valid, and the database answers. */
  async validate(
    name: string,
    config: Readonly<Record<string, string>>,
  ): Promise<Problem[]> {
    const path = `/connector-plugins/${
      encodeURIComponent(config["connector.class"])
    }/config/validate`;
    const answer = await this.#ask("PUT", path, { name, ...config });
    const validation = VALIDATION.safeParse(answer.body);
    if (answer.status !== 200 || !validation.success) throw this.#refused("validate", answer);
    return validation.data.configs.flatMap(({ value }) =>
      value.errors.map((message) => ({ setting: value.name, message: this.#redact(message) }))
    );
  }

  /** A connector's settings; undefined when there is none of that name. */
  async config(name: string): Promise<Record<string, string> | undefined> {
    const answer = await this.#ask("GET", `/connectors/${encodeURIComponent(name)}/config`);
    if (answer.status === 404) return undefined;
    return this.#parse(CONFIG, answer, "read the settings of a connector");
  }

  /** Creates a connector, or changes its settings. */
  async put(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    const answer = await this.#ask("PUT", `/connectors/${encodeURIComponent(name)}/config`, config);
    if (answer.status !== 200 && answer.status !== 201) throw this.#refused("register", answer);
  }

  /** The settings that a connector's tasks have been given. */
  async taskConfigs(name: string): Promise<Record<string, string>[]> {
    const answer = await this.#ask("GET", `/connectors/${encodeURIComponent(name)}/tasks`);
    if (answer.status === 404) return [];
    return this.#parse(TASKS, answer, "list a connector's tasks").map(({ config }) => config);
  }

  /** Starts connector and tasks again; `onlyFailed`: those that have failed. */
  async restart(name: string, onlyFailed: boolean): Promise<void> {
    const path = `/connectors/${encodeURIComponent(name)}/restart?includeTasks=true&onlyFailed=`;
    const answer = await this.#ask("POST", `${path}${onlyFailed}`);
    if (answer.status >= 300) throw this.#refused("restart", answer);
  }

  /** Undefined while Connect has not heard of it. */
  async status(name: string): Promise<Status | undefined> {
    const answer = await this.#ask("GET", `/connectors/${encodeURIComponent(name)}/status`);
    if (answer.status === 404) return undefined;
    return this.#parse(STATUS, answer, "tell a connector's state");
  }

  /** Text of Connect's, without what must not be shown. */
  #redact(text: string): string {
    return this.secrets.filter((secret) => secret !== "")
      .reduce((shown, secret) => shown.replaceAll(secret, "***"), text);
  }

  #parse<T>(schema: z.ZodType<T>, answer: Answer, doing: string): T {
    const parsed = schema.safeParse(answer.body);
    if (answer.status === 200 && parsed.success) return parsed.data;
    throw this.#refused(doing, answer);
  }

  async #ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = await this.#once(method, path, body);
      const busy = answer.status === 409 || answer.status === 503;
      if (!busy || performance.now() > until) return answer;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #once(method: string, path: string, body: unknown): Promise<Answer> {
    try {
      const response = await fetch(`${this.#base}${path}`, {
        method,
        headers: this.#headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      return { status: response.status, body: parsed(await response.text()) };
    } catch (error) {
      throw new Fault("connection", {
        what: "Kafka Connect does not answer",
        received: `${this.where}: ${this.#redact(reasonOf(error))}`,
        todo:
          "Start it (`deno task stack`, or `docker compose up`), and set SLUICE_CONNECT_URL to " +
          "its REST API.",
      });
    }
  }

  #refused(doing: string, answer: Answer): Fault {
    if (answer.status === 401 || answer.status === 403) {
      return new Fault("setup", {
        what: `Kafka Connect at ${this.where} refuses us with ${answer.status}`,
        todo: "Write user and password into SLUICE_CONNECT_URL: http://user:password@host:8083",
      });
    }
    const refusal = REFUSAL.safeParse(answer.body);
    if (!refusal.success) return this.#notConnect(answer);
    return explain(this.#redact(refusal.data.message), `Kafka Connect did not ${doing}`);
  }

  #notConnect({ status, body }: Answer): Fault {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return new Fault("setup", {
      what: `what answers at ${this.where} is not Kafka Connect`,
      received: `${status} ${quoted(this.#redact(text))}`,
      todo: "Set SLUICE_CONNECT_URL to Connect's REST API, which is on port 8083 by default.",
    });
  }
}

/** `fetch` says little; what the system said is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message}${cause}`;
}

/** JSON as data; anything else as it is. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function toBase64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}
