import assert from "node:assert/strict";
import { Case, change } from "./order_case_fixture.ts";

const A = "public.a";
const B = "public.b";

Deno.test("a table that SLUICE_TABLES no longer matches is not waited for", () => {
  using test = new Case();
  change(test, 7, 100, { [A]: 1, [B]: 1 });
  test.start();
  test.read();
  test.start([A]);
  change(test, 8, 200, { [A]: 2, [B]: 2 });
  test.read();
  assert.deepEqual(test.visible(A), ["1 c", "2 c"]);
});

Deno.test("a table that is matched since lately is read from its beginning, and not waited for", () => {
  using test = new Case();
  for (let tx = 1; tx < 20; tx++) change(test, tx, tx * 100, { [A]: tx, [B]: tx });
  change(test, 20, 2000, { [B]: 20 });
  test.start([A]);
  test.read();
  change(test, 21, 2100, { [A]: 21, [B]: 21 });
  change(test, 22, 2200, { [B]: 22 });
  test.start();
  test.read((topic) => topic !== "p.transaction");
  assert.equal(test.visible(B).length, 0, "which transactions are past is not known yet");
  test.read();
  assert.equal(test.visible(A).length, 20);
  assert.equal(test.visible(B).length, 22);
  test.start();
  test.read();
  assert.equal(test.sink.rows.length, 42);
});

Deno.test("a table that is matched again goes on where it was, and is not waited for", () => {
  using test = new Case();
  for (let tx = 1; tx < 4; tx++) change(test, tx, tx * 100, { [A]: tx, [B]: tx });
  test.start();
  test.read();
  for (let tx = 4; tx < 8; tx++) change(test, tx, tx * 100, { [A]: tx, [B]: tx });
  test.start([A]);
  test.read();
  assert.deepEqual([test.visible(A).length, test.visible(B).length], [7, 3]);
  test.start();
  for (const feed of test.feeds) feed.fetch(feed.topic === "p.public.b" ? 2 : Infinity);
  test.read(() => false);
  assert.equal(test.visible(B).length, 5, "it is stopped amid that");
  for (let tx = 8; tx < 12; tx++) change(test, tx, tx * 100, { [A]: tx, [B]: tx });
  test.start([A]);
  test.read();
  change(test, 12, 1200, { [A]: 12, [B]: 12 });
  test.start();
  test.read();
  assert.deepEqual([test.visible(A).length, test.visible(B).length], [12, 12]);
  assert.equal(test.order.inTransaction, false);
});

Deno.test("a table that is matched since lately is read on after a restart amid it", () => {
  using test = new Case();
  for (let tx = 1; tx < 20; tx++) change(test, tx, tx * 100, { [A]: tx, [B]: tx });
  test.start([A]);
  test.read();
  for (let times = 0; times < 3; times++) {
    test.start();
    for (const feed of test.feeds) feed.fetch(feed.topic === "p.public.b" ? 5 : Infinity);
    test.read(() => false);
  }
  assert.equal(test.visible(B).length, 15);
  change(test, 20, 2000, { [A]: 20, [B]: 20 });
  test.start();
  test.read();
  assert.equal(test.visible(A).length, 20);
  assert.equal(test.visible(B).length, 20);
  assert.equal(test.order.inTransaction, false);
});

Deno.test("a topic that came up since the position was stored is waited for like others", () => {
  using test = new Case();
  change(test, 1, 100, { [A]: 1 });
  test.start();
  test.read();
  // The connector died before it had written the marks of transaction 2, and sends it again.
  test.row({ table: B, key: 2, lsn: 90, of: 2 });
  test.nowMs += 5000;
  change(test, 1, 100, { [A]: 1 });
  test.start();
  test.read();
  assert.equal(test.visible(B).length, 0, "not before the rest of its transaction");
  test.begin(2, 89);
  test.row({ table: A, key: 2, lsn: 95, of: 2 });
  test.row({ table: B, key: 2, lsn: 90, of: 2 });
  test.end(2, 110, { [A]: 1, [B]: 1 });
  test.read();
  assert.deepEqual([...test.visible(A), ...test.visible(B)], ["1 c", "2 c", "2 c"]);
});
