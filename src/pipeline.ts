/**
 * The loop: read, decode, seal, apply, confirm.
 *
 * Rows and the position after them commit in one transaction of the sink, at the end of a source
 * transaction; only then is the source told. What fails is either tried again from the durable
 * position, with backoff, or ends the run: errors.ts says which.
 */
import type { Batch } from "./batch/batch.ts";
import type { Pool } from "./batch/pool.ts";
import { Applier, type Boundary, boundaryOf } from "./applier.ts";
import { COMMIT, END, type Recall, type Stop } from "./decode/decoder.ts";
import { Fault, type FaultData, toFaultData } from "./errors.ts";
import { logger } from "./log.ts";
import type { Applied, IngestStatus } from "./messages.ts";
import { leavePostgres } from "./given_up.ts";
import type { Sink, SinkState } from "./sink/sink.ts";
import { formatLsn, type Position } from "./source/position.ts";
import { Reading } from "./reading.ts";
import { aTurn, Wait } from "./wait.ts";
import type { ChangeStream, Filling, Snapshot, SnapshotSource, Source } from "./source/source.ts";

const log = logger("pipeline");

/** Backoff between tries: doubled from the first to the last. */
const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 10_000;
/** A batch this full is worth a sink that is idle;… */
const FILL_ENOUGH = 0.5;
/** …at a transaction's end, one of so many bytes (a snapshot takes more CPU by smaller ones);… */
const BYTES_ENOUGH = 12 * 1024 * 1024;
/** …and one this full is worth the wait for a busy one there: the next transaction might not fit. */
const FILL_MAX = 0.95;
/** Faults that may be passed over, since they are of one record or transaction only. */
const LETTER_KINDS = ["bad-record", "bad-value", "incomplete"];

/** What the pipeline is made of. */
export interface PipelineOptions {
  source: Source;
  sink: Sink;
  pool: Pool;
  /** Take a new snapshot even if there is a position, and drop the slot for it. */
  resnapshot: boolean;
  /** What is done with a record that can't be decoded; see {@linkcode LETTER_KINDS}. */
  onBadRecord: "stop" | "dead-letter";
  /** More dead letters than this in the warehouse end the run. */
  lettersMax: number;
  /** How often an idle source's position is stored, and the sink sees to itself, ms. */
  idleCommitMs: number;
  onApplied: (applied: Applied) => void;
}

/** See the top of this file. */
export class Pipeline {
  readonly #applier: Applier;
  #phase: IngestStatus["phase"] = "starting";
  #waiting: FaultData | null = null;
  #stream: ChangeStream | undefined;
  #snapshot: Snapshot | undefined;
  #filling: Batch | undefined;
  #resnapshot: boolean;
  #snapshotDone = false;
  /** Apply each source transaction by itself: a fault must stop right before its own. */
  #careful = false;
  /** The last `_seq` that was given when the fault was met that made us careful. */
  #faultSeq = 0;
  #letters = 0;
  #retryMs = RETRY_MS_MIN;
  #lastWorkAt = 0;
  readonly #wait = new Wait();
  #stopping = false;

