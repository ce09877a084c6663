import assert from "node:assert/strict";
import { cksum } from "./cksum.ts";

Deno.test("cksum gives the published values", () => {
  const of = (text: string) => cksum([new TextEncoder().encode(text)]);
  assert.equal(of(""), "4294967295 0");
  assert.equal(of("123456789"), "930766865 9");
});

Deno.test("cksum does not depend on how the bytes are cut", () => {
  const bytes = new Uint8Array(70_000).map((_, i) => i * 7);
  const cut = [bytes.subarray(0, 1), bytes.subarray(1, 40_000), bytes.subarray(40_000)];
  assert.equal(cksum(cut), cksum([bytes]));
});
