/** For the tests of this folder and of `catalog/`: a real PostgreSQL in a temporary folder. */
// @ts-types="npm:@types/pg@8.23.1"
import pg from "pg";
import assert from "node:assert/strict";
import { join } from "node:path";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../dev/embedded_postgres.ts";
import { Fault, type FaultKind } from "../../errors.ts";

/** A server that is gone, data included, when it is disposed of. */
export class TestServer implements AsyncDisposable {
  private constructor(readonly postgres: EmbeddedPostgres, readonly folder: string) {}

  static async start(settings: Record<string, string> = {}): Promise<TestServer> {
    const folder = await Deno.makeTempDir({ prefix: "sluice-test-" });
    if (Deno.build.os !== "windows") await Deno.chmod(folder, 0o755); // its uid isn't ours as root
    const dataDir = join(folder, "data");
    return new TestServer(await startEmbeddedPostgres({ dataDir, settings }), folder);
  }

  /** URL of the superuser, or of another role. */
  url(database = "postgres", user?: string, password = ""): string {
    const url = new URL(this.postgres.url(database));
    if (user !== undefined) [url.username, url.password] = [user, password];
    return url.href;
  }

  /** Runs statements as the superuser and gives the last one's rows. */
  async sql(text: string, database = "postgres"): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url(database), ssl: false });
    await client.connect();
    try {
      const result = await client.query(text) as unknown as pg.QueryResult | pg.QueryResult[];
      return (Array.isArray(result) ? result[result.length - 1] : result).rows;
    } finally {
      await client.end();
    }
  }

  async restart(): Promise<void> {
    await this.postgres.stop("fast");
    await this.postgres.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.postgres.stop("immediate");
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Asserts that `work` is refused by a fault of this kind, whose text has all `parts`. */
export async function assertFault(
  work: Promise<unknown>,
  kind: FaultKind,
  ...parts: (string | RegExp)[]
): Promise<Fault> {
  const error = await work.then(() => undefined, (error) => error);
  assert.ok(error instanceof Fault, `expected a fault, got ${Deno.inspect(error)}`);
  assert.equal(error.kind, kind, error.message);
  for (const part of parts) {
    if (typeof part === "string") assert.ok(error.message.includes(part), error.message);
    else assert.match(error.message, part);
  }
  assert.doesNotMatch(error.message, /\n\s+at /, "a stack trace");
  return error;
}
