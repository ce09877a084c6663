import assert from "node:assert/strict";
import { Fault } from "../../errors.ts";
import { Case } from "./order_case_fixture.ts";

const A = "public.a";

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

Deno.test("a transaction whose END was lost does not hold up those after it for ever", () => {
  for (const policy of ["stop", "dead-letter"] as const) {
    using test = new Case(policy);
    test.begin(7, 90);
    test.row({ table: A, key: 1, lsn: 100, of: 7 });
    test.start();
    test.read();
    test.wait(100);
    assert.equal(test.order.incomplete, null, "its END may still come: nothing came after it");
    for (let tx = 8; tx < 20; tx++) {
      test.begin(tx, tx * 100);
      test.row({ table: A, key: tx, lsn: tx * 100, of: tx });
      test.end(tx, tx * 100 + 1, { [A]: 1 });
      if (tx < 18) test.wait(5);
    }
    assert.deepEqual(test.visible(A), []);
    assert.match(test.order.incomplete ?? "", /transaction 7 .*no END/);
    if (policy === "stop") {
      assert.throws(
        () => test.wait(20),
        (error) => error instanceof Fault && error.kind === "incomplete",
      );
      continue;
    }
    test.wait(20);
    assert.deepEqual(test.letters, ["incomplete"]);
    assert.equal(test.visible(A).length, 13);
  }
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
