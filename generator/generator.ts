/**
 * Live traffic: one transaction after the other, over one connection, the same for the same seed
 * and the same database to start from (with a simulated clock, to the byte).
 *
 * After every commit the sum of all balances is 0 (see scenarios.ts). What it remembers is bounded
 * (see bank.ts). When the connection is lost it connects again, asks the database which of the
 * transactions under way were committed, forgets the others, loads the bank again and goes on; from
 * there on the run is no longer the one that the seed names.
 */
import { Fault } from "../src/errors.ts";
import type { Bank } from "./bank.ts";
import { type ClockMaker, simulatedClock } from "./clock.ts";
import { faultOf } from "./connection.ts";
import { loadBank, newestRow } from "./database.ts";
import { Pacer, pause } from "./pacer.ts";
import { People } from "./people.ts";
import { Random } from "./random.ts";
import { type Kind, type Scenario, Teller } from "./scenarios.ts";
import { Summary } from "./summary.ts";
import { countCommitted, IN_FLIGHT_MAX, isConflict, Writer } from "./writer.ts";

/** How a generator starts. */
export interface GeneratorOptions {
  /** Names the run. Default 42. */
  readonly seed?: number;
  /** How many customers an empty bank starts with. Default 100. */
  readonly users?: number;
  /** Where times come from. Default: simulated time. */
  readonly clock?: ClockMaker;
  /** Whether commits wait for the disk. Default true. */
  readonly waitForDisk?: boolean;
  /** Add missing tables to those that exist. Without tables, they are always made. */
  readonly createSchema?: boolean;
  /** Is told, in a sentence, about lost connections and the like. */
  readonly onNotice?: (text: string) => void;
}

/** How long a run goes on. Whichever limit is reached first ends it. */
export interface RunOptions {
  /** How many transactions to commit. */
  readonly transactions?: number;
  readonly durationMs?: number;
  /** Transactions a second; 0, the default, is as fast as it can. */
  readonly rate?: number;
  /** Ends the run after the transactions under way. */
  readonly signal?: AbortSignal;
  /** Is told after each commit how many transactions this run has committed. */
  readonly onCommit?: (committed: number) => void;
}

/** Connection attempts are this far apart at first, twice as far each time, up to the second. */
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5_000;
/** The lock of our lost connection may outlive it until the server notices. */
const LOCK_WAIT_MS = 60_000;
/** After so many refused transactions in a row, loading the bank again is no remedy. */
const CONFLICTS_MAX = 10;

/** Writes a bank's traffic into a database. One generator a database. */
export class Generator implements AsyncDisposable {
  readonly summary = new Summary();
  readonly #people: People;
  readonly #waitForDisk: boolean;
  readonly #notice: (text: string) => void;
  #bank!: Bank;
  #teller!: Teller;
  #conflicts = 0;

  private constructor(
    private readonly url: string,
    private writer: Writer,
    private readonly random: Random,
    private readonly clock: ReturnType<ClockMaker>,
    seed: number,
    options: GeneratorOptions,
  ) {
    this.#people = new People(seed);
    this.#waitForDisk = options.waitForDisk ?? true;
    this.#notice = options.onNotice ?? (() => {});
  }

  /** Connects, makes the tables and the first customers if there are none. Throws a `Fault`. */
  static async open(url: string, options: GeneratorOptions = {}): Promise<Generator> {
    const { seed = 42, users = 100, waitForDisk = true, createSchema = false } = options;
    const writer = await Writer.open(url, { waitForDisk, createSchema });
    try {
      const newest = await newestRow(writer.client);
      const random = new Random(seed, `traffic after ${newest}`);
      const makeClock = options.clock ?? simulatedClock();
      const clock = makeClock(newest, new Random(seed, `clock after ${newest}`));
      const generator = new Generator(url, writer, random, clock, seed, options);
      await generator.#load();
      await generator.#found(users);
      return generator;
    } catch (error) {
      await writer.close();
      throw faultOf(error, writer.client, "reading the bank");
    }
  }

