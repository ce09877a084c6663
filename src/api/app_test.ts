import assert from "node:assert/strict";
import { planBudget } from "../budget.ts";
import type { IngestStatus } from "../messages.ts";
import { Metrics } from "../metrics.ts";
import { WarehouseReader } from "../sink/warehouse/reader.ts";
import { testTable, type TestWarehouse, testWarehouse } from "../sink/warehouse/reader_testing.ts";
import { createApp } from "./app.ts";
import type { ApiDeps } from "./deps.ts";

const STREAMING: IngestStatus = {
  phase: "streaming",
  waiting: null,
  connected: true,
  snapshotDone: true,
  snapshot: [],
  lsn: "0/20",
  serverLsn: "0/20",
  confirmedLsn: "0/10",
  lagBytes: 0,
  lagRecords: null,
  holds: [],
  oldestUnappliedMs: null,
  behindSinceMs: null,
  memoryUsedBytes: {},
  deadLetters: 0,
  leftOut: [],
};

const NOW = 1_000_000;

function deps(changed: Partial<ApiDeps> = {}): ApiDeps {
  return {
    ask: () => Promise.reject(new Error("no warehouse in this test")),
    status: () => STREAMING,
    statusAtMs: () => NOW,
    now: () => NOW,
    startedAtMs: 0,
    version: "1.2.3",
    metrics: new Metrics({
      version: "1.2.3",
      deno: "2.9.6",
      duckdb: "v1.5.5",
      budget: planBudget(512),
      startedAtMs: 0,
      now: () => NOW,
    }),
    loopback: true,
    config: {
      SLUICE_READY_LAG_SECONDS: 30,
      SLUICE_SQL_TIMEOUT_SECONDS: 30,
      SLUICE_SQL_MAX_ROWS: 100,
      SLUICE_HANG_SECONDS: 60,
    },
    ...changed,
  };
}

interface Got {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any
  body: any;
}

async function get(
  app: ReturnType<typeof createApp>,
  path: string,
  init?: RequestInit,
): Promise<Got> {
  const response = await app.request(path, init);
  const text = await response.text();
  const json = response.headers.get("content-type")?.includes("json");
  assert.match(response.headers.get("sluice-lsn") ?? "", /^[0-9A-F]+\/[0-9A-F]+$/, path);
  return {
    status: response.status,
    headers: response.headers,
    body: json && text !== "" ? JSON.parse(text) : text,
  };
}

function assertProblem(got: Got, status: number, detail: RegExp): void {
  assert.equal(got.status, status);
  assert.equal(got.headers.get("content-type"), "application/problem+json");
  assert.equal(got.body.status, status);
  assert.equal(got.body.type, "about:blank");
  assert.equal(typeof got.body.title, "string");
  assert.match(got.body.detail, detail);
  assert.doesNotMatch(got.body.detail, /\n\s+at /);
}

function post(sql: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: "POST",
    body: JSON.stringify(sql),
    headers: { "content-type": "application/json", ...headers },
  };
}

async function withApp(
  work: (app: ReturnType<typeof createApp>, warehouse: TestWarehouse) => Promise<void>,
): Promise<void> {
  await using warehouse = await testWarehouse();
  const reader = new WarehouseReader(warehouse.instance);
  try {
    const app = createApp(deps({ ask: (question, signal) => reader.ask(question, signal) }));
    await work(app, warehouse);
  } finally {
    await reader.close();
  }
}

