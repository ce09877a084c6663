/**
 * The raw message stream of a PostgreSQL connection: what `pg` has opened (TLS, SCRAM and all),
 * taken over for COPY and replication, whose rows must not become an object each.
 *
 *     message := type:byte length:int32 byte{length − 4}
 *
 * Pull only: bytes are lent until the next read, and when nobody reads, the socket is paused, so
 * that the server waits. Source: "Message Formats" in PostgreSQL 14's manual, 53.7.
 */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import type { Socket } from "node:net";
import { Buffer } from "node:buffer";
import type { Input } from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import { toFault, whereOf } from "./connect.ts";

/** Bytes waiting beyond this pause the socket; below half of it, it goes on. */
export const QUEUE_BYTES_MAX = 1024 * 1024;

const COPY_DATA = 0x64; // d
const HEADER_BYTES = 5;

/** A message that is not CopyData, with its type's character. */
export interface Message {
  readonly type: string;
  readonly body: Uint8Array;
}

/** A run of whole CopyData messages, or one message of another kind. */
export type Incoming = { readonly kind: "data"; readonly input: Input } | {
  readonly kind: "message";
  readonly message: Message;
};

/** See the top of this file. */
export class Wire {
  readonly #socket: Socket;
  readonly #where: string;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #paused = false;
  /** What has been taken from the queue: bytes `[#at, #end)` are not yet lent. */
  #buffer: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** Ours, for what chunks of the socket leave over. A large one is freed after its message. */
  #own: Uint8Array = new Uint8Array(0);
  #failure: Fault | undefined;
  #wake: (() => void) | undefined;

  /**
   * Takes over the connection of an idle client; `client` must not be used any more but to end it.
   * A message of over `messageBytesMax` is refused.
   */
  constructor(client: pg.Client, private readonly messageBytesMax: number) {
    this.#where = whereOf(client);
    this.#socket = (client as unknown as { connection: { stream: Socket } }).connection.stream;
    this.#socket.removeAllListeners("data");
    this.#socket.on("data", (chunk: Uint8Array) => this.#arrived(chunk));
    this.#socket.on("error", (error: Error) => this.#failed(error));
    this.#socket.on("close", () => this.#failed(new Error("the connection was closed")));
    this.#socket.resume();
  }

  /** Bytes that have arrived and were not lent. */
  get bufferedBytes(): number {
    return this.#queuedBytes + this.#buffer.length;
  }

  /** Sends a statement by the simple protocol. */
  query(sql: string): void {
    const text = new TextEncoder().encode(sql);
    const message = new Uint8Array(HEADER_BYTES + text.length + 1);
    message[0] = 0x51; // Q
    new DataView(message.buffer).setInt32(1, message.length - 1);
    message.set(text, HEADER_BYTES);
    this.#socket.write(message);
  }

  /** Sends a CopyData message, for the replication stream's status. */
  sendCopyData(payload: Uint8Array): void {
    const message = new Uint8Array(HEADER_BYTES + payload.length);
    message[0] = COPY_DATA;
    new DataView(message.buffer).setInt32(1, message.length - 1);
    message.set(payload, HEADER_BYTES);
    this.#socket.write(message);
  }

  /** Ends our side of a COPY. */
  sendCopyDone(): void {
    this.#socket.write(new Uint8Array([0x63, 0, 0, 0, 4]));
  }

  /**
   * What comes next; waits for it. An ErrorResponse is thrown as a fault, and so is the loss of
   * the connection, once everything before it has been read. Notices are passed over.
   */
  async read(): Promise<Incoming> {
    for (;;) {
      const incoming = this.#next();
      if (incoming === undefined) await this.#more();
      else if (incoming.kind === "data") return incoming;
      else if (incoming.message.type === "E") throw this.#errorResponse(incoming.message.body);
      else if (incoming.message.type !== "N" && incoming.message.type !== "S") return incoming;
    }
  }

  /** Ends the connection, after what was sent: the last status may be on its way. */
  close(): void {
    this.#failure ??= new Fault("connection", { what: "the connection was closed by Sluice" });
    this.#socket.end(() => this.#socket.destroy());
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#wake?.();
  }

