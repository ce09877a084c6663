/** What the tests of faults share: a server, waiting without a clock, and what a fault must say. */
import assert from "node:assert/strict";
import { Fault, type FaultKind } from "../../src/errors.ts";
import { assertEqualToSource } from "./compare.ts";
import { TestDatabase, testServer } from "./postgres.ts";
import { Replica, type ReplicaOptions } from "./replica.ts";
import { until } from "./until.ts";

export { until };

type Server = Awaited<ReturnType<typeof testServer>>;

/** The fault that ends the run; throws when it goes on. */
export async function faultOf(
  replica: Replica,
  kind: FaultKind,
  ...says: RegExp[]
): Promise<Fault> {
  let fault: Fault | undefined | "running" = "running";
  void replica.ended.then((ended) => fault = ended);
  await until(`the run ends with ${kind}`, () => fault !== "running", 30);
  const ended = fault as unknown;
  assert.ok(ended instanceof Fault, `no fault, but ${(ended as Error)?.stack ?? ended}`);
  assert.equal(ended.kind, kind, ended.message);
  for (const pattern of says) assert.match(ended.message, pattern);
  assert.ok(ended.details.todo, "it says nothing of what to do");
  return ended;
}

export async function assertEqual(replica: Replica): Promise<Record<string, number>> {
  await replica.caughtUp();
  const connection = await replica.warehouse.instance.connect();
  try {
    return await assertEqualToSource(replica.database, connection);
  } finally {
    connection.closeSync();
  }
}

/** Starts, catches up and stops: what is committed next is a backlog for the next start. */
export async function seeded(database: TestDatabase, options: ReplicaOptions): Promise<void> {
  await using replica = await Replica.start(database, options);
  await replica.caughtUp();
}

export async function ids(replica: Replica, table: string): Promise<number[]> {
  return (await replica.query(`SELECT id FROM public.${table} ORDER BY id`)).map(([id]) =>
    Number(id)
  );
}

/** A test of `faults` with a database and a data folder of its own; one server for all of a file. */
export type FaultTest = (
  name: string,
  fn: (database: TestDatabase, options: ReplicaOptions) => Promise<void>,
) => void;

/** To be called once a file. `server()` is there as soon as the tests run. */
export function faultTests(): { test: FaultTest; server(): Server } {
  let server: Server;
  let count = 0;
  Deno.test.beforeAll(async () => {
    server = await testServer();
  });
  Deno.test.afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });
  const test: FaultTest = (name, fn) => {
    const id = `f${++count}`;
    Deno.test(`faults: ${name}`, async () => {
      await using database = await TestDatabase.create(server, id);
      try {
        await fn(database, { dataDir: `${server.folder}/${id}` });
      } finally {
        await dropSlot(database, id);
      }
    });
  };
  return { test, server: () => server };
}

/** Gives the slot's room back to the next test. */
async function dropSlot(database: TestDatabase, slot: string): Promise<void> {
  await until("the slot is free", async () => {
    const [row] = await database.query(
      `SELECT active FROM pg_replication_slots WHERE slot_name = '${slot}'`,
    );
    return row?.active !== true;
  });
  await database.query(
    `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
      WHERE slot_name = '${slot}'`,
  );
}
