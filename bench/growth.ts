/** The same backlog in Kafka, drained into a warehouse with 1 million rows and with ten times those. */
import assert from "node:assert/strict";
import { planBudget } from "../src/budget.ts";
import { readCatalog } from "../src/catalog/postgres.ts";
import { connect } from "../src/source/postgres/connect.ts";
import { BankEvents } from "./bank_events.ts";
import { BANK } from "./bank_tables.ts";
import { sluiceRow } from "./kafka.ts";
import { BenchBroker } from "./kafka_broker.ts";
import { BenchServe } from "./kafka_serve.ts";
import type { BenchOptions, Row } from "./report.ts";
import { benchServer } from "./setup.ts";
import { fillWarehouse } from "./warehouse_fill.ts";

const CHANGES = 500_000;
/** Rows of each of the smaller tables. */
const OTHERS = 50_000;

export async function benchGrowth({ rows = 10_000_000, totalMb }: BenchOptions): Promise<Row[]> {
  await using server = await benchServer();
  const databaseUrl = server.url();
  const sql = await connect(databaseUrl);
  await sql.query(await Deno.readTextFile(BANK));
  const { tables } = await readCatalog(sql, ["public.*"]);
  await sql.end();
  await using broker = await BenchBroker.start();
  const { brokers } = broker;
  const clusterId = await broker.clusterId();
  const { areaBytes } = planBudget(totalMb);
  const measured: Row[] = [];
  for (const already of [rows / 10, rows].map(Math.round)) {
    const prefix = `rows${already}`;
    const dataDir = broker.place(`data-${already}`);
    const before = {
      transactions: already,
      wallets: OTHERS,
      notifications: OTHERS,
      beneficiaries: OTHERS,
    };
    const events = new BankEvents({ prefix, withSchemas: false, already: before });
    await broker.fill(events, CHANGES, "changes into topics");
    await fillWarehouse({
      dataDir,
      memoryBytes: areaBytes.managed,
      tables,
      rows: before,
      clusterId,
      prefix,
    });
    console.log(`Sluice, ${already} rows`);
    await using serve = await BenchServe.start({ brokers, prefix, databaseUrl, dataDir, totalMb });
    const { seconds, usage } = await serve.drained(events.changes);
    assert.deepEqual(await serve.rows(), events.rowsAfter);
    const { changes } = events;
    const startSeconds = serve.healthySeconds;
    measured.push(sluiceRow(`${already} rows`, { seconds, usage, startSeconds, changes }));
    await broker.drop(events);
  }
  return measured.reverse(); // the smaller one is what the other is compared with
}
