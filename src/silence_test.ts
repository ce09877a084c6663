import assert from "node:assert/strict";
import { Silence } from "./silence.ts";

Deno.test("silence: as many ticks as allowed are none, one more is", () => {
  const silence = new Silence(5);
  for (let i = 0; i < 5; i++) assert.equal(silence.tick(), false);
  assert.equal(silence.tick(), true);
});

Deno.test("silence: a sign of life begins it anew", () => {
  const silence = new Silence(5);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5; i++) assert.equal(silence.tick(), false);
    silence.heard();
  }
  for (let i = 0; i < 5; i++) assert.equal(silence.tick(), false);
  assert.equal(silence.tick(), true);
});
