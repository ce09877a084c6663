/**
 * The replication stream: START_REPLICATION, its bytes, and the status that is sent back.
 *
 *     status := 'r' written:int64 flushed:int64 applied:int64 time:int64 reply:int8
 *
 * Status goes out on a timer, also while nothing is read, so that a long commit here does not look
 * like a dead client (`wal_sender_timeout`). Source: "Streaming Replication Protocol", 53.4.
 */
import type { Decoder, Input } from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import { formatLsn, type Lsn } from "../position.ts";
import type { ChangeStream } from "../source.ts";
import type { Wire } from "./wire.ts";

/** How to start streaming. */
export interface StreamOptions {
  slot: string;
  publication: string;
  from: Lsn;
  /** Values in binary instead of text: only when the decoder reads every column's. */
  binary: boolean;
  statusIntervalMs: number;
}

/** See the top of this file. */
export class PostgresStream implements ChangeStream {
  #confirmed: Lsn;
  readonly #timer: ReturnType<typeof setInterval>;

  private constructor(
    private readonly wire: Wire,
    readonly decoder: Decoder,
    options: StreamOptions,
  ) {
    this.#confirmed = options.from;
    this.#timer = setInterval(() => this.#sendStatus(), options.statusIntervalMs);
  }

  /** Sends START_REPLICATION and resolves when the server has agreed. */
  static async start(
    wire: Wire,
    decoder: Decoder,
    options: StreamOptions,
  ): Promise<PostgresStream> {
    const { slot, publication, from, binary } = options;
    wire.query(
      `START_REPLICATION SLOT "${slot}" LOGICAL ${formatLsn(from)} (proto_version '1', ` +
        `publication_names '"${publication}"'${binary ? ", binary 'true'" : ""})`,
    );
    const incoming = await wire.read();
    if (incoming.kind !== "message" || incoming.message.type !== "W") {
      const received = incoming.kind === "data" ? "CopyData" : incoming.message.type;
      throw new Fault("protocol", {
        what: "the server did not start to stream",
        received,
        allowed: "W (CopyBothResponse)",
      });
    }
    const stream = new PostgresStream(wire, decoder, options);
    stream.#sendStatus();
    return stream;
  }

  get bufferedBytes(): number {
    return this.wire.bufferedBytes;
  }

  get confirmedLsn(): Lsn {
    return this.#confirmed;
  }

  async read(): Promise<Input> {
    const incoming = await this.wire.read();
    if (incoming.kind === "data") return incoming.input;
    throw new Fault("connection", {
      what: "the source has ended the stream",
      received: `message ${incoming.message.type}`,
      todo: "Sluice connects again by itself.",
    });
  }

  confirm(lsn: Lsn): void {
    if (lsn <= this.#confirmed) return;
    this.#confirmed = lsn;
    this.#sendStatus();
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    this.wire.close();
    return Promise.resolve();
  }

  #sendStatus(): void {
    const status = new DataView(new ArrayBuffer(34));
    status.setUint8(0, 0x72); // r
    const lsn = BigInt(this.#confirmed);
    for (const at of [1, 9, 17]) status.setBigUint64(at, lsn);
    status.setBigInt64(25, BigInt(Date.now() - Date.UTC(2000, 0, 1)) * 1000n);
    this.wire.sendCopyData(new Uint8Array(status.buffer));
  }
}
