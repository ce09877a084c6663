/**
 * The whole path under kills: PostgreSQL → Debezium → Kafka → Sluice, with traffic, while Connect,
 * the broker and Sluice are killed and started again. What Sluice has in the end must be the fold of
 * the topics by plain code, its change log too; and the source, but for changes that the topics
 * themselves lack, which are printed as Debezium's loss.
 *
 * SLUICE_TEST_SEED repeats the traffic and the choice of what is killed when.
 */
import assert from "node:assert/strict";
import { audited, startAudit } from "./support/audit.ts";
import { openFile } from "./support/compare.ts";
import { assertEqualToFold, differencesFromSource, lostChanges } from "./support/fold_compare.ts";
import type { TestDatabase } from "./support/postgres.ts";
import { type Ended, runMain, SluiceProcess, warehouseFile } from "./support/process.ts";
import { Random } from "./support/random.ts";
import { type Connector, readiness, TestStack } from "./support/stack.ts";
import { settledTopics } from "./support/settled.ts";
import { foldTopics } from "./support/topic_fold.ts";
import { until } from "./support/until.ts";
import { Traffic, TRAFFIC_SCHEMA, TRAFFIC_TABLES } from "./support/traffic.ts";
import { needs } from "./skip.ts";

const BANK = ["users", "wallets", "transactions", "notifications", "beneficiaries"];
const SCHEMA = new URL("../sql/schema.sql", import.meta.url);
const SEED = Number(Deno.env.get("SLUICE_TEST_SEED") ?? Math.floor(Math.random() * 1e9));

/** If Sluice is not up with the traffic by then, the traffic waits for it. */
const CATCH_UP_MS = 30_000;

/** What a read saw. The second is how many rows of mirror_a and mirror_b differ. */
interface Read {
  sum: string | null;
  unequal: string;
  letters: string;
}

const READ = `SELECT (SELECT sum(balance) FROM public.wallets)::VARCHAR,
  (SELECT count(*) FROM public.mirror_a a FULL JOIN public.mirror_b b USING (id)
    WHERE a.n IS DISTINCT FROM b.n)::VARCHAR,
  (SELECT count(*) FROM _sluice.dead_letters)::VARCHAR`;

let stack: TestStack;

/** One run: traffic, kills, and all that must hold at the end. */
class Chaos {
  readonly reads: Read[] = [];
  readonly random: Random;
  #sluice: SluiceProcess | undefined;
  #isReading = true;
  readonly #ending = new AbortController();

  private constructor(
    readonly database: TestDatabase,
    readonly connector: Connector,
    private readonly seed: number,
    /** How long a transaction may lack changes, in seconds. */
    private readonly timeout: string,
  ) {
    this.random = new Random(seed);
  }

  static async start(name: string, seed: number, timeout: string): Promise<Chaos> {
    const database = await stack.database(name);
    await database.query(await Deno.readTextFile(SCHEMA));
    await database.query(TRAFFIC_SCHEMA);
    await startAudit(database, [...BANK, ...TRAFFIC_TABLES]);
    await runMain(["generate", "--users", "30", "--transactions", "30", "--rate", "0"], {
      SLUICE_DATABASE_URL: database.url,
    });
    await database.query("TRUNCATE audit.changes");
    return new Chaos(database, await stack.connector(database), seed, timeout);
  }

