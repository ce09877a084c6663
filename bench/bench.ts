/**
 * `deno task bench <what>`: measures on this machine, prints a table, and writes JSON. Figures are
 * ratios within one run: the peer is measured in the same minute, on the same rows.
 */
import { Fault } from "../src/errors.ts";
import { benchLatency } from "./latency.ts";
import { benchDecode } from "./decode.ts";
import { benchGrowth } from "./growth.ts";
import { benchKafka } from "./kafka.ts";
import { benchMemory } from "./memory.ts";
import { benchOrder } from "./order.ts";
import { benchSnapshot } from "./snapshot.ts";
import { benchStream } from "./stream.ts";
import type { BenchOptions, Row } from "./report.ts";
import { report } from "./report.ts";
import { parseArgs } from "node:util";

const HELP = `Usage: deno task bench <what> [--rows N] [--rate N] [--total-mb N]

  snapshot   1 million transactions and the other tables into an empty warehouse, beside a bare
             COPY … TO STDOUT that the same client reads and throws away
  stream     a backlog of changes from the write-ahead log, beside the bare stream
  latency    commit at the source → visible here, under steady traffic
  memory     what is hard on memory, and the RSS that it takes

  kafka      a backlog of Debezium's events in a Kafka broker, without and with schemas, beside
             bare kafkajs and a Flink job that upserts into PostgreSQL; and starts (Java, Maven)
  growth     a backlog in Kafka into a warehouse of 1 million rows, and of 10 million (Java, Maven)

  decode     Debezium's JSON into columns and DuckDB in memory, one thread, with and without schemas,
             beside JSON.parse with the row appender

  --rows N       rows of transactions (default 1000000, for growth 10000000); for stream and
                 kafka: changes (default 600000 and 1000000)
  --rate N       latency: changes a second (default 2000)
  --total-mb N   the memory budget (default 2048)
`;

const BENCHES: Record<string, (options: BenchOptions) => Promise<Row[]>> = {
  snapshot: benchSnapshot,
  stream: benchStream,
  latency: benchLatency,
  decode: benchDecode,
  kafka: benchKafka,
  growth: benchGrowth,
  memory: benchMemory,
  order: benchOrder,
};

async function main(args: string[]): Promise<number> {
  const { values, positionals: [what] } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rows: { type: "string" },
      rate: { type: "string" },
      "total-mb": { type: "string", default: "2048" },
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
  const options = { rows: number(values.rows), rate: number(values.rate) };
  await report(what, await bench({ ...options, totalMb: Number(values["total-mb"]) }));
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
