/** Whether a part of the stack is ready: asked over its own protocol, never guessed from its log. */
import { Kafka, logLevel } from "kafkajs";
import { mendRequestQueue } from "../../source/kafka/request_queue.ts";
import { pause } from "../readiness.ts";

const POLL_MS = 150;
const ANSWER_MS = 3000;

/** Repeats `ask` until it resolves to true. Throws what `signal` was aborted with. */
async function poll(signal: AbortSignal, ask: () => Promise<boolean>): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    if (await ask()) return;
    await pause(POLL_MS, signal);
  }
}

/** ZooKeeper answers `srvr` with its version once it serves. */
export function zookeeperReady(port: number, signal: AbortSignal): Promise<void> {
  return poll(signal, async () => {
    try {
      return (await ask(port, "srvr")).includes("Zookeeper version");
    } catch {
      return false; // not listening yet, or cut off by the limit
    }
  });
}

/** Sends `text`, and resolves to all that is answered until the other end closes. */
async function ask(port: number, text: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  // Asked at the wrong moment of its start, ZooKeeper neither answers nor closes the connection.
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(() => limit.reject(new Error("no answer")), ANSWER_MS);
  try {
    await connection.write(new TextEncoder().encode(text));
    return await Promise.race([readAll(connection), limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Also ends when the connection is closed on our side. */
async function readAll(connection: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let text = "";
  for (;;) {
    const length = await connection.read(buffer).catch(() => null);
    if (length === null) return text;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
}

/** The broker names itself, with its address, in the cluster's metadata. */
export async function brokerReady(port: number, signal: AbortSignal): Promise<void> {
  mendRequestQueue();
  await poll(signal, () => accepts(port));
  mendRequestQueue(); // or it warns of itself
  const kafka = new Kafka({
    clientId: "sluice-stack",
    brokers: [`127.0.0.1:${port}`],
    logLevel: logLevel.NOTHING,
    requestTimeout: ANSWER_MS,
    retry: { retries: 0 },
  });
  await poll(signal, async () => {
    const admin = kafka.admin();
    try {
      await admin.connect();
      const { brokers } = await admin.describeCluster();
      return brokers.some((broker) => broker.port === port);
    } catch {
      return false; // it does not serve yet; its own end tells of worse
    } finally {
      await admin.disconnect();
    }
  });
}

/** Connect answers for its connectors, which it does once it has joined its group. */
export function connectReady(url: string, signal: AbortSignal): Promise<void> {
  return poll(signal, async () => {
    try {
      const response = await fetch(`${url}/connectors`, { signal: AbortSignal.timeout(ANSWER_MS) });
      await response.body?.cancel();
      return response.status === 200;
    } catch {
      return false; // not listening yet
    }
  });
}

async function accepts(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