Deno.test("healthz, the index and metrics answer, with the last durable position", async () => {
  const app = createApp(deps());
  const health = await get(app, "/healthz");
  assert.deepEqual([health.status, health.body], [200, { status: "ok", version: "1.2.3" }]);
  assert.equal(health.headers.get("sluice-lsn"), "0/20");
  const index = await get(app, "/");
  assert.ok(index.body.endpoints.some(({ path }: { path: string }) => path === "/v1/sql"));
  const metrics = await get(app, "/metrics");
  assert.match(metrics.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.match(metrics.body, /^sluice_ready 1$/m);
  assert.match(
    metrics.body,
    /sluice_http_requests_total\{route="\/healthz",method="GET",status="200"\} 1/,
  );
  const early = await get(createApp(deps({ status: () => null })), "/healthz");
  assert.equal(early.headers.get("sluice-lsn"), "0/0");
});

Deno.test("what is not served is a problem that says what is", async () => {
  const app = createApp(deps());
  assertProblem(await get(app, "/nope?x=1"), 404, /GET \/nope is not served\. Served: .*\/v1\/sql/);
  const wrong = await get(app, "/v1/sql");
  assertProblem(wrong, 405, /Received GET for \/v1\/sql; allowed: POST/);
  assert.equal(wrong.headers.get("allow"), "POST");
  const other = await get(app, "/v1/tables/a.b/rows/1", { method: "DELETE" });
  assertProblem(other, 405, /allowed: GET, HEAD/);
  assert.equal((await app.request("/healthz", { method: "HEAD" })).status, 200);
  const { body } = await get(app, "/metrics");
  assert.match(body, /route="none",method="GET",status="404"/);
  assert.match(body, /route="\/v1\/sql",method="GET",status="405"/);
});

Deno.test("an exception is a 500 without its stack", async () => {
  assertProblem(await get(createApp(deps()), "/v1/tables"), 500, /the log holds what happened/);
});

Deno.test("tables and rows come from the warehouse with its position", async () => {
  await withApp(async (app, warehouse) => {
    assert.deepEqual((await get(app, "/v1/tables")).body, { tables: [], lsn: "0/0" });
    await warehouse.publish(testTable("public.t", {
      a: { kind: "text", exact: true },
      b: { kind: "int4" },
    }, ["a", "b"]));
    await warehouse.position(0x30);
    await warehouse.connection.run(
      "INSERT INTO public.t VALUES ('x,y/z é%', 1), ('x', 2), ('', 3)",
    );
    const tables = await get(app, "/v1/tables");
    assert.equal(tables.headers.get("sluice-lsn"), "0/30");
    assert.equal(tables.body.tables[0].rows, "3");
    for (
      const [key, row] of [
        [`${encodeURIComponent("x,y/z é%")},1`, { a: "x,y/z é%", b: 1 }],
        ["x,2", { a: "x", b: 2 }],
        [",3", { a: "", b: 3 }],
      ] as const
    ) {
      const got = await get(app, `/v1/tables/public.t/rows/${key}`);
      assert.deepEqual(got.body, { table: "public.t", key: row, row, lsn: "0/30" }, key);
      assert.equal(got.headers.get("sluice-lsn"), "0/30");
    }
    const path = "/v1/tables/public.t/rows/";
    assertProblem(await get(app, `${path}x%2C2`), 400, /received 1 part; allowed: 2/);
    assertProblem(await get(app, `${path}x,two`), 400, /column b .* is INTEGER: received "two"/);
    assertProblem(await get(app, `${path}x,9`), 404, /public\.t has no row/);
    assertProblem(await get(app, `${path}%E9,1`), 400, /percent-encoding/);
    assertProblem(await get(app, "/v1/tables/public.u/rows/1"), 404, /Replicated: public\.t\./);
    assertProblem(await get(app, "/v1/tables/public.t/rows/x/2"), 404, /is not served/);
  });
});

Deno.test("a key may be the empty text", async () => {
  await withApp(async (app, warehouse) => {
    await warehouse.publish(testTable("a/b.c d", { k: { kind: "text", exact: true } }, ["k"]));
    await warehouse.connection.run('INSERT INTO "a/b"."c d" VALUES (\'\')');
    const { body } = await get(app, "/v1/tables/a%2Fb.c%20d/rows/");
    assert.deepEqual(body.row, { k: "" });
  });
});

Deno.test("SQL is answered, from JSON and from plain text", async () => {
  await withApp(async (app, warehouse) => {
    await warehouse.position(0x40);
    const json = await get(app, "/v1/sql", post({ sql: "SELECT 1 AS a, now() IS NULL" }));
    assert.equal(json.headers.get("sluice-lsn"), "0/40");
    assert.deepEqual(json.body.rows, [[1, false]]);
    const text = await get(app, "/v1/sql?max_rows=2", {
      method: "POST",
      body: "FROM range(5)",
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
    assert.deepEqual([text.body.rows, text.body.truncated], [[["0"], ["1"]], true]);
    const most = await get(app, "/v1/sql", post({ sql: "FROM range(1000)" }));
    assert.deepEqual([most.body.row_count, most.body.truncated], [100, true]);
    const slow = "SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 8";
    assertProblem(
      await get(app, "/v1/sql", post({ sql: slow, timeout_seconds: 0.05 })),
      408,
      /after 0\.05 s/,
    );
    assertProblem(await get(app, "/v1/sql", post({ sql: "DROP TABLE x" })), 400, /"DROP"/);
    assertProblem(await get(app, "/v1/sql", post({ sql: "FROM x" })), 400, /Catalog Error/);
  });
});

Deno.test("a body that is not as it should be says how it should", async () => {
  const app = createApp(deps());
  assertProblem(await get(app, "/v1/sql", post({})), 400, /sql: .*Allowed: sql, a text/);
  assertProblem(await get(app, "/v1/sql", post({ sql: "" })), 400, /sql/);
  assertProblem(await get(app, "/v1/sql", post({ sql: "x", rows: 1 })), 400, /rows/);
  assertProblem(await get(app, "/v1/sql", post({ sql: "x", max_rows: 101 })), 400, /1 to 100/);
  assertProblem(
    await get(app, "/v1/sql", post({ sql: "x", timeout_seconds: 31 })),
    400,
    /up to 30/,
  );
  const headers = { "content-type": "application/json" };
  const broken = await get(app, "/v1/sql", { method: "POST", body: "{", headers });
  assertProblem(broken, 400, /not JSON/);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const sent = await get(app, "/v1/sql", { method: "POST", body: "SELECT 1", headers: form });
  assertProblem(sent, 415, /x-www-form-urlencoded.*allowed: application\/json/);
  const large = await get(app, "/v1/sql", post({ sql: "x".repeat(1024 * 1024) }));
  assertProblem(large, 413, /1048576 bytes/);
});

Deno.test("SQL is for this machine: no other listener, no other name, no other site's page", async () => {
  const open = createApp(deps({ loopback: false }));
  assertProblem(await get(open, "/v1/sql", post({ sql: "SELECT 1" })), 403, /loopback only/);
  await withApp(async (app) => {
    const ask = (headers: Record<string, string>, host = "localhost:8080") =>
      get(app, `http://${host}/v1/sql`, post({ sql: "SELECT 1" }, headers));
    for (const host of ["localhost", "127.0.0.1:8080", "127.9.8.7", "[::1]:8080", "LOCALHOST:1"]) {
      assert.equal((await ask({ host })).status, 200, host);
    }
    for (const host of ["evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example"]) {
      assertProblem(await ask({ host }), 403, /Host header/);
      assertProblem(await ask({}, host), 403, /Host header/);
    }
    assert.equal(
      (await ask({ origin: "http://localhost:8080", host: "localhost:8080" })).status,
      200,
    );
    for (const origin of ["https://evil.example", "null", "http://localhost:3000", "http://evil"]) {
      assertProblem(await ask({ origin, host: "localhost:8080" }), 403, /another origin/);
    }
    assertProblem(await ask({ "sec-fetch-site": "cross-site" }), 403, /Sec-Fetch-Site/);
    assert.equal((await ask({ "sec-fetch-site": "none" })).status, 200);
  });
});

Deno.test("readyz is 200 when all is well, else 503 with each reason", async () => {
  const ready = await get(createApp(deps()), "/readyz");
  assert.deepEqual([ready.status, ready.body.ready, ready.body.reasons], [200, true, []]);
  assert.equal(ready.body.lag_seconds, 0);
  const cases: [changed: Partial<ApiDeps>, reason: RegExp][] = [
    [{ status: () => null, statusAtMs: () => null }, /has not reported yet/],
    [{ statusAtMs: () => NOW - 61_000 }, /not reported for 61 s \(limit 60 s\)/],
    [{ status: () => ({ ...STREAMING, connected: false }) }, /source is not connected/],
    [{ status: () => ({ ...STREAMING, phase: "stopping" }) }, /is stopping/],
    [{ status: () => ({ ...STREAMING, oldestUnappliedMs: NOW - 31_000 }) }, /31 s behind/],
    [{ status: () => ({ ...STREAMING, snapshotDone: false }) }, /snapshot has not begun/],
  ];
  for (const [changed, reason] of cases) {
    const { status, body } = await get(createApp(deps(changed)), "/readyz");
    assert.deepEqual([status, body.ready, body.reasons.length], [503, false, 1]);
    assert.match(body.reasons[0], reason);
  }
  const { body } = await get(
    createApp(deps({
      status: () => ({
        ...STREAMING,
        phase: "waiting",
        connected: false,
        snapshotDone: false,
        waiting: { kind: "connection", details: { what: "the source refused", todo: "Start it." } },
        snapshot: [
          { table: "public.a", rows: 5, rowsEstimated: -1, done: true },
          { table: "public.b", rows: 1, rowsEstimated: 9, done: false },
        ],
      }),
    })),
    "/readyz",
  );
  assert.deepEqual(body.reasons, [
    "Waiting: the source refused. Start it.",
    "The source is not connected.",
    "The snapshot is not done: 1 of 2 tables.",
  ]);
  assert.deepEqual(body.waiting, { kind: "connection", text: "the source refused. Start it." });
  assert.deepEqual(body.snapshot.tables[0].rows_estimated, null);
});

Deno.test("lag at the limit is still ready, also in the metrics", async () => {
  const status = () => ({ ...STREAMING, behindSinceMs: NOW - 30_000 });
  const app = createApp(deps({ status }));
  assert.equal((await get(app, "/readyz")).status, 200);
  assert.match((await get(app, "/metrics")).body, /^sluice_ready 1$/m);
});

Deno.test("over a real socket: headers, errors and an asker who goes away", async () => {
  let aborted: Promise<void> | undefined;
  const asked = Promise.withResolvers<void>();
  const app = createApp(deps({
    ask: (_, signal) => {
      aborted = new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
      asked.resolve();
      return aborted.then(() => Promise.reject(new Error("gone")));
    },
  }));
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
  const base = `http://127.0.0.1:${server.addr.port}`;
  const health = await fetch(`${base}/healthz`);
  assert.deepEqual([health.headers.get("sluice-lsn"), await health.json()], [
    "0/20",
    { status: "ok", version: "1.2.3" },
  ]);
  const asker = new AbortController();
  const answer = fetch(`${base}/v1/sql`, { ...post({ sql: "SELECT 1" }), signal: asker.signal });
  answer.catch(() => {});
  await asked.promise;
  asker.abort();
  await assert.rejects(answer);
  await aborted;
});
