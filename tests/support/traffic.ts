/**
 * Traffic for the stack tests, of all that is difficult: interleaved transactions, rows that share an
 * LSN, changes of keys, deleted keys that come again, TRUNCATE, values that an update leaves out.
 */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
// @ts-types="npm:@types/pg@8.23.1"
import pg from "pg";
// @ts-types="npm:@types/pg-copy-streams@1.2.5"
import { from as copyFrom } from "pg-copy-streams";
import { connect } from "../../src/source/postgres/connect.ts";
import { Random } from "./random.ts";

/** `mirror_a` and `mirror_b` hold the same after every commit. */
export const TRAFFIC_TABLES = ["mirror_a", "mirror_b", "side", "large", "settled"];

/** PostgreSQL's code. A TRUNCATE between two writers can bring it about. */
const DEADLOCK = "40P01";

/** Between a writer's transactions: so that Sluice on a busy machine of two cores keeps up. */
const PAUSE_MS_MAX = 150;

/** How many rows `mirror_a` and `mirror_b` have. */
const MIRRORED = 20;

export const TRAFFIC_SCHEMA = `
  CREATE TABLE mirror_a (id int PRIMARY KEY, n bigint NOT NULL);
  CREATE TABLE mirror_b (id int PRIMARY KEY, n bigint NOT NULL);
  CREATE TABLE side (id int PRIMARY KEY, note text);
  CREATE TABLE large (id int PRIMARY KEY, n int NOT NULL, body text, raw bytea);
  CREATE TABLE settled (id int PRIMARY KEY);
  ALTER TABLE large ALTER body SET STORAGE EXTERNAL;
  INSERT INTO mirror_a SELECT i, 0 FROM generate_series(1, ${MIRRORED}) i;
  INSERT INTO mirror_b SELECT i, 0 FROM generate_series(1, ${MIRRORED}) i;
  INSERT INTO large SELECT i, 0, repeat('body ' || i, 1000), '\\x00ff'
    FROM generate_series(1, 10) i;`;

/** Several writers until `stop`. */
export class Traffic {
  #isStopping = false;
  /** Nothing is written: a slow machine may catch up. */
  isPaused = false;
  readonly #writers: Promise<void>[];
  readonly #random: Random;
  #number = 1;

  constructor(private readonly url: string, seed: number, writers = 3) {
    this.#random = new Random(seed);
    this.#writers = Array.from({ length: writers }, () => this.#write());
  }

  /** Resolves when every writer has ended; throws what any of them met. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#writers);
  }

  async #write(): Promise<void> {
    const client = await connect(this.url);
    try {
      while (!this.#isStopping) {
        if (!this.isPaused) {
          await this.#transaction(client).catch(async (error) => {
            if (!(error instanceof pg.DatabaseError && error.code === DEADLOCK)) throw error;
            await client.query("ROLLBACK");
          });
        }
        await new Promise((resolve) => setTimeout(resolve, this.#random.below(PAUSE_MS_MAX)));
      }
    } finally {
      await client.end();
    }
  }

  /** Statements with pauses between, so that others' come in between. */
  async #transaction(client: pg.Client): Promise<void> {
    const random = this.#random;
    const kind = random.below(40);
    if (kind === 0) return void await client.query("TRUNCATE side");
    if (kind < 5) return await this.#copy(client);
    await client.query("BEGIN");
    const [k, n] = [1 + random.below(MIRRORED), this.#number++];
    await client.query(`UPDATE mirror_a SET n = ${n} WHERE id = ${k}`);
    for (let i = random.below(3); i > 0; i--) await client.query(this.#statement());
    await client.query(`UPDATE mirror_b SET n = ${n} WHERE id = ${k}`);
    await client.query(random.below(15) === 0 ? "ROLLBACK" : "COMMIT");
  }

  /** Rows that share one LSN. */
  async #copy(client: pg.Client): Promise<void> {
    const first = this.#number;
    this.#number += 20;
    const lines = Array.from({ length: 20 }, (_, i) => `${first + i}\tcopied ${i}\n`);
    const stream = client.query(copyFrom("COPY side FROM STDIN"));
    await pipeline(Readable.from([lines.join("")]), stream);
  }

  #statement(): string {
    const random = this.#random;
    // An array is chosen once; what stands after IN may be chosen again for each row.
    const some = (table: string, count: number) =>
      `id = ANY (ARRAY (SELECT id FROM ${table} ORDER BY md5(id || '${random.below(1e6)}')
        LIMIT ${count} FOR UPDATE SKIP LOCKED))`;
    const n = this.#number++;
    switch (random.below(12)) {
      case 0:
        return `INSERT INTO side VALUES (${n}, 'new'), (${-n}, 'new')`;
      case 1:
        return `UPDATE side SET note = 'changed ${n}' WHERE ${some("side", 3)}`;
      case 2: // keys change
        return `UPDATE side SET id = ${10_000_000 + n}, note = 'moved' WHERE ${some("side", 1)}`;
      case 3:
        return `DELETE FROM side WHERE ${some("side", 3)}`;
      case 4: // a key that is deleted and comes again within one transaction
        return `DELETE FROM large WHERE id = 100;
          INSERT INTO large VALUES (100, ${n}, repeat('again', 900), NULL)
            ON CONFLICT (id) DO UPDATE SET n = ${n}`;
      case 5:
        return `UPDATE large SET n = ${n} WHERE ${some("large", 2)}`;
      case 6:
        return `UPDATE large SET body = repeat('${n} ', 700) WHERE ${some("large", 1)}`;
      case 7:
        return `UPDATE large SET id = ${1000 + n} WHERE ${some("large", 1)}`;
      case 8:
        return `INSERT INTO side VALUES (${n}, NULL); DELETE FROM side WHERE id = ${n}`;
      case 9:
        return `UPDATE side SET note = note WHERE ${some("side", 1)}`;
      default:
        return `SELECT pg_logical_emit_message(true, 'test', '${n}')`;
    }
  }
}
