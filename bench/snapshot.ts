/** The initial copy, beside a bare binary COPY that the same client reads and throws away. */
import { loadBulk } from "../generator/bulk.ts";
import { identifier, tableName } from "../src/catalog/catalog.ts";
import { readCatalog } from "../src/catalog/postgres.ts";
import { copyColumns } from "../src/decode/copy_binary.ts";
import { progressBar } from "../src/progress.ts";
import { FILE_NAME } from "../src/sink/warehouse/open.ts";
import { connect } from "../src/source/postgres/connect.ts";
import { Wire } from "../src/source/postgres/wire.ts";
import { type BenchOptions, type Row, RssSampler, Stopwatch } from "./report.ts";
import { BenchPipeline, benchServer, settle } from "./setup.ts";

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export async function benchSnapshot({ rows = 1_000_000, totalMb }: BenchOptions): Promise<Row[]> {
  await using server = await benchServer();
  {
    using bar = progressBar("loading transactions", rows, { unit: "rows" });
    await loadBulk(server.url(), { transactions: rows, onProgress: (n) => bar.update(n) });
  }
  await settle(server.url());
  const bareFirst = await bareCopy(server.url());
  using rss = new RssSampler();
  const pipeline = await BenchPipeline.open(server.url(), `${server.folder}/data`, totalMb);
  const watch = new Stopwatch();
  await pipeline.until(() => pipeline.pipeline.status().snapshotDone);
  const taken = watch.read();
  const copied = pipeline.changes;
  await pipeline.close();
  const { size } = await Deno.stat(`${server.folder}/data/${FILE_NAME}`);
  const bareAgain = await bareCopy(server.url());
  const bare = bareFirst.seconds < bareAgain.seconds ? bareFirst : bareAgain;
  return [
    {
      what: "sluice snapshot",
      rows: copied,
      ...taken,
      rssMb: rss.maxMb,
      figures: { "file MB": Math.round(size / 1024 ** 2) },
      note: "durable, current tables and change logs; from connecting to the commit that " +
        "publishes it",
    },
    {
      what: "bare COPY",
      ...bare,
      note: "COPY … TO STDOUT (FORMAT binary) of the same tables and columns, one after the " +
        "other on one connection, thrown away; the better of one run before and one after",
    },
  ];
}

/** Reads every table by COPY and throws the rows away. */
async function bareCopy(url: string) {
  const client = await connect(url);
  const { tables } = await readCatalog(client, ["public.*"]);
  const counted = await Promise.all(tables.map(async (table) => {
    const { rows: [{ n }] } = await client.query(
      `SELECT count(*) AS n FROM ${tableName(table)}`,
    );
    return Number(n);
  }));
  const wire = new Wire(client, MESSAGE_BYTES_MAX);
  const watch = new Stopwatch();
  for (const table of tables) {
    const name = `${identifier(table.schema)}.${identifier(table.name)}`;
    wire.query(
      `COPY (SELECT ${copyColumns(table)} FROM ${name}) TO STDOUT (FORMAT binary)`,
    );
    for (let done = false; !done;) {
      const incoming = await wire.read();
      done = incoming.kind === "message" && incoming.message.type === "Z";
    }
  }
  const taken = watch.read();
  wire.close();
  return { rows: counted.reduce((sum, n) => sum + n, 0), ...taken };
}