  constructor(private readonly options: PipelineOptions) {
    const { sink, pool } = options;
    this.#resnapshot = options.resnapshot;
    this.#applier = new Applier(sink, pool, (applied, boundary) => {
      options.onApplied(applied);
      this.#confirm(boundary);
    });
  }

  /** Runs until `stop`. Throws the fault that ends it. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      try {
        const state = await this.options.sink.state();
        const { position } = state;
        const { filling } = this.options.source;
        this.#letters = state.letters;
        this.#snapshotDone = position !== null && !this.#resnapshot;
        if (position !== null && this.#snapshotDone) await this.#follow(position, state.seq);
        else if (filling.kind === "snapshot") await this.#takeSnapshot(state, filling.source);
        else await this.#startOver(state, filling);
      } catch (error) {
        await this.#failed(error);
      } finally {
        await this.#putDown();
      }
    }
    this.#phase = "stopping";
  }

  /** Asks the run to end after what was read is applied. */
  stop(): void {
    this.#stopping = true;
    this.#wait.end();
    // What waits for the source before a stream is up must not be waited for.
    if (this.#phase !== "streaming") void this.options.source.close();
  }

  /** What it is doing; everything that the pipeline knows of the status. */
  status(): Omit<IngestStatus, "memoryUsedBytes" | "serverLsn" | "lagBytes" | "lagRecords"> {
    const stream = this.#stream;
    const durable = this.#applier.durable?.lsn;
    return {
      phase: this.#phase,
      waiting: this.#waiting,
      connected: stream !== undefined || this.#snapshot !== undefined,
      snapshotDone: this.#snapshotDone && (stream?.copy.done ?? true),
      snapshot: (this.#snapshot?.progress ?? stream?.copy.tables ?? [])
        .map((table) => ({ ...table })),
      holds: [...stream?.holds ?? []],
      deadLetters: this.#letters,
      lsn: formatLsn(durable ?? 0),
      confirmedLsn: stream === undefined ? null : formatLsn(stream.confirmedLsn),
      oldestUnappliedMs: this.#applier.oldestUnappliedMs ?? this.#oldestReadMs,
      behindSinceMs: null,
      leftOut: [...this.options.source.leftOut],
    };
  }

  /** Of what is read and not handed over. A transaction without a row of ours is nothing to apply. */
  get #oldestReadMs(): number | null {
    const batch = this.#filling;
    return batch === undefined || batch.isEmpty ? null : batch.oldestCommitMs;
  }

  /** Durable position as a number; 0 before there is one. */
  get durableLsn(): number {
    return this.#applier.durable?.lsn ?? 0;
  }

  /** How much was decoded, as {@linkcode ChangeStream.decoded} counts it; 0 without a stream. */
  get decoded(): number {
    return this.#stream?.decoded ?? 0;
  }

  /** Bytes read and not yet lent. */
  get bufferedBytes(): number {
    return this.#stream?.bufferedBytes ?? this.#snapshot?.bufferedBytes ?? 0;
  }

  async #follow(position: Position, seq: number): Promise<void> {
    const { source, sink } = this.options;
    this.#phase = "connecting";
    this.#applier.durable = position;
    const stream = await source.stream(position, sink.layouts(), seq + 1);
    this.#stream = stream;
    this.#connected("streaming");
    let reading: Reading | undefined;
    for (;;) {
      if (this.#stopping && !stream.inTransaction) break;
      if (!stream.hasInput) {
        if (!stream.inTransaction) await this.#ranDry(stream);
        if (this.#stopping) break; // amid a transaction whose rest may take long to come
        reading ??= new Reading(stream.read(), () => this.#wait.end());
        if (await this.#await(reading)) reading = undefined;
        continue;
      }
      const batch = this.#filling ?? await this.#batch();
      const stop = stream.decode(batch);
      if (stop.kind === "fault") await this.#fault(stop, stream);
      else if (stop.kind === "verify") await source.verify(stop.table);
      else if (stop.kind === "evolve") {
        await this.#applier.enter();
        stop.adopt(await sink.evolve(stop.table));
      } else if (stop.kind === "recall") await this.#recall(stop.recall, stream);
      else if (stop.kind === "ask") {
        await this.#applier.settle();
        stop.answer(await sink.appliedOf(stop.txs, stop.before));
      } else if (stop.kind === "full") await this.#hand(boundaryOf(stream));
      else if (stop === COMMIT && this.#isTime(batch)) await this.#hand(boundaryOf(stream));
      else if (stop === END && stream.hasInput) await aTurn();
    }
    // What a transaction left half-read is not applied; it is read again after the restart.
    if (!stream.inTransaction) await this.#ranDry(stream);
    await this.#applier.settle();
  }

  /** At the end of a source transaction: whether to apply now what has been gathered. */
  #isTime(batch: Batch): boolean {
    if (this.#careful || this.#applier.dirty) return true;
    if (this.#applier.work !== undefined) return batch.fill >= FILL_MAX;
    return batch.fill >= FILL_ENOUGH || batch.usedBytes >= BYTES_ENOUGH;
  }

  /** Between source transactions with nothing left to decode: applies what there is. */
  async #ranDry(stream: ChangeStream): Promise<void> {
    if (this.#applier.work !== undefined) {
      if (!this.#stopping) return; // what arrives meanwhile joins the next batch
      await this.#applier.settle();
    }
    const boundary = boundaryOf(stream);
    const holds = !(this.#filling?.isEmpty ?? true);
    if (holds || this.#applier.dirty) return await this.#hand(boundary);
    const isDue = Date.now() - this.#lastWorkAt >= this.options.idleCommitMs;
    if (!(isDue || this.#stopping || stream.isAsked)) return;
    if (stream.isAhead(this.#applier.durable!)) return await this.#applier.commit(boundary!);
    if (!isDue || this.#stopping) return;
    await this.#applier.rest();
    this.#lastWorkAt = Date.now();
    this.#goOn(); // after a commit, it tells
  }

  /** A record that can't be decoded: ends the run right before it, or sets it aside. */
  async #fault(stop: Stop & { kind: "fault" }, stream: ChangeStream): Promise<void> {
    const { fault, setAside } = stop;
    const mayPass = setAside !== undefined && LETTER_KINDS.includes(fault.kind);
    if (!mayPass || this.options.onBadRecord === "stop") {
      if (stream.inTransaction) throw fault; // and is met again with all before it applied
      [this.#careful, this.#faultSeq] = [true, stream.nextSeq - 1];
      await this.#hand(boundaryOf(stream));
      throw fault;
    }
    const letter = setAside();
    log.warn("{topic}[{partition}] at offset {offset} was set aside as a dead letter: {fault}", {
      topic: letter.topic,
      partition: letter.partition,
      offset: letter.offset,
      fault: fault.message,
    });
    (await this.#batch()).addLetter(letter);
    if (++this.#letters <= this.options.lettersMax) return;
    throw new Fault(fault.kind, {
      what: `there are more dead letters than SLUICE_DEAD_LETTERS_MAX; the last: ` +
        fault.details.what,
      received: `${this.#letters} dead letters`,
      allowed: `${this.options.lettersMax}`,
      todo: "`sluice dead-letters list` shows them. Mend what makes them, or raise the limit.",
    });
  }

  /** Asks the sink about what it has. Rare: what happened lately is known to the stream. */
  async #recall(recall: Recall, stream: ChangeStream): Promise<void> {
    if (!(this.#filling?.isEmpty ?? true)) await this.#hand(boundaryOf(stream));
    await this.#applier.enter();
    const { sink } = this.options;
    if (recall.of === "deleted") {
      return recall.answer(await sink.hasDeleted(recall.table, recall.lsn, recall.tx));
    }
    const batch = await this.#batch();
    recall.fill(batch);
    recall.answer(await sink.recognise(batch));
    this.#filling = undefined;
    this.options.pool.give(batch);
  }

  /** Waits for input, the sink, a moment or a stop, and resolves with whether input has come. */
  async #await(reading: Reading): Promise<boolean> {
    if (!reading.isOver) {
      const isApplying = this.#applier.work !== undefined;
      await this.#wait.until(1000, ...isApplying ? [this.#applier.settle()] : []);
    }
    return reading.hasCome;
  }

  /** Empties the warehouse for a stream that begins with the copy of all tables. */
  async #startOver(state: SinkState, filling: Filling & { kind: "stream" }): Promise<void> {
    this.#phase = "connecting";
    leavePostgres(state, this.#resnapshot);
    const position = await filling.beginning(state.position);
    await this.options.sink.beginSnapshot([]);
    await this.#applier.commit({ position, seq: 0 });
    this.#resnapshot = false;
  }

  async #takeSnapshot(state: SinkState, source: SnapshotSource): Promise<void> {
    const { sink } = this.options;
    this.#phase = "connecting";
    const origin = await source.identify();
    const cutOff = JSON.stringify(state.snapshot) === JSON.stringify(origin);
    const snapshot = await source.snapshot(this.#resnapshot || cutOff, {
      announce: () => sink.announceSnapshot(origin),
      release: () => sink.releaseSnapshot(),
      withdraw: () => sink.withdrawSnapshot(),
    });
    this.#snapshot = snapshot;
    this.#connected("snapshot");
    log.info("snapshot of {count} tables at {lsn}", {
      count: snapshot.tables.length,
      lsn: formatLsn(snapshot.position.lsn),
    });
    const reader = await snapshot.start(await sink.beginSnapshot(snapshot.tables), 1);
    for (let rows = await reader.read(); rows !== null; rows = await reader.read()) {
      while (rows.input.at < rows.input.end) {
        const stop: Stop = rows.decode(rows.input, await this.#batch());
        if (stop.kind === "fault") throw stop.fault;
        const isIdle = this.#applier.work === undefined;
        const isEnough = isIdle && this.#filling!.fill >= FILL_ENOUGH;
        if (stop.kind === "full" || isEnough) await this.#hand(null);
        if (this.#stopping) return;
      }
    }
    await this.#hand({ position: snapshot.position, seq: reader.nextSeq - 1 });
    await this.#applier.settle();
    this.#resnapshot = false;
    this.#snapshotDone = true;
    log.info("snapshot done: {rows} rows", { rows: reader.nextSeq - 1 });
  }

  /** The batch being filled; takes a free one, for which it may have to wait. */
  async #batch(): Promise<Batch> {
    if (this.#filling !== undefined) return this.#filling;
    let batch = this.options.pool.take();
    if (batch === undefined) {
      await this.#applier.settle();
      batch = this.options.pool.take()!;
    }
    return this.#filling = batch;
  }

  /** Hands the batch being filled to the sink. */
  async #hand(boundary: Boundary | null): Promise<void> {
    const batch = await this.#batch();
    // Before the wait for the sink: until it is taken over, the batch is still ours to discard.
    await this.#applier.settle();
    this.#filling = undefined;
    await this.#applier.submit(batch, boundary);
    if (this.#careful) await this.#applier.settle();
  }

  #confirm({ position, seq }: Boundary): void {
    this.#lastWorkAt = Date.now();
    if (seq > this.#faultSeq) this.#careful = false; // it did not come back
    this.#retryMs = RETRY_MS_MIN;
    if (this.#waiting?.kind === "disk-full") this.#goOn(); // a connection it says nothing of
    this.#stream?.confirm(position);
  }

  #connected(phase: "snapshot" | "streaming"): void {
    this.#phase = phase;
    // Whether a disk has room is not told by a stream, but by a commit, or that none is needed.
    if (phase === "streaming" && this.#waiting?.kind === "disk-full") {
      this.#lastWorkAt = Date.now();
    } else this.#goOn();
  }

  #goOn(): void {
    if (this.#waiting === null) return;
    log.info(this.#waiting.kind === "disk-full" ? "there is room again" : "connected again");
    this.#waiting = null;
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#stopping && error instanceof Fault && error.kind === "connection") return;
    if (!(error instanceof Fault)) throw error;
    if (error.reaction === "stop") {
      if (this.#careful || this.#stream === undefined) throw error;
      log.warn("stopping before a transaction that can't be applied: {fault}", {
        fault: error.message,
      });
      this.#faultSeq = this.#stream.nextSeq - 1;
      this.#careful = true; // read again, so that everything before it is applied
      return;
    }
    this.#phase = "waiting";
    if (this.#waiting?.details.what !== error.details.what) log.warn(error.message);
    this.#waiting = toFaultData(error);
    await this.#pause();
  }

  async #pause(): Promise<void> {
    await this.#putDown(); // before the wait: it must not hold the source's connections
    const pauseMs = this.#retryMs * (0.75 + Math.random() / 2);
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
    if (!this.#stopping) await this.#wait.until(pauseMs);
  }

  /** Lets go of the source's connections and of every batch; discards what is not committed. */
  async #putDown(): Promise<void> {
    // Each is done even when another fails, the last one first.
    const steps = new AsyncDisposableStack();
    steps.defer(() => this.#applier.abort());
    if (this.#filling !== undefined) steps.adopt(this.#filling, (b) => this.options.pool.give(b));
    for (const open of [this.#snapshot, this.#stream]) {
      if (open !== undefined) steps.defer(() => open.close());
    }
    this.#filling = this.#stream = this.#snapshot = undefined;
    try {
      await steps.disposeAsync();
    } catch (error) {
      let first = error;
      while (first instanceof SuppressedError) first = first.suppressed;
      throw first;
    }
  }
}
