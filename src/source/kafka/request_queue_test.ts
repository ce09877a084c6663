import assert from "node:assert/strict";
import RequestQueue from "kafkajs/request-queue";
import { mendRequestQueue, originalSchedule } from "./request_queue.ts";

const silent = { debug() {}, warn() {} };

function queue(maxInFlightRequests: number | null = null) {
  return new RequestQueue({
    maxInFlightRequests,
    requestTimeout: 1000,
    enforceRequestTimeout: false,
    clientId: "test",
    broker: "test:9092",
    logger: silent,
  });
}

function request(correlationId: number, sendRequest: () => void) {
  const entry = { correlationId, resolve() {}, reject() {} };
  return { entry, expectResponse: true, sendRequest };
}

/** The delays of all timers that `work` sets; none of them is really set. */
function delays(work: () => void): (number | undefined)[] {
  const seen: (number | undefined)[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((_: () => void, ms?: number) => {
    seen.push(ms);
    return seen.length;
  }) as unknown as typeof setTimeout;
  try {
    work();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return seen;
}

Deno.test("request queue: kafkajs itself still sets a timer without reason (else remove the mend)", () => {
  const idle = queue();
  const seen = delays(() => originalSchedule.call(idle));
  assert.equal(seen.length, 1);
  assert.ok(seen[0]! < 0, `a delay of ${seen[0]} ms`);
});

Deno.test("request queue: mended, an idle queue sets no timer", () => {
  mendRequestQueue();
  const idle = queue();
  let sent = 0;
  const seen = delays(() => {
    idle.push(request(1, () => sent++));
    idle.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
    idle.checkPendingRequests();
  });
  assert.equal(sent, 1);
  assert.deepEqual(seen, []);
});

Deno.test("request queue: mended, a request that must wait is sent when it may be", async () => {
  mendRequestQueue();
  const throttled = queue();
  throttled.maybeThrottle(30);
  const sent = new Promise<void>((resolve) => throttled.push(request(1, resolve)));
  assert.equal(throttled.pending.length, 1);
  await sent;
  throttled.destroy();

  const full = queue(1);
  const order: number[] = [];
  full.push(request(1, () => order.push(1)));
  full.push(request(2, () => order.push(2)));
  assert.deepEqual(order, [1]);
  full.fulfillRequest({ correlationId: 1, payload: null, size: 0 });
  assert.deepEqual(order, [1, 2]);
  full.destroy();
});

Deno.test("request queue: calling the mend again changes nothing", () => {
  mendRequestQueue();
  mendRequestQueue();
  assert.deepEqual(delays(() => queue().scheduleCheckPendingRequests()), []);
});