  /** Commits one transaction, and says of what kind it was. */
  async step(): Promise<Kind> {
    for (;;) {
      const scenario = this.#teller.next();
      this.writer.send(scenario);
      if (await this.#collect()) return scenario.kind;
    }
  }

  /** Commits transactions until a limit is reached. Throws a `Fault` for what no retry mends. */
  async run(options: RunOptions = {}): Promise<void> {
    const { transactions = Infinity, durationMs = Infinity, rate = 0, signal } = options;
    const before = this.summary.committed;
    const goal = before + transactions;
    const end = performance.now() + durationMs;
    const pacer = new Pacer(rate);
    for (;;) {
      const { inFlight } = this.writer;
      const ending = signal?.aborted || performance.now() >= end ||
        this.summary.committed + inFlight >= goal;
      if (!ending && inFlight < IN_FLIGHT_MAX && pacer.due()) {
        this.writer.send(this.#teller.next());
      } else if (inFlight > 0) {
        await this.#collect(signal);
        options.onCommit?.(this.summary.committed - before);
      } else if (ending) {
        return;
      } else {
        await pause(Math.min(pacer.waitMs(), Math.max(0, end - performance.now())), signal);
      }
    }
  }

  async close(): Promise<void> {
    await this.writer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #load(): Promise<void> {
    this.#bank = await loadBank(this.writer.client);
    this.#teller = new Teller(this.#bank, this.random, this.#people, this.clock);
  }

  /** Opens the clearing wallets that are missing, and signs up the first customers. */
  async #found(users: number): Promise<void> {
    for (;;) {
      const opening = this.#teller.openBank();
      if (!opening) break;
      this.writer.send(opening);
      if (await this.#collect()) break;
    }
    if (this.#bank.customers.length > 0) return;
    for (let signedUp = 0; signedUp < users;) {
      while (this.writer.inFlight < Math.min(IN_FLIGHT_MAX, users - signedUp)) {
        this.writer.send(this.#teller.signUp());
      }
      if (await this.#collect()) signedUp++;
      else signedUp = this.summary.byKind.get("sign_up") ?? 0;
    }
  }

  /** Waits for the oldest transaction under way. False: it failed, and all under way are settled. */
  async #collect(signal?: AbortSignal): Promise<boolean> {
    try {
      this.summary.add(await this.writer.committed());
      this.#conflicts = 0;
      return true;
    } catch (error) {
      await this.#recover(error, signal);
      return false;
    }
  }

  async #recover(error: unknown, signal?: AbortSignal): Promise<void> {
    const doubtful = await this.writer.settle();
    if (isConflict(error)) {
      if (++this.#conflicts > CONFLICTS_MAX) throw this.#fault(error);
      this.#notice(
        `PostgreSQL refused a transaction, since somebody else changed the tables: ${
          (error as Error).message
        }. The bank is read again.`,
      );
      await this.#reload(doubtful, () => this.writer.client.query("ROLLBACK"), signal);
      return;
    }
    const fault = this.#fault(error);
    if (fault.reaction !== "retry") throw fault;
    this.#notice(fault.message);
    this.summary.reconnects++;
    await this.#reload(doubtful, () => this.#reconnect(), signal);
    if (!signal?.aborted) this.#notice("The database is back.");
  }

  /** Runs `remedy`, then finds out what was committed and loads the bank; until it succeeds. */
  async #reload(
    doubtful: Scenario[],
    remedy: () => Promise<unknown>,
    signal?: AbortSignal,
  ): Promise<void> {
    for (let wait = BACKOFF_MS_MIN;; wait = Math.min(2 * wait, BACKOFF_MS_MAX)) {
      try {
        await remedy();
        const committed = await countCommitted(this.writer.client, doubtful);
        await this.#load();
        for (const scenario of doubtful.slice(0, committed)) this.summary.add(scenario);
        this.summary.discarded += doubtful.length - committed;
        return;
      } catch (error) {
        const fault = this.#fault(error);
        if (fault.reaction !== "retry") throw fault;
        if (signal?.aborted) {
          this.summary.unknown += doubtful.length;
          return;
        }
        remedy = () => this.#reconnect();
        await pause(wait, signal);
      }
    }
  }

  async #reconnect(): Promise<void> {
    await this.writer.close();
    this.writer = await Writer.open(this.url, {
      waitForDisk: this.#waitForDisk,
      createSchema: false,
      lockWaitMs: LOCK_WAIT_MS,
    });
  }

  #fault(error: unknown): Fault {
    return faultOf(error, this.writer.client, "writing traffic");
  }
}
