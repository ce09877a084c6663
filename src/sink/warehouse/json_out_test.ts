import assert from "node:assert/strict";
import { JsonOut, TooLong } from "./json_out.ts";

/** Adds `count` parts, each a number of its own; returns the text that they make. */
function add(out: JsonOut, count: number, from: number): string {
  let text = "";
  for (let i = from; i < from + count; i++) {
    out.raw(`${i},`);
    text += `${i},`;
  }
  return text;
}

Deno.test("JSON out: a cut returns to the last mark, however many parts are before and after it", () => {
  const counts = [0, 1, 4094, 4095, 4096, 4097, 9000];
  for (const before of counts) {
    for (const after of counts) {
      for (const later of counts) {
        const out = new JsonOut(10_000_000);
        const kept = add(out, before, 0);
        out.mark();
        add(out, after, 1_000_000);
        out.cut();
        assert.equal(out.bytes, kept.length, `${before}, ${after}`);
        const text = kept + add(out, later, 2_000_000);
        assert.equal(out.toString(), text, `${before}, ${after}, ${later}`);
        assert.equal(out.bytes, text.length);
      }
    }
  }
});

Deno.test("JSON out: marks move on, and only the last one counts", () => {
  const out = new JsonOut(10_000_000);
  let text = "";
  for (let round = 0; round < 50; round++) {
    out.mark();
    text += add(out, 333, round * 1000);
  }
  out.mark();
  add(out, 5000, 0);
  out.cut();
  assert.equal(out.toString(), text);
});

Deno.test("JSON out: what does not fit is not added, in bytes of UTF-8", () => {
  const out = new JsonOut(6);
  out.json('"ü"');
  assert.equal(out.bytes, 4);
  assert.throws(() => out.json('"ü"'), TooLong);
  out.raw("ab");
  assert.equal(out.toString(), '"ü"ab');
});
