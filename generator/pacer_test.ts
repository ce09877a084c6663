import assert from "node:assert/strict";
import { Pacer, pause } from "./pacer.ts";

Deno.test("transactions are spaced evenly", () => {
  let ms = 0;
  const pacer = new Pacer(50, () => ms);
  const due: number[] = [];
  for (; ms < 100; ms++) if (pacer.due()) due.push(ms);
  assert.deepEqual(due, [0, 20, 40, 60, 80]);
  assert.equal(pacer.waitMs(), 0);
});

Deno.test("after a long pause, at most a second of transactions is made up for", () => {
  let ms = 0;
  const pacer = new Pacer(10, () => ms);
  assert.ok(pacer.due());
  ms = 60_000;
  let burst = 0;
  while (pacer.due()) burst++;
  assert.equal(burst, 12); // the one that was due, a second's ten, and the one that is due now
});

Deno.test("without a rate, there is always one due", () => {
  const pacer = new Pacer(0, () => 0);
  for (let i = 0; i < 1000; i++) assert.ok(pacer.due());
});

Deno.test("a pause ends when its signal is aborted, before or meanwhile", async () => {
  await pause(3_600_000, AbortSignal.abort());
  const controller = new AbortController();
  const paused = pause(3_600_000, controller.signal);
  controller.abort();
  await paused;
});
