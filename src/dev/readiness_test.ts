import assert from "node:assert/strict";
import { parseChanges, pause, waitUntilReady } from "./readiness.ts";

Deno.test("changes are counted over tables and ops, the snapshot's apart", () => {
  const metrics = `# TYPE sluice_changes_total counter
sluice_changes_total{table="public.users",op="r"} 500
sluice_changes_total{table="public.users",op="u"} 2
sluice_changes_total{op="c",table="public.wallets"} 1e3
sluice_lag_seconds 0
`;
  assert.deepEqual(parseChanges(metrics), { copied: 500, streamed: 1002 });
  assert.deepEqual(parseChanges(""), { copied: 0, streamed: 0 });
});

Deno.test("waiting goes on while nobody listens, and ends when it is told to stop", async () => {
  const stopping = new AbortController();
  setTimeout(() => stopping.abort(new Error("stop")), 300);
  await assert.rejects(waitUntilReady("http://127.0.0.1:1", stopping.signal, () => {}), /stop/);
});

Deno.test("waiting tells each answer, the last one ready", async () => {
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const ready = ++asked === 3;
    return Response.json({ ready, asked }, { status: ready ? 200 : 503 });
  });
  try {
    const seen: unknown[] = [];
    const base = `http://127.0.0.1:${server.addr.port}`;
    await waitUntilReady(base, new AbortController().signal, (answer) => seen.push(answer.ready));
    assert.deepEqual(seen, [false, false, true]);
  } finally {
    await server.shutdown();
  }
});

Deno.test("a pause ends early when it is told to", async () => {
  const begin = performance.now();
  await pause(60_000, AbortSignal.timeout(20));
  assert(performance.now() - begin < 10_000);
});
