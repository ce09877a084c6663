import assert from "node:assert/strict";
import { Case, change } from "./order_case_fixture.ts";

const A = "public.a";

for (const [when, isRestarted] of [["in one run", false], ["after a restart", true]] as const) {
  Deno.test(`a TRUNCATE that was passed over empties nothing when it comes again, ${when}`, () => {
    using test = new Case();
    const truncate = () => {
      test.begin(1, 90);
      test.row({ table: A, key: 0, lsn: 90, of: 1, op: "t" });
      test.end(1, 91, { [A]: 1 });
    };
    test.put("p.public.a", 0, null, null); // so that the topic is there
    truncate();
    test.start();
    test.read();
    assert.equal(test.order.inTransaction, false, "of a table of which nothing has come");
    change(test, 2, 200, { [A]: 1 });
    test.read();
    assert.deepEqual(test.visible(A), ["1 c"]);
    if (isRestarted) test.start();
    test.nowMs += 5000; // the connector crashes, and goes back
    truncate();
    change(test, 2, 200, { [A]: 1 });
    change(test, 3, 300, { [A]: 2 });
    test.read();
    assert.deepEqual(test.visible(A), ["1 c", "2 c"]);
    assert.equal(test.order.inTransaction, false);
    test.begin(4, 390);
    test.row({ table: A, key: 0, lsn: 400, of: 4, op: "t" });
    test.end(4, 401, { [A]: 1 });
    test.read();
    assert.deepEqual(test.visible(A), ["1 c", "2 c", "0 t"], "one that is news does");
  });
}

Deno.test("a TRUNCATE before a table's first row is written if that row is there", () => {
  using test = new Case();
  test.begin(1, 90);
  test.row({ table: A, key: 0, lsn: 100, of: 1, op: "t" });
  test.row({ table: A, key: 0, lsn: 110, of: 1, op: "t" });
  test.row({ table: A, key: 1, lsn: 120, of: 1, order: 3 });
  test.end(1, 130, { [A]: 3 });
  test.start();
  test.read();
  assert.deepEqual(test.visible(A), ["0 t", "0 t", "1 c"]);
});

Deno.test("a transaction that has left nothing here is not waited for when it comes again", () => {
  using test = new Case();
  const truncate = () => {
    test.begin(1, 90);
    test.row({ table: A, key: 0, lsn: 100, of: 1, op: "t" });
    test.end(1, 110, { [A]: 1 });
    test.nowMs += 5000;
  };
  truncate();
  test.start();
  test.read();
  truncate();
  test.read((topic) => topic === "p.public.a"); // again, and its marks only after a restart
  test.start();
  test.read();
  test.wait(3); // first the sink is asked
  assert.equal(test.order.inTransaction, false);
  change(test, 2, 200, { [A]: 1 });
  test.read();
  assert.deepEqual(test.visible(A), ["1 c"]);
});

Deno.test("a TRUNCATE by a topic of several partitions is a fault, also of a table that is not known", () => {
  using test = new Case();
  test.row({ table: A, key: 0, lsn: 100, op: "t", partition: 0 });
  test.row({ table: A, key: 1, lsn: 90, op: "c", partition: 1 });
  test.start();
  assert.throws(() => test.read(), /several partitions/);
});
