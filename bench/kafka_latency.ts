/**
 * Commit at the source → visible here through Debezium and Kafka, while the generator writes at a
 * steady rate; and, of the same transactions, how much of it the connector and Kafka take, as a bare
 * consumer sees it. Times are by one clock, as everything is on this machine.
 */
import { loadBulk } from "../generator/bulk.ts";
import { planBudget } from "../src/budget.ts";
import { readConfig } from "../src/config.ts";
import { register } from "../src/connect/register.ts";
import { Stack } from "../src/dev/stack/stack.ts";
import { makeSource } from "../src/sources.ts";
import type { End, FromReader, ToReader } from "./kafka_latency_reader.ts";
import { quantile, startTraffic } from "./latency.ts";
import { type BenchOptions, type Row, RssSampler, Stopwatch } from "./report.ts";
import { BenchPipeline, settle } from "./setup.ts";

const PREFIX = "bank";
/** The start of the traffic, which is not measured: the JVMs compile what they run often. */
const WARM_UP_MS = 20_000;
const MEASURED_MS = 30_000;
/** What was committed in that time may come so much later. */
const LATER_MS = 60_000;

/** A moment at which everything before an offset of the transaction topic was visible. */
interface Visible {
  readonly next: number;
  readonly atMs: number;
}

export async function benchKafkaLatency(
  { rows = 20_000, totalMb = 2048, rate = 2000 }: BenchOptions,
): Promise<Row[]> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-bench-" });
  if (Deno.build.os !== "windows") await Deno.chmod(folder, 0o755); // for PostgreSQL's user
  try {
    await using stack = await Stack.start({ folder, kraft: true, onStep: console.log });
    const url = stack.databaseUrl;
    await loadBulk(url, { transactions: rows, onProgress: () => {} });
    await settle(url);
    const config = readConfig({
      SLUICE_SOURCE: "kafka",
      SLUICE_KAFKA_BROKERS: stack.brokers,
      SLUICE_KAFKA_TOPIC_PREFIX: PREFIX,
      SLUICE_CONNECT_URL: stack.connectUrl,
      SLUICE_DATABASE_URL: url,
    });
    await register(config, console.log);
    const { areaBytes } = planBudget(totalMb);
    const source = makeSource(config, areaBytes.network, false);
    const pipeline = await BenchPipeline.over(source, `${folder}/data`, totalMb);
    try {
      return await measure(pipeline, stack, rate);
    } finally {
      await pipeline.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function measure(pipeline: BenchPipeline, stack: Stack, rate: number): Promise<Row[]> {
  const visible = noteCommits(pipeline);
  await pipeline.until(() => {
    const { phase, snapshotDone } = pipeline.pipeline.status();
    return phase === "streaming" && snapshotDone;
  });
  const traffic = startTraffic(stack.databaseUrl, rate);
  using reader = new Reader();
  try {
    await pipeline.until(() => visible.length > 0); // the connector has begun to stream
    await pipeline.during(WARM_UP_MS / 2); // the topics of all tables are there
    await Promise.race([reader.start(stack.brokers), pipeline.until(() => false)]);
    await pipeline.during(WARM_UP_MS / 2);
    using rss = new RssSampler();
    const [before, commitsBefore, begun] = [pipeline.changes, visible.length, Date.now()];
    const watch = new Stopwatch();
    await pipeline.measuring(MEASURED_MS);
    const taken = watch.read();
    const [changes, commits] = [pipeline.changes - before, visible.length - commitsBefore];
    const ended = Date.now();
    await pipeline.during(1000); // of more traffic, which tells that all of the time measured has come
    await traffic.stop();
    const ends: End[] = [];
    const hasCome = () => ends.some(({ committedMs }) => committedMs >= begun + MEASURED_MS);
    while (!hasCome() && Date.now() - ended < LATER_MS) {
      await pipeline.during(500);
      ends.push(...await reader.take());
    }
    const cutOff = hasCome() ? "" : "; the connector's last had not come when it was given up";
    const last = Math.max(...ends.map(({ offset }) => offset));
    await pipeline.until(() => (visible.at(-1)?.next ?? 0) > last || Date.now() - ended > LATER_MS);
    const measured = ends.filter(({ committedMs }) =>
      committedMs >= begun && committedMs < begun + MEASURED_MS
    );
    return rowsOf(measured, visible, { changes, commits, taken, rssMb: rss.maxMb, rate, cutOff });
  } finally {
    if (traffic.running) await traffic.stop();
  }
}

/** Notes after each commit of the sink how far it has brought the transaction topic. */
function noteCommits({ warehouse }: BenchPipeline): Visible[] {
  const visible: Visible[] = [];
  const commit = warehouse.commit.bind(warehouse);
  warehouse.commit = async (position, seq, time) => {
    await commit(position, seq, time);
    if (position.kind !== "kafka") return;
    const next = position.topics[`${PREFIX}.transaction`]?.[0]?.next ?? 0;
    if (next > (visible.at(-1)?.next ?? 0)) visible.push({ next, atMs: Date.now() });
  };
  return visible;
}

function rowsOf(ends: readonly End[], visible: readonly Visible[], of: {
  changes: number;
  commits: number;
  taken: { seconds: number; cpuSeconds: number };
  rssMb: number;
  rate: number;
  cutOff: string;
}): Row[] {
  const [connector, inAll, ours, produced]: number[][] = [[], [], [], []];
  let at = 0;
  let missing = 0;
  for (const end of ends.toSorted((a, b) => a.offset - b.offset)) {
    while (at < visible.length && visible[at].next <= end.offset) at++;
    if (at === visible.length) {
      missing++;
      continue;
    }
    connector.push(end.arrivedMs - end.committedMs);
    produced.push(end.producedMs - end.committedMs);
    inAll.push(visible[at].atMs - end.committedMs);
    ours.push(visible[at].atMs - end.arrivedMs);
  }
  const row = (what: string, times: number[], note: string): Row => {
    const sorted = times.toSorted((a, b) => a - b);
    return {
      what,
      rows: of.changes,
      seconds: of.taken.seconds,
      figures: {
        "p50 ms": quantile(sorted, 0.5),
        "p90 ms": quantile(sorted, 0.9),
        "p99 ms": quantile(sorted, 0.99),
        "max ms": quantile(sorted, 1),
        transactions: sorted.length,
      },
      note,
    };
  };
  const all = row(
    "commit → visible",
    inAll,
    `Sluice in all, asked for ${of.rate} changes/s; ${of.commits} commits; ${missing} transactions ` +
      `were not visible ${
        LATER_MS / 1000
      } s later${of.cutOff}. CPU and RSS are of Sluice, the bare consumer ` +
      "and the bench together",
  );
  return [
    { ...all, cpuSeconds: of.taken.cpuSeconds, rssMb: of.rssMb },
    row("visible after it is in Kafka", ours, "of each transaction, the first less the last row"),
    row("made by the connector", produced, "commit → the time that its producer gave the END"),
    row(
      "commit → a bare consumer",
      connector,
      "what the connector and Kafka take: until kafkajs has the END, in an isolate of its own",
    ),
  ];
}

/** The isolate of kafka_latency_reader.ts. */
class Reader implements Disposable {
  readonly #worker = new Worker(new URL("./kafka_latency_reader.ts", import.meta.url), {
    type: "module",
  });

  async start(brokers: string): Promise<void> {
    await this.#ask({ kind: "start", brokers, prefix: PREFIX });
  }

  async take(): Promise<readonly End[]> {
    const answer = await this.#ask({ kind: "take" });
    return answer.kind === "taken" ? answer.ends : [];
  }

  #ask(message: ToReader): Promise<FromReader> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }) => resolve(data);
      this.#worker.onerror = ({ message }) => reject(new Error(message));
      this.#worker.postMessage(message);
    });
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
