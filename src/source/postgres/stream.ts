/**
 * The replication stream: START_REPLICATION, its bytes, and the status that is sent back.
 *
 *     status := 'r' written:int64 flushed:int64 applied:int64 time:int64 reply:int8
 *
 * Status goes out on a timer, also while nothing is read, so that a long commit here does not look
 * like a dead client (`wal_sender_timeout`). Source: "Streaming Replication Protocol", 53.4.
 */
import type { Batch } from "../../batch/batch.ts";
import type { Decoder, Input, Stop } from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import { formatLsn, type Lsn, type Position, type PostgresPosition } from "../position.ts";
import type { ChangeStream } from "../source.ts";
import type { Wire } from "./wire.ts";

/** How to start streaming. */
export interface StreamOptions {
  slot: string;
  publication: string;
  from: PostgresPosition;
  /** Values in binary instead of text: only when the decoder reads every column's. */
  binary: boolean;
  statusIntervalMs: number;
}

/** See the top of this file. */
export class PostgresStream implements ChangeStream {
  /** Nothing is copied by the stream. */
  readonly copy = { done: true, tables: [] };
  readonly holds: readonly string[] = [];
  #input: Input | undefined;
  #confirmed: Lsn;
  readonly #from: PostgresPosition;
  readonly #timer: ReturnType<typeof setInterval>;

  private constructor(
    private readonly wire: Wire,
    private readonly decoder: Decoder,
    options: StreamOptions,
  ) {
    this.#from = options.from;
    this.#confirmed = options.from.lsn;
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
      `START_REPLICATION SLOT "${slot}" LOGICAL ${formatLsn(from.lsn)} (proto_version '1', ` +
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

  get hasInput(): boolean {
    return this.#input !== undefined && this.#input.at < this.#input.end;
  }

  get inTransaction(): boolean {
    return this.decoder.inTransaction;
  }

  get position(): PostgresPosition {
    return { ...this.#from, lsn: this.decoder.decodedLsn };
  }

  get nextSeq(): number {
    return this.decoder.nextSeq;
  }

  get decoded(): number {
    return this.decoder.decodedLsn;
  }

  get isAsked(): boolean {
    return this.decoder.serverWaits;
  }

  isAhead(of: Position): boolean {
    return this.decoder.decodedLsn > of.lsn;
  }

  async read(): Promise<void> {
    this.#input = undefined;
    const incoming = await this.wire.read();
    if (incoming.kind === "data") this.#input = incoming.input;
    else {
      throw new Fault("connection", {
        what: "the source has ended the stream",
        received: `message ${incoming.message.type}`,
        todo: "Sluice connects again by itself.",
      });
    }
  }

  decode(batch: Batch): Stop {
    return this.decoder.decode(this.#input!, batch);
  }

  confirm({ lsn }: Position): void {
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
