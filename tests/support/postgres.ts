/** A real PostgreSQL 14 for a test file, and a database of its own for each test. */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import {
  type EmbeddedPostgres,
  startTemporaryPostgres,
  type TemporaryPostgres,
} from "../../src/dev/embedded_postgres.ts";
import { parseLsn } from "../../src/source/position.ts";
import { connect } from "../../src/source/postgres/connect.ts";

/** A database, with a name that also serves as slot and publication. */
export class TestDatabase implements AsyncDisposable {
  private constructor(
    readonly server: EmbeddedPostgres,
    readonly name: string,
    public client: pg.Client,
  ) {}

  static async create(server: EmbeddedPostgres, name: string): Promise<TestDatabase> {
    const admin = await connect(server.url());
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.end();
    return new TestDatabase(server, name, await connect(server.url(name)));
  }

  get url(): string {
    return this.server.url(this.name);
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    const result = await this.client.query(sql);
    const last = Array.isArray(result) ? result.at(-1) : result;
    return last.rows;
  }

  /** Every row as an array, every value as text. */
  async rows(sql: string): Promise<(string | null)[][]> {
    const types = { getTypeParser: () => (text: string) => text };
    const result = await this.client.query({ text: sql, rowMode: "array", types } as never);
    return (result as unknown as { rows: (string | null)[][] }).rows;
  }

  async currentLsn(): Promise<number> {
    const [{ lsn }] = await this.query("SELECT pg_current_wal_insert_lsn() AS lsn");
    return parseLsn(lsn as string);
  }

  /** Connects again, after the server has been restarted. */
  async reconnect(): Promise<void> {
    this.client = await connect(this.url);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.end().catch(() => {}); // it may be lost by the test's own doing
  }
}

/** A server in a temporary folder, quick rather than safe, with room for a slot a test. */
export function testServer(settings?: Record<string, string>): Promise<TemporaryPostgres> {
  return startTemporaryPostgres("sluice-test-", {
    settings: { fsync: "off", max_replication_slots: "40", max_wal_senders: "40", ...settings },
  });
}