  /** The next run of whole messages in the buffer, if there is one. */
  #next(): Incoming | undefined {
    const { buffer } = this.#buffer;
    const view = new DataView(buffer, this.#buffer.byteOffset, this.#buffer.byteLength);
    const start = this.#at;
    let at = start;
    while (at + HEADER_BYTES <= this.#end) {
      const length = view.getInt32(at + 1);
      const next = at + 1 + length;
      const isBad = length < 4 || length >= this.messageBytesMax;
      if (isBad && at > start) break; // first what stands before it
      if (isBad) throw this.#badLength(length);
      if (next > this.#end) break;
      if (this.#buffer[at] !== COPY_DATA) {
        if (at > start) break;
        this.#at = next;
        const body = this.#buffer.subarray(at + HEADER_BYTES, next);
        return { kind: "message", message: { type: String.fromCharCode(this.#buffer[at]), body } };
      }
      at = next;
    }
    if (at === start) return undefined;
    this.#at = at;
    return { kind: "data", input: { bytes: this.#buffer, view, at: start, end: at } };
  }

  /** Waits for bytes, and puts what is left over in front of them. */
  async #more(): Promise<void> {
    while (this.#queue.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    const chunk = this.#queue.shift()!;
    this.#queuedBytes -= chunk.length;
    const rest = this.#end - this.#at;
    if (rest === 0) {
      this.#buffer = chunk;
      this.#end = chunk.length;
      if (this.#own.length > QUEUE_BYTES_MAX) this.#own = this.#freeOwn();
    } else {
      this.#append(chunk, rest);
    }
    this.#at = 0;
    if (this.#paused && this.#queuedBytes < QUEUE_BYTES_MAX / 2) {
      this.#paused = false;
      this.#socket.resume();
    }
  }

  #append(chunk: Uint8Array, rest: number): void {
    let needed = rest + chunk.length;
    if (rest >= HEADER_BYTES) { // the message's own length is known: make room for it at once
      const view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset + this.#at);
      needed = Math.max(needed, Math.min(view.getInt32(1) + 1, this.messageBytesMax));
    }
    const restBytes = this.#buffer.subarray(this.#at, this.#end);
    // What was lent is free again by now, so our own buffer is used over and over.
    if (this.#own.length < needed) {
      const larger = new Uint8Array(needed);
      larger.set(restBytes);
      this.#freeOwn();
      this.#buffer = this.#own = larger;
      this.#at = 0;
    }
    const isInPlace = this.#buffer === this.#own && this.#at === 0;
    if (!isInPlace) this.#own.set(restBytes);
    this.#own.set(chunk, rest);
    this.#buffer = this.#own;
    this.#end = rest + chunk.length;
  }

  /** Frees our own buffer now, and not when garbage is collected; returns an empty one. */
  #freeOwn(): Uint8Array {
    (this.#own.buffer as ArrayBuffer).transfer(0);
    return new Uint8Array(0);
  }

  #arrived(chunk: Uint8Array): void {
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (!this.#paused && this.#queuedBytes > QUEUE_BYTES_MAX) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#wake?.();
  }

  #failed(error: Error): void {
    this.#failure ??= toFault(error, { where: this.#where, doing: "reading changes" });
    this.#wake?.();
  }

  #errorResponse(body: Uint8Array): Fault {
    const fields: Record<string, string> = {};
    const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8");
    for (const field of text.split("\0")) if (field !== "") fields[field[0]] = field.slice(1);
    const error = Object.assign(new Error(fields.M ?? "an error without a message"), {
      code: fields.C,
      severity: fields.S,
      detail: fields.D,
      hint: fields.H,
    });
    return toFault(error, { where: this.#where, doing: "reading changes" });
  }

  #badLength(bytes: number): Fault {
    if (bytes < 4) {
      return new Fault("protocol", {
        what: "a message of the source has an impossible length",
        received: `${bytes} bytes`,
        allowed: "4 bytes and more",
        todo: "Check that SLUICE_DATABASE_URL leads to PostgreSQL itself.",
      });
    }
    return new Fault("bad-value", {
      what: "a row of the source is larger than the memory budget has room for",
      received: `${bytes} bytes`,
      allowed: `at most ${this.messageBytesMax} bytes`,
      todo: "Raise SLUICE_MEMORY_TOTAL_MB.",
    });
  }
}
