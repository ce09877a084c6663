/**
 * `deno task bench <what>`: measures on this machine, prints a table, and writes JSON. Figures are
 * ratios within one run: the peer is measured in the same minute, on the same rows.
 */
import { Fault } from "../src/errors.ts";
import { benchLatency } from "./latency.ts";
import { benchDecode } from "./decode.ts";
import { benchGrowth } from "./growth.ts";
import { benchKafka } from "./kafka.ts";
import { benchKafkaLatency } from "./kafka_latency.ts";
import { benchMemory } from "./memory.ts";
import { benchOrder } from "./order.ts";
import { benchSnapshot } from "./snapshot.ts";
import { benchSoak } from "./soak.ts";
import { benchStream } from "./stream.ts";
import type { BenchOptions, Row } from "./report.ts";
import { report } from "./report.ts";
import { parseArgs } from "node:util";

const HELP =
  `Usage: deno task bench <what> [case …] [--rows N] [--rate N] [--minutes N] [--total-mb N]

  snapshot   1 million transactions and the other tables into an empty warehouse, beside a bare
             COPY … TO STDOUT that the same client reads and throws away
  stream     a backlog of changes from the write-ahead log, beside the bare stream
  latency    commit at the source → visible here, under steady traffic
  memory     what is hard on memory, and the RSS that \`serve\` takes, sampled and plotted; cases:
             transaction, row, values, tables, backlog (default: all of them)
  soak       a steady load for half an hour: memory, the file's size, and what is in it at the end

  kafka      a backlog of Debezium's events in a Kafka broker, without and with schemas, beside
             bare kafkajs and a Flink job that upserts into PostgreSQL; and starts (Java, Maven)
  kafka-latency
             commit at the source → visible here through Debezium and Kafka, beside a bare consumer
             of the same topics (Java, Maven)
  growth     a backlog in Kafka into a warehouse of 1 million rows, and of 10 million (Java, Maven)

  order      Kafka's record batches in memory, put in order and decoded, without broker and sink
  decode     Debezium's JSON into columns and DuckDB in memory, one thread, with and without schemas,
             beside JSON.parse with the row appender

  --rows N       rows of transactions (default 1000000, for growth 10000000, for kafka-latency
                 20000, which the connector has to copy first); for stream and
                 kafka: changes (default 600000 and 1000000)
  --rate N       latency, kafka-latency and soak: changes a second (default 2000, 2000 and 5000)
  --minutes N    soak: how long (default 30); SLUICE_HISTORY_RETENTION is a sixth of it
  --total-mb N   the memory budget (default 2048; for soak 512; for memory 512 and 2048)
`;

const BENCHES: Record<string, (options: BenchOptions) => Promise<Row[]>> = {
  snapshot: benchSnapshot,
  stream: benchStream,
  latency: benchLatency,
  decode: benchDecode,
  kafka: benchKafka,
  "kafka-latency": benchKafkaLatency,
  growth: benchGrowth,
  memory: benchMemory,
  order: benchOrder,
  soak: benchSoak,
};

async function main(args: string[]): Promise<number> {
  const { values, positionals: [what, ...only] } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rows: { type: "string" },
      rate: { type: "string" },
      minutes: { type: "string" },
      "total-mb": { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help || what === undefined) {
    console.log(HELP);
    return values.help ? 0 : 2;
  }
  const bench = BENCHES[what];
  if (bench === undefined) {
    throw new Fault("usage", {
      what: "there is no such bench",
      received: what,
      allowed: Object.keys(BENCHES).join(", "),
    });
  }
  const number = (text?: string) => text === undefined ? undefined : Number(text);
  const given = number(values["total-mb"]);
  const rows = await bench({
    rows: number(values.rows),
    rate: number(values.rate),
    minutes: number(values.minutes),
    totalMb: given ?? (what === "soak" ? 512 : 2048),
    budgetsMb: given === undefined ? [512, 2048] : [given],
    only,
  });
  await report(what, rows);
  return 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(error instanceof Fault ? `bench: ${error.message}` : error);
    Deno.exit(1);
  }
}
