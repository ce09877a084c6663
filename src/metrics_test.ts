import assert from "node:assert/strict";
import { planBudget } from "./budget.ts";
import type { IngestStatus } from "./messages.ts";
import { lagSeconds, Metrics } from "./metrics.ts";

const STATUS: IngestStatus = {
  phase: "streaming",
  waiting: null,
  connected: true,
  snapshotDone: true,
  snapshot: [
    { table: "public.users", rows: 10, rowsEstimated: 12, done: true },
    { table: "public.new", rows: 0, rowsEstimated: -1, done: false },
  ],
  lsn: "0/10",
  serverLsn: "1/0",
  confirmedLsn: null,
  lagBytes: 4096,
  lagRecords: null,
  holds: [],
  oldestUnappliedMs: null,
  behindSinceMs: null,
  memoryUsedBytes: { managed: 1000 },
  deadLetters: 3,
  leftOut: [{ table: "public.nokey", reason: "no key" }],
};

function make(now: () => number = () => 20_000): Metrics {
  return new Metrics({
    version: "1.2.3",
    deno: "2.9.6",
    duckdb: "v1.5.5",
    budget: planBudget(2048),
    startedAtMs: 10_000,
    now,
    memoryUsage: () => ({ rss: 123, heapUsed: 45 }),
  });
}

/** Samples by name with labels: `name{a="b"}` → value. */
async function samples(metrics: Metrics): Promise<Map<string, string>> {
  const lines = (await metrics.render()).split("\n").filter((line) => line && line[0] !== "#");
  return new Map(lines.map((line) => {
    const space = line.lastIndexOf(" ");
    return [line.slice(0, space), line.slice(space + 1)];
  }));
}

Deno.test("lag is 0 when caught up, else the age of the oldest commit not applied", () => {
  assert.equal(lagSeconds(STATUS, 5000), 0);
  assert.equal(lagSeconds({ ...STATUS, oldestUnappliedMs: 4000 }, 5000), 1);
  assert.equal(lagSeconds({ ...STATUS, oldestUnappliedMs: 4000, behindSinceMs: 3000 }, 5000), 2);
  assert.equal(lagSeconds({ ...STATUS, behindSinceMs: 6000 }, 5000), 0, "clocks may differ");
});

Deno.test("commits are counted by table and op", async () => {
  const metrics = make();
  const applied = {
    tables: [{ table: "public.users", counts: { c: 2, u: 3 } }],
    commitToVisibleMs: [5, -3, 70_000],
    transactions: 4,
    commitMs: 20,
  };
  metrics.applied(applied);
  metrics.applied({ ...applied, tables: [{ table: "public.users", counts: { c: 1 } }] });
  const found = await samples(metrics);
  assert.equal(found.get('sluice_changes_total{table="public.users",op="c"}'), "3");
  assert.equal(found.get('sluice_changes_total{table="public.users",op="u"}'), "3");
  assert.equal(found.get("sluice_transactions_total"), "8");
  assert.equal(found.get("sluice_commits_total"), "2");
  assert.equal(found.get('sluice_commit_seconds_bucket{le="0.025"}'), "2");
  assert.equal(found.get('sluice_commit_to_visible_seconds_bucket{le="0.001"}'), "2");
  assert.equal(found.get('sluice_commit_to_visible_seconds_bucket{le="60"}'), "4");
  assert.equal(found.get("sluice_commit_to_visible_seconds_count"), "6");
});

Deno.test("before the first status what is not known is NaN, and nothing is made up", async () => {
  const found = await samples(make());
  for (const name of ["lag_seconds", "lag_bytes", "source_connected", "position_lsn"]) {
    assert.equal(found.get(`sluice_${name}`), "Nan", name);
  }
  assert.equal(found.get("sluice_dead_letters_total"), "0");
  assert.equal(found.get("sluice_commits_total"), "0");
  const used = [...found.keys()].filter((name) => name.startsWith("sluice_memory_used_bytes"));
  assert.deepEqual(used, ['sluice_memory_used_bytes{area="framework-heap"}']);
});

Deno.test("gauges show the last status at the time of the scrape", async () => {
  let now = 20_000;
  const metrics = make(() => now);
  metrics.status({ ...STATUS, oldestUnappliedMs: 15_000 });
  let found = await samples(metrics);
  assert.equal(found.get("sluice_lag_seconds"), "5");
  now = 30_000;
  found = await samples(metrics);
  assert.equal(found.get("sluice_lag_seconds"), "15", "the age grows without a new status");
  const expected: Record<string, string> = {
    'sluice_build_info{version="1.2.3",deno="2.9.6",duckdb="v1.5.5"}': "1",
    "process_start_time_seconds": "10",
    "process_resident_memory_bytes": "123",
    "sluice_up": "1",
    "sluice_ready": "0",
    "sluice_lag_bytes": "4096",
    "sluice_source_connected": "1",
    "sluice_position_lsn": "16",
    "sluice_server_lsn": "4294967296",
    "sluice_confirmed_lsn": "Nan",
    "sluice_dead_letters_total": "3",
    "sluice_tables_left_out": "1",
    "sluice_snapshot_done": "1",
    'sluice_snapshot_rows{table="public.users"}': "10",
    'sluice_snapshot_rows{table="public.new"}': "0",
    'sluice_snapshot_rows_estimated{table="public.users"}': "12",
    'sluice_memory_limit_bytes{area="managed"}': String(512 * 1024 * 1024),
    'sluice_memory_used_bytes{area="managed"}': "1000",
    'sluice_memory_used_bytes{area="framework-heap"}': "45",
    "sluice_memory_total_bytes": String(2048 * 1024 * 1024),
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(found.get(name), value, name);
  assert.equal(found.get('sluice_snapshot_rows_estimated{table="public.new"}'), undefined);
  metrics.ready(true);
  metrics.status({ ...STATUS, snapshot: [], memoryUsedBytes: {} });
  found = await samples(metrics);
  assert.equal(found.get("sluice_ready"), "1");
  assert.equal(found.get('sluice_snapshot_rows{table="public.users"}'), undefined);
  assert.equal(found.get('sluice_memory_used_bytes{area="managed"}'), undefined);
});

Deno.test("the memory report: limit, use and high-water mark of each area, and RSS's gap", async () => {
  const metrics = make();
  metrics.status({ ...STATUS, memoryUsedBytes: { managed: 3000 } });
  metrics.status({ ...STATUS, memoryUsedBytes: { managed: 50 } });
  const report = metrics.memory();
  const area = (name: string) => report.areas.find(({ area }) => area === name);
  assert.deepEqual(area("managed"), {
    area: "managed",
    limitBytes: 512 * 1024 * 1024,
    usedBytes: 50,
    highBytes: 3000,
  });
  assert.deepEqual([area("overhead")!.usedBytes, area("overhead")!.highBytes], [null, null]);
  assert.equal(
    report.areas.reduce((sum, { limitBytes }) => sum + limitBytes, 0),
    report.totalBytes,
  );
  assert.deepEqual([report.rssBytes, report.rssHighBytes, report.gapBytes], [123, 123, 28]);
  const found = await samples(metrics);
  assert.equal(found.get('sluice_memory_high_bytes{area="managed"}'), "3000");
  assert.equal(found.get("sluice_memory_gap_bytes"), "28");
});

Deno.test("two instances share nothing", async () => {
  const [one, other] = [make(), make()];
  one.request("/healthz", "GET", 200, 0.001);
  const name = 'sluice_http_requests_total{route="/healthz",method="GET",status="200"}';
  assert.equal((await samples(one)).get(name), "1");
  assert.equal((await samples(other)).get(name), undefined);
});
