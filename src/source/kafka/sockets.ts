/**
 * The sockets of one kafkajs client. kafkajs ends a connection only after the answers it waits for;
 * with a broker that is gone or hangs that takes half a minute. We keep the sockets, so that closing
 * is ours to decide: cut sockets reject what waits, and no new ones are opened.
 */
import net from "node:net";
import tls from "node:tls";
import type { ISocketFactory } from "kafkajs";
import { Answers } from "./answers.ts";

/** A broker that vanished without a word is noticed by the operating system after this long. */
const KEEP_ALIVE_MS = 30_000;

/** See the top of this file. */
export class Sockets {
  readonly #open = new Set<net.Socket>();
  #isCut = false;

  /** For kafkajs. Throws once {@linkcode cut} was called. */
  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    if (this.#isCut) throw new Error("the client is closed");
    const socket = ssl
      ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl })
        .once("secureConnect", onConnect)
      : connectPlain(host, port).once("connect", onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS).setNoDelay(true);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  };

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Ends all of them now, and refuses new ones. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#open) socket.destroy(new Error("the client is closed"));
  }
}

/** A socket whose `data` events are whole answers. */
function connectPlain(host: string, port: number): net.Socket {
  const answers = new Answers((answer) => socket.emit("data", answer));
  const socket: net.Socket = net.connect({
    host,
    port,
    onread: {
      buffer: () => answers.room(),
      callback: (bytes) => {
        try {
          answers.took(bytes);
        } catch (error) { // else the next bytes would come where these did
          socket.destroy(error as Error);
        }
        return !socket.destroyed; // go on
      },
    },
  });
  return socket;
}
