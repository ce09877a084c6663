/**
 * Reads a broker's answers whole, large ones straight from the socket into memory of their own (see
 * answer_memory.ts). By itself the runtime hands out pieces of 64 kB, which are copies, and kafkajs
 * copies them together; with TLS it still is so.
 *
 *     stream := (size int32, answer)*
 *
 * Source: "Protocol Primitive Types" and "Common Request and Response Structure" in Kafka's protocol
 * guide.
 */
import { Buffer } from "node:buffer";
import Connection from "kafkajs/connection";
import { newMemory } from "./answer_memory.ts";

const SIZE_BYTES = 4;
/** Before it is known how long an answer is, so much is read at once; short ones lie in it whole. */
const HEAD_BYTES = 64 * 1024;
/** What claims to be longer is hardly Kafka's ("HTTP" as a size is 1.2 GB, TLS's first bytes are 336
 * MB), and is left to kafkajs piece by piece: 8 MB are asked for, or one batch. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/** See the top of this file. `give` gets each answer, its size before it. */
export class Answers {
  readonly #head = new Uint8Array(HEAD_BYTES);
  readonly #sizes = new DataView(this.#head.buffer);
  /** Bytes in `#head` of an answer whose size is not known. */
  #held = 0;
  /** One that has begun to come, and how much of it is there. */
  #answer: Buffer | undefined;
  #filled = 0;
  /** What comes is given as it comes: kafkajs knows what to say of it. */
  #isStrange = false;

  constructor(private readonly give: (answer: Buffer) => void) {}

  /** Where the next bytes are to be read to. */
  room(): Uint8Array {
    return this.#answer?.subarray(this.#filled) ?? this.#head.subarray(this.#held);
  }

  /** So many bytes were read to where {@linkcode room} said. */
  took(bytes: number): void {
    if (this.#answer === undefined) return this.#tookHead(this.#held + bytes);
    this.#filled += bytes;
    if (this.#filled < this.#answer.length) return;
    const answer = this.#answer;
    this.#answer = undefined;
    this.give(answer);
  }

  #tookHead(end: number): void {
    let at = 0;
    while (!this.#isStrange && end - at >= SIZE_BYTES) {
      const size = this.#sizes.getInt32(at);
      const stop = at + SIZE_BYTES + size;
      if (size < 0 || size > ANSWER_BYTES_MAX) this.#isStrange = true;
      else if (stop <= end) {
        this.#giveCopy(at, stop);
        at = stop;
      } else {
        const bytes = SIZE_BYTES + size;
        this.#answer = Buffer.from(newMemory(bytes), 0, bytes);
        this.#answer.set(this.#head.subarray(at, end));
        this.#filled = end - at;
        at = end;
      }
    }
    if (this.#isStrange) {
      this.#giveCopy(at, end);
      at = end;
    }
    this.#held = end - at;
    this.#head.copyWithin(0, at, end);
  }

  #giveCopy(start: number, end: number): void {
    this.give(Buffer.from(this.#head.slice(start, end).buffer)); // not by one that is shared
  }
}

/** As kafkajs has it. */
export const originalProcess: (this: unknown, data: Buffer) => void =
  Connection.prototype.processData;

/**
 * Mends how kafkajs puts answers together: it keeps what is left behind each one, also when that is
 * nothing, and so copies the next one only to put it behind nothing. To be called before the first
 * connection; more calls change nothing.
 */
export function mendConnection(): void {
  Connection.prototype.processData = function (this: { chunks: Buffer[] }, data: Buffer): void {
    if (this.chunks.length === 1 && this.chunks[0].length === 0) this.chunks = [];
    originalProcess.call(this, data);
  };
}
