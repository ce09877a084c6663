import assert from "node:assert/strict";
import { Fault } from "../../errors.ts";
import { Case, change } from "./order_case_fixture.ts";
import { TestSink } from "./order_sink_fixture.ts";
import { beginning } from "./start.ts";
import { TopicNames } from "./topics.ts";

const A = "public.a";
const B = "public.b";

Deno.test("heartbeats are no progress of a transaction that lacks changes", () => {
  using test = new Case();
  test.begin(7, 90);
  test.row({ table: A, key: 1, lsn: 100, of: 7 });
  test.end(7, 200, { [A]: 2 });
  test.heartbeat();
  test.start();
  test.read();
  for (let i = 0; i < 5; i++) { // the connector sends one every 10 s
    test.wait(10);
    test.heartbeat();
    assert.match(test.order.incomplete ?? "", /1 of public\.a/);
  }
  assert.throws(
    () => test.wait(11),
    (error) => error instanceof Fault && error.kind === "incomplete",
  );
});

Deno.test("a transaction that a crash has cut off is waited for while older ones come again", () => {
  using test = new Case();
  for (let tx = 1; tx < 4; tx++) {
    test.begin(tx, tx * 100);
    test.row({ table: A, key: tx, lsn: tx * 100, of: tx });
    test.end(tx, tx * 100 + 1, { [A]: 1 });
  }
  test.begin(4, 400);
  test.start();
  test.read();
  for (let tx = 1; tx < 4; tx++) {
    test.begin(tx, tx * 100);
    test.row({ table: A, key: tx, lsn: tx * 100, of: tx });
    test.end(tx, tx * 100 + 1, { [A]: 1 });
    test.wait(30);
  }
  test.begin(4, 400);
  test.row({ table: A, key: 4, lsn: 400, of: 4 });
  test.end(4, 401, { [A]: 1 });
  test.read();
  assert.deepEqual(test.visible(A), ["1 c", "2 c", "3 c", "4 c"]);
});

Deno.test("a warehouse is filled again from the connector's second snapshot without a loss", async () => {
  using test = new Case();
  test.row({ table: A, key: 1, lsn: 50, op: "r", snapshot: "last" });
  change(test, 7, 100, { [A]: 2, [B]: 1 });
  test.nowMs += 60_000; // B is emptied, without an event; and A has a row when the snapshot begins
  test.row({ table: A, key: 2, lsn: 500, op: "r", snapshot: "last" });
  test.nowMs += 1000;
  change(test, 8, 600, { [B]: 3 });
  change(test, 9, 700, { [A]: 4, [B]: 5 });
  test.start();
  test.read((topic) => topic !== "p.public.a"); // B and the transactions are far ahead
  test.read();
  assert.notEqual(test.sink.position.snapshot.again, null);
  change(test, 10, 800, { [B]: 6 });
  test.read();
  const names = new TopicNames("p", ["public.*"]);
  const position = await beginning(test.cluster, { clusterId: "c", names }, test.sink.position);
  test.sink = Object.assign(new TestSink(), { position });
  test.start();
  test.read();
  assert.deepEqual(test.visible(A), ["2 r", "4 c"]);
  assert.deepEqual(test.visible(B), ["3 c", "5 c", "6 c"]);
});

Deno.test("after a restart it goes on from the position, and nothing is read again", () => {
  using test = new Case();
  test.row({ table: A, key: 1, lsn: 50, op: "r", snapshot: "last" });
  test.row({ table: A, key: 1, lsn: 60, op: "u" });
  test.row({ table: B, key: 1, lsn: 70 });
  test.start();
  test.read();
  const { topics } = test.sink.position;
  assert.deepEqual(topics, {
    "p.public.a": [{ next: 2, lsn: 60 }],
    "p.public.b": [{ next: 1, lsn: 70 }],
  });
  test.start();
  assert.deepEqual(test.order.position.topics, topics);
  test.read();
  assert.deepEqual(test.visible(A), ["1 r", "1 u"]);
  test.start([A]);
  test.read();
  assert.deepEqual(test.order.position.topics, topics, "also of what is not read any more");
  test.start();
  test.read();
  assert.deepEqual(test.visible(B), ["1 c"]);
});

Deno.test("what is set aside counts in its transaction", () => {
  using test = new Case("dead-letter");
  test.row({ table: A, key: 1, lsn: 10, op: "r", snapshot: "last" });
  test.row({ table: A, key: 2, lsn: 10, op: "r", partition: 1, snapshot: "last" });
  test.begin(7, 90);
  test.row({ table: A, key: 0, lsn: 100, of: 7, op: "t" });
  test.row({ table: B, key: 1, lsn: 110, of: 7 });
  test.end(7, 200, { [A]: 1, [B]: 1 });
  test.start();
  test.read();
  assert.deepEqual(test.letters, ["bad-record"]);
  assert.deepEqual(test.visible(B), ["1 c"], "without waiting");
  test.begin(8, 290);
  test.row({ table: B, key: 2, lsn: 300, of: 8 });
  test.put("p.public.b", 0, { id: 3 }, "no JSON");
  test.end(8, 400, { [B]: 2 });
  test.read();
  assert.deepEqual(test.letters, ["bad-record", "bad-record"]);
  assert.deepEqual(test.visible(B), ["1 c", "2 c"], "also what nobody can read");
  test.put("p.public.b", 0, { id: 4 }, "no JSON, and of no transaction");
  test.read();
  assert.equal(test.letters.length, 3);
});