  startSluice(): SluiceProcess {
    return this.#sluice = stack.sluice(this.database.name, {
      env: {
        SLUICE_DATABASE_URL: this.database.url,
        SLUICE_ON_BAD_RECORD: "dead-letter",
        SLUICE_TRANSACTION_TIMEOUT_SECONDS: this.timeout,
      },
    });
  }

  async killSluice(): Promise<void> {
    await this.#sluice!.kill("SIGKILL");
    this.startSluice();
  }

  async killConnect(): Promise<void> {
    await stack.stack.connect.kill();
    await stack.stack.connect.start();
    await this.connector.untilStreaming();
  }

  async killBroker(): Promise<void> {
    await stack.stack.broker.kill();
    await this.pause(1000);
    await stack.stack.broker.start();
  }

  /** Up to twice `ms`. */
  async pause(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms * 2 * this.random.next()));
  }

  /** Traffic, and reads of Sluice, while `kills` goes on. */
  async run(kills: () => Promise<void>): Promise<void> {
    await this.database.query("TRUNCATE side"); // the first that comes of it, and maybe again
    const traffic = new Traffic(this.database.url, this.seed);
    const args = ["generate", "--rate", "60", "--seed", String(this.seed)];
    const env = { SLUICE_DATABASE_URL: this.database.url };
    const generator = runMain(args, env, this.#ending.signal);
    const patience = setTimeout(() => traffic.isPaused = true, CATCH_UP_MS);
    await this.startSluice().ready();
    clearTimeout(patience);
    traffic.isPaused = false;
    const reading = this.#read();
    try {
      await kills();
    } finally {
      this.#ending.abort();
      await traffic.stop();
      this.#isReading = false;
      await reading;
    }
    const { code, output } = await generator;
    assert.equal(code, 0, output);
  }

  /** Asks again and again; while Sluice is down there is no answer. */
  async #read(): Promise<void> {
    while (this.#isReading) {
      const answer = await this.#sluice!.sql(READ);
      if (answer !== undefined) {
        const [sum, unequal, letters] = answer.rows[0] as string[];
        this.reads.push({ sum, unequal, letters });
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Waits until Sluice has read all that the topics have, and ends it in good order. */
  async finish(): Promise<Ended> {
    const sluice = this.#sluice!;
    let last: unknown;
    await until("Sluice has read everything", async () => {
      const now = await readiness(sluice);
      last = now;
      return now?.ready === true && now.lag_records === 0 && now.snapshot.done;
    }, 120).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(last)}\n${sluice.output.slice(-4000)}`);
    });
    return await this.#sluice!.kill("SIGTERM");
  }

  /** All that must hold at the end. */
  async check(): Promise<{ lost: string[]; duplicates: number; letters: number }> {
    const { database } = this;
    const folded = foldTopics(await settledTopics(stack.brokers, database, this.connector));
    const { code, output } = await this.finish();
    assert.equal(code, 0, output);
    const lost = lostChanges(await audited(database), folded);
    const differences = await differencesFromSource(database, folded, lost);
    await using warehouse = await openFile(warehouseFile(stack.dataDir(database.name)));
    const changes = await assertEqualToFold(database, warehouse, folded);
    const count = await warehouse.runAndReadAll("SELECT count(*)::INT FROM _sluice.dead_letters");
    const letters = Number(count.getRowsJson()[0][0]);
    console.log(
      `${changes} changes, ${folded.duplicates} sent twice, ${folded.sharing} sharing an LSN, ` +
        `${this.reads.length} reads, ${letters} dead letters, ${lost.length} lost by Debezium`,
    );
    for (const sentence of [...lost.slice(0, 20), ...differences.slice(0, 20)]) {
      console.log(`  Debezium's loss: ${sentence}`);
    }
    assert.ok(changes > 1000, "too few changes to mean anything");
    assert.ok(folded.sharing > 0, "no rows share an LSN");
    const { duplicates } = folded;
    return { lost, duplicates, letters };
  }
}

Deno.test.beforeAll(async () => {
  if (needs("java", "").ignore) return;
  stack = await TestStack.start();
});
Deno.test.afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

Deno.test({
  ...needs("java", "chaos: Connect and Sluice are killed; no read sees half of a transaction"),
  fn: async () => {
    console.log(`SLUICE_TEST_SEED=${SEED} repeats this run`);
    const chaos = await Chaos.start("chaos1", SEED, "120");
    await chaos.run(async () => {
      for (let round = 0; round < 3; round++) {
        await chaos.pause(3000);
        await chaos.killConnect();
        await chaos.pause(2000);
        await chaos.killSluice();
      }
      await chaos.pause(3000);
    });
    const { lost, duplicates, letters } = await chaos.check();
    assert.ok(duplicates > 0, "Connect was killed, and nothing came twice");
    assert.ok(chaos.reads.length > 50, "too few reads");
    for (const read of chaos.reads) {
      assert.deepEqual({ ...read, sum: Number(read.sum) }, { sum: 0, unequal: "0", letters: "0" });
    }
    assert.deepEqual({ lost, letters }, { lost: [], letters: 0 });
  },
});

Deno.test({
  ...needs("java", "chaos: the broker, Connect and Sluice are killed; equal to the topics' fold"),
  fn: async () => {
    console.log(`SLUICE_TEST_SEED=${SEED} repeats this run`);
    const chaos = await Chaos.start("chaos2", SEED + 1, "5");
    await chaos.run(async () => {
      for (let round = 0; round < 3; round++) {
        await chaos.pause(2500);
        await chaos.killBroker();
        await chaos.pause(2500);
        await (round === 1 ? chaos.killConnect() : chaos.killSluice());
      }
      await chaos.pause(3000);
      // After a broker's death a task may stand still for minutes while Connect says that it runs
      // (an orphan of it holds its metrics' names): a new process doesn't.
      await chaos.killConnect();
    });
    const { lost } = await chaos.check();
    // A transaction of which the topics lack a part was given up on: from then on it may be seen.
    const whole = chaos.reads.filter(({ letters }) => letters === "0");
    for (const { unequal } of whole) assert.equal(unequal, "0");
    if (lost.length > 0) return;
    for (const { sum } of chaos.reads) assert.equal(Number(sum), 0);
  },
});
