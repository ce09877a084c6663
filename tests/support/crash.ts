/**
 * A `serve` that ends by something it can't survive, amid traffic; and the next one, which must go on
 * as if nothing had been.
 */
import assert from "node:assert/strict";
import { freePort } from "../../src/dev/embedded_postgres.ts";
import {
  assertEqualToSource,
  assertLogsEqualAudit,
  AUDIT,
  auditTrigger,
  openFile,
} from "./compare.ts";
import { until } from "./faults.ts";
import { Inspector } from "./inspector.ts";
import type { TestDatabase } from "./postgres.ts";
import { type Ended, SluiceProcess, warehouseFile, withFlags } from "./process.ts";
import type { ReplicaOptions } from "./replica.ts";

/** What differs from a usual start. */
export interface CrashOptions {
  /** V8's `--max-heap-size`, MB. */
  heapMb?: number;
  /** `SLUICE_HANG_SECONDS`; 5 is the least. By default so many that no busy machine has it met. */
  hangSeconds?: number;
}

/** The settings of all tests of crashes. */
export function envOf(database: TestDatabase, { dataDir }: ReplicaOptions) {
  return {
    SLUICE_DATABASE_URL: database.url,
    SLUICE_DATA_DIR: dataDir,
    SLUICE_SLOT: database.name,
    SLUICE_PUBLICATION: database.name,
    SLUICE_MEMORY_TOTAL_MB: "512",
    SLUICE_IDLE_COMMIT_SECONDS: "1",
  };
}

/** A table of 1,000 rows whose changes are audited from now on. */
export async function makeAudited(database: TestDatabase): Promise<void> {
  await database.query(AUDIT);
  await database.query("CREATE TABLE t (id serial PRIMARY KEY, v text)");
  await database.query("INSERT INTO t (v) SELECT md5(n::text) FROM generate_series(1, 1000) n");
  await database.query(auditTrigger("t"));
}

/** Inserts, updates and deletes, one transaction after the other, until `stop`. */
export class Changes {
  #isOver = false;
  #count = 0;
  readonly #running: Promise<void>;

  constructor(private readonly database: TestDatabase) {
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.database.query(`BEGIN;
        INSERT INTO t (v) SELECT md5(random()::text) FROM generate_series(1, 5);
        UPDATE t SET v = md5(v) WHERE id % 97 = ${this.#count % 97};
        DELETE FROM t WHERE id = ${this.#count + 1};
        COMMIT`);
      this.#count++;
    }
  }

  /** Waits for so many more transactions. */
  async more(count: number): Promise<void> {
    const target = this.#count + count;
    await Promise.race([
      until("there is traffic", () => this.#count >= target),
      this.#running,
    ]);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }
}

/** A `serve` whose isolates can be got at; the inspector is only attached while it is asked for. */
export class Victim implements AsyncDisposable {
  private constructor(readonly sluice: SluiceProcess, private readonly port: number) {}

  static async start(env: Record<string, string>, options: CrashOptions): Promise<Victim> {
    const port = freePort();
    const start = withFlags((flags) => [
      ...flags.map((flag) =>
        options.heapMb === undefined
          ? flag
          : flag.replace(/--max-heap-size=\d+/, `--max-heap-size=${options.heapMb}`)
      ),
      `--inspect=127.0.0.1:${port}`,
    ]);
    const SLUICE_HANG_SECONDS = String(options.hangSeconds ?? 600);
    const sluice = new SluiceProcess({ ...env, SLUICE_HANG_SECONDS }, [], start);
    await sluice.ready();
    return new Victim(sluice, port);
  }

  /** Lets an isolate evaluate this. A debugger that stays would hold up the end of the process. */
  async evaluate(isolate: "main" | "ingest", expression: string): Promise<void> {
    using inspector = await Inspector.attach(this.port);
    inspector.evaluate(isolate, expression);
    await new Promise((resolve) => setTimeout(resolve, 100)); // it is sent, and never answered
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sluice[Symbol.asyncDispose]();
  }
}

/**
 * Lets a `serve` be ended by `provoke`, amid traffic; throws unless it ends with `code` and says
 * `says`, and the next start has each change once and the tables as they are at the source.
 */
export async function crashes(
  database: TestDatabase,
  options: ReplicaOptions,
  code: number,
  says: RegExp[],
  provoke: (victim: Victim) => Promise<void>,
  crash: CrashOptions = {},
): Promise<void> {
  await makeAudited(database);
  const env = envOf(database, options);
  await using victim = await Victim.start(env, crash);
  const changes = new Changes(database);
  try {
    await changes.more(20);
    await provoke(victim);
    const ended = await endOf(victim.sluice);
    assert.equal(ended.code, code, ended.output);
    for (const pattern of says) assert.match(ended.output, pattern);
    await changes.more(20);
  } finally {
    await changes.stop();
  }
  await recovers(database, options, env);
}

/** The end of a process that ends by itself. */
export async function endOf(sluice: SluiceProcess): Promise<Ended> {
  let ended: Ended | undefined;
  void sluice.ended.then((end) => ended = end);
  await until("Sluice ends", () => ended !== undefined, 120).catch((error) => {
    throw new Error(`${error.message}\n${sluice.output}`);
  });
  return ended!;
}

/**
 * The next start: alive, caught up, and then equal to the source, with each change once. All that is
 * audited must have been changed after the snapshot.
 */
export async function recovers(
  database: TestDatabase,
  { dataDir }: ReplicaOptions,
  env: Record<string, string>,
): Promise<void> {
  const begun = performance.now();
  await using sluice = new SluiceProcess(env);
  await sluice.until(async () => (await sluice.fetch("/healthz"))?.status === 200);
  console.log(`/healthz after ${Math.round(performance.now() - begun)} ms`);
  await sluice.reaches(await database.currentLsn());
  const { code, output } = await sluice.kill("SIGTERM");
  assert.equal(code, 0, output);
  await using warehouse = await openFile(warehouseFile(dataDir));
  await assertEqualToSource(database, warehouse);
  const audited = await database.rows("SELECT FROM audit.log");
  assert.equal(await assertLogsEqualAudit(database, warehouse, ["t"]), audited.length);
}