Deno.test("a record that nobody can read stops right before its transaction", () => {
  using test = new Case();
  change(test, 1, 100, { [A]: 1, [B]: 1 });
  change(test, 2, 200, { [B]: 2 });
  test.begin(3, 290);
  test.put("p.public.a", 0, { id: 3 }, "no JSON");
  test.row({ table: B, key: 3, lsn: 310, of: 3 });
  test.end(3, 400, { [A]: 1, [B]: 1 });
  test.start();
  test.read((topic) => topic === "p.public.a");
  test.read((topic) => topic !== "p.public.b");
  assert.throws(
    () => test.read(),
    (error) => error instanceof Fault && error.kind === "bad-record",
  );
  assert.deepEqual(test.visible(B), ["1 c", "2 c"]);
  assert(test.order.inTransaction);
});

Deno.test("the first change of a table is waited for like the others of its transaction", () => {
  using test = new Case();
  change(test, 1, 100, { [A]: 1 });
  test.start();
  test.read();
  change(test, 2, 200, { [A]: 2, [B]: 2 });
  test.read((topic) => topic !== "p.public.b");
  assert.deepEqual(test.visible(A), ["1 c"], "the topic of B is new, and has something");
  test.read();
  assert.deepEqual([...test.visible(A), ...test.visible(B)], ["1 c", "2 c", "2 c"]);
  test.begin(3, 290);
  test.row({ table: A, key: 3, lsn: 300, of: 3 });
  test.end(3, 310, { [A]: 1, "public.elsewhere": 1 });
  test.read();
  assert.deepEqual(test.visible(A), ["1 c", "2 c", "3 c"], "what has no topic is not");
});

Deno.test("a transaction is not cut off by one without rows that comes again", () => {
  using test = new Case();
  change(test, 1, 100, { [A]: 1 });
  change(test, 2, 200, {}); // as a heartbeat's query makes them
  test.start();
  test.read();
  test.start(); // nothing says any more that the second was whole
  test.begin(3, 290);
  test.row({ table: A, key: 3, lsn: 300, of: 3 });
  test.nowMs += 5000; // the connector crashes, and goes back
  change(test, 2, 200, {});
  test.read();
  assert.deepEqual(test.visible(A), ["1 c"]);
  test.begin(3, 290);
  test.row({ table: A, key: 4, lsn: 310, of: 3 });
  test.end(3, 320, { [A]: 1 });
  test.read();
  assert.deepEqual(test.visible(A), ["1 c", "3 c", "4 c"]);
});

Deno.test("attempts are told apart by time where a partition's rows go on by order", () => {
  using test = new Case();
  for (const partition of [0, 1, 2]) {
    test.row({ table: B, key: partition, lsn: 10, op: "r", partition });
  }
  test.put("p.transaction", 0, {}, null);
  test.start();
  test.read();
  for (const isBefore of [true, false]) { // whether its second BEGIN is read before the rows
    const [of, lsn] = isBefore ? [5, 100] : [6, 200];
    const attempt = (rows: { key: number; partition: number; order: number }[]) => {
      test.begin(of, lsn - 1);
      for (const row of rows) test.row({ table: B, lsn: lsn + row.key, of, ...row });
      test.nowMs += 5000;
    };
    attempt([{ key: 1, partition: 2, order: 1 }]);
    if (!isBefore) test.read();
    attempt([{ key: 2, partition: 1, order: 1 }, { key: 3, partition: 2, order: 2 }]);
    if (!isBefore) test.read((topic) => topic !== "p.transaction");
    test.end(of, lsn + 50, { [B]: 2 });
    test.read();
    assert.equal(test.visible(B).length, isBefore ? 6 : 9);
  }
});

Deno.test("what came before a transaction without END is not held back by it", () => {
  using test = new Case();
  change(test, 1, 100, { [A]: 1 });
  test.begin(2, 199);
  test.row({ table: A, key: 2, lsn: 200, of: 2 });
  test.start();
  let isOpen = true;
  test.readInto((now) => isOpen = now);
  assert.equal(isOpen, false, "the second is not begun while the first is not visible");
  assert.deepEqual(test.visible(A), ["1 c"]);
  test.wait(3);
  assert.equal(test.order.inTransaction, true, "then it is");
  test.end(2, 201, { [A]: 1 });
  test.read();
  assert.deepEqual(test.visible(A), ["1 c", "2 c"]);
});

Deno.test("rows of a snapshot don't make the transactions before it old", () => {
  using test = new Case();
  test.row({ table: "public.c", key: 1, lsn: 10, op: "r", snapshot: "last" });
  change(test, 1, 100, { [A]: 1 });
  test.start();
  test.read();
  test.row({ table: "public.c", key: 1, lsn: 900, op: "r", snapshot: "last" });
  test.read();
  for (let tx = 2; tx < 5; tx++) change(test, tx, tx * 100, { [A]: tx, [B]: tx });
  test.start();
  for (let seconds = 0; seconds < 3; seconds++) {
    test.read((topic) => topic !== "p.public.b");
    test.nowMs += 1000;
  }
  assert.deepEqual(test.visible(A), ["1 c"], "the rest of the second has not come");
  test.read();
  assert.deepEqual([test.visible(A).length, test.visible(B).length], [4, 3]);
});
