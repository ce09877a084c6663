/** A backlog of changes drained from the write-ahead log, beside the bare stream thrown away. */
import { loadBulk } from "../generator/bulk.ts";
import { PgoutputDecoder } from "../src/decode/pgoutput.ts";
import { progressBar } from "../src/progress.ts";
import { connect } from "../src/source/postgres/connect.ts";
import { PostgresStream } from "../src/source/postgres/stream.ts";
import { Wire } from "../src/source/postgres/wire.ts";
import { parseLsn } from "../src/source/position.ts";
import { type BenchOptions, type Row, RssSampler, Stopwatch } from "./report.ts";
import { BenchPipeline, benchServer, settle } from "./setup.ts";

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
/** Changes of one transfer below: two updates, two transactions, a notification. */
const CHANGES_PER_TRANSFER = 5;

/** Transfers as the generator makes them, but inside the server, so that a backlog is soon there. */
const TRANSFERS = `
  CREATE TEMP TABLE w AS SELECT id, user_id, currency, row_number() OVER () AS n FROM wallets
    WHERE kind <> 'clearing';
  CREATE INDEX ON w (n);
  CREATE PROCEDURE pg_temp.transfers(count int) LANGUAGE plpgsql AS $$
  DECLARE a w; b w; m uuid; k int; total int := (SELECT count(*) FROM w);
  BEGIN
    FOR i IN 1..count LOOP
      k := 1 + (random() * (total - 1))::int;
      SELECT * INTO a FROM w WHERE n = k;
      SELECT * INTO b FROM w WHERE n = 1 + k % total;
      CONTINUE WHEN a.id = b.id;
      m := gen_random_uuid();
      UPDATE wallets SET balance = balance + 1, version = version + 1, updated_at = now() WHERE id = a.id;
      UPDATE wallets SET balance = greatest(balance - 1, 0), version = version + 1, updated_at = now() WHERE id = b.id;
      INSERT INTO transactions (id, movement_id, wallet_id, counterparty_wallet_id, kind, amount, currency, balance_after, description, value_date)
        VALUES (gen_random_uuid(), m, a.id, b.id, 'transfer', 1, a.currency, 1, 'Backlog transfer number ' || i, current_date),
               (gen_random_uuid(), m, b.id, a.id, 'transfer', -1, b.currency, 1, 'Backlog transfer number ' || i, current_date);
      INSERT INTO notifications (id, user_id, kind, channel, title, body)
        VALUES (gen_random_uuid(), a.user_id, 'money_in', 'push', 'You have received money', 'A transfer of 1.00 has arrived in your account.');
      COMMIT;
    END LOOP;
  END $$;`;

export async function benchStream({ rows = 600_000, totalMb }: BenchOptions): Promise<Row[]> {
  await using server = await benchServer();
  console.log("loading 200,000 transactions");
  await loadBulk(server.url(), { transactions: 200_000 });
  await settle(server.url());
  const dataDir = `${server.folder}/data`;
  const first = await BenchPipeline.open(server.url(), dataDir, totalMb);
  await first.until(() => first.pipeline.status().phase === "streaming");
  await first.close();
  const sql = await connect(server.url());
  await sql.query("SELECT pg_create_logical_replication_slot('bare', 'pgoutput')");
  await makeBacklog(server.url(), rows);
  const { rows: [{ lsn }] } = await sql.query("SELECT pg_current_wal_flush_lsn() AS lsn");
  const bare = await bareStream(server.url(), parseLsn(lsn));
  using rss = new RssSampler();
  const pipeline = await BenchPipeline.open(server.url(), dataDir, totalMb);
  const watch = new Stopwatch();
  await pipeline.until(() => pipeline.pipeline.durableLsn >= parseLsn(lsn) - 4096);
  const taken = watch.read();
  const changes = pipeline.changes;
  await pipeline.close();
  await sql.end();
  return [
    {
      what: "sluice stream",
      rows: changes,
      ...taken,
      rssMb: rss.maxMb,
      note: "durable, current tables and change logs; transactions of five changes; from " +
        "connecting on",
    },
    {
      what: "bare stream",
      rows: changes,
      ...bare,
      note: "the same backlog by START_REPLICATION from a slot of its own, read by the same " +
        "client and thrown away",
    },
  ];
}

async function makeBacklog(url: string, changes: number): Promise<void> {
  const transfers = Math.round(changes / CHANGES_PER_TRANSFER);
  using bar = progressBar("making the backlog", transfers, { unit: "transfers" });
  const sql = await connect(url);
  await sql.query("SET synchronous_commit = off");
  await sql.query(TRANSFERS);
  for (let done = 0; done < transfers; done += 5000) {
    await sql.query(`CALL pg_temp.transfers(${Math.min(5000, transfers - done)})`);
    bar.update(done + 5000);
  }
  await sql.end();
}

/** How long the bare stream takes to bring everything up to `end`. */
async function bareStream(url: string, end: number) {
  const wire = new Wire(await connect(url, { replication: true }), MESSAGE_BYTES_MAX);
  const watch = new Stopwatch();
  const stream = await PostgresStream.start(wire, new PgoutputDecoder([], 0, 0), {
    slot: "bare",
    publication: "sluice",
    from: { kind: "postgres", systemId: "", timeline: 1, database: "", slot: "bare", lsn: 0 },
    binary: false,
    statusIntervalMs: 1000,
  });
  // A message's start LSN follows its header: 'd' length 'w'.
  for (let seen = 0; seen < end - 4096;) {
    const incoming = await wire.read();
    if (incoming.kind !== "data") throw new Error(`the stream ended: ${incoming.message.type}`);
    const { input } = incoming;
    for (let at = input.at; at < input.end; at += 1 + input.view.getInt32(at + 1)) {
      const lsn = input.view.getUint32(at + 6) * 2 ** 32 + input.view.getUint32(at + 10);
      if (lsn > seen) seen = lsn;
    }
  }
  const taken = watch.read();
  await stream.close();
  return taken;
}
