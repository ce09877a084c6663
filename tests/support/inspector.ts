/**
 * V8's inspector of a running process, by which a test makes an isolate hang or overfill without any
 * hook in the product. The process is started with `--inspect=127.0.0.1:<port>`.
 */
import { until } from "./until.ts";

/** Which isolate. */
export type Isolate = "main" | "ingest";

/** The domain that Deno tells of workers by, and this one's session. */
interface Message {
  method?: string;
  params?: { sessionId?: string };
}

/** See the top of this file. */
export class Inspector implements Disposable {
  #worker: string | undefined;
  #id = 0;

  private constructor(private readonly socket: WebSocket) {
    socket.onmessage = ({ data }) => {
      const { method, params }: Message = JSON.parse(data);
      if (method === "NodeWorker.attachedToWorker") this.#worker = params!.sessionId;
    };
  }

  /** Attaches to both isolates. */
  static async attach(port: number): Promise<Inspector> {
    const [{ webSocketDebuggerUrl }] = await (await fetch(`http://127.0.0.1:${port}/json/list`))
      .json();
    const socket = new WebSocket(webSocketDebuggerUrl);
    const opened = Promise.withResolvers<void>();
    socket.onopen = () => opened.resolve();
    socket.onerror = () => opened.reject(new Error("the inspector does not answer"));
    await opened.promise;
    const inspector = new Inspector(socket);
    inspector.#send("NodeWorker.enable", { waitForDebuggerOnStart: false });
    await until("the worker is there", () => inspector.#worker !== undefined);
    return inspector;
  }

  /** Lets an isolate evaluate this; does not wait for it to end, since it may never. */
  evaluate(isolate: Isolate, expression: string): void {
    const session = isolate === "main" ? undefined : this.#worker;
    this.#send("Runtime.evaluate", { expression }, session);
  }

  #send(method: string, params: Record<string, unknown>, sessionId?: string): void {
    this.socket.send(JSON.stringify({ id: ++this.#id, method, params, sessionId }));
  }

  [Symbol.dispose](): void {
    this.socket.onerror = null;
    this.socket.close();
  }
}
