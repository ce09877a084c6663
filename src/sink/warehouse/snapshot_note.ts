/** The durable note that the tables wait for a snapshot (`_sluice.snapshot`), and from where, while a
 * replication slot may have been made for it: `SnapshotIntent` says when it is what. */
import { literal } from "../../catalog/catalog.ts";
import type { SnapshotOrigin } from "../sink.ts";
import type { Statements } from "./statements.ts";

/** See the top of this file. Each change is one statement. */
export class SnapshotNote {
  /** There is one, as far as we know. */
  isThere = false;
  /** What the last announcement has replaced; undefined: there was none. */
  #former: SnapshotOrigin | null | undefined;

  constructor(private readonly sql: Statements) {}

  /** The origin, if a slot may have been made; null: it was not, or there is no note. */
  async read(): Promise<SnapshotOrigin | null> {
    const [row] = await this.sql.rows("SELECT origin FROM _sluice.snapshot");
    this.isThere = row !== undefined;
    return JSON.parse((row?.[0] ?? "null") as string);
  }

  async announce(origin: SnapshotOrigin): Promise<void> {
    const former = await this.read();
    this.#former = this.isThere ? former : undefined;
    await this.#put(origin);
  }

  /** No slot is ours. */
  async release(): Promise<void> {
    if (this.isThere) await this.#put(null);
  }

  /** It is what it was before the last announcement. */
  async withdraw(): Promise<void> {
    if (this.#former === undefined) await this.clear();
    else await this.#put(this.#former);
  }

  /** There is none any more; also within the transaction that makes the tables whole. */
  async clear(): Promise<void> {
    if (this.isThere) await this.sql.run("DELETE FROM _sluice.snapshot");
    this.isThere = false;
  }

  async #put(origin: SnapshotOrigin | null): Promise<void> {
    const text = origin === null ? "NULL" : literal(JSON.stringify(origin));
    await this.sql.run(
      this.isThere
        ? `UPDATE _sluice.snapshot SET origin = ${text}`
        : `INSERT INTO _sluice.snapshot VALUES (${text}, now())`,
    );
    this.isThere = true;
  }
}
