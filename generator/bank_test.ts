import assert from "node:assert/strict";
import fc from "fast-check";
import { Bank, money, Recent, type Wallet } from "./bank.ts";

Deno.test("money is the exact text of hundredths", () => {
  assert.deepEqual([0, 5, -5, 100, -12345].map(money), [
    "0.00",
    "0.05",
    "-0.05",
    "1.00",
    "-123.45",
  ]);
  fc.assert(fc.property(fc.maxSafeInteger(), (cents) => {
    assert.equal(BigInt(money(cents).replace(".", "")), BigInt(cents));
  }));
});

Deno.test("a bag of recent things is bounded, and gives each thing once", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 10 }), fc.array(fc.boolean()), (max, adds) => {
    const bag = new Recent<number>(max);
    const inside = new Set<number>();
    adds.forEach((add, item) => {
      if (add) {
        bag.add(item);
        inside.add(item);
      } else {
        const taken = bag.take(item / adds.length);
        assert.ok(taken === undefined || inside.delete(taken), `${taken} is not in it`);
      }
      assert.ok(bag.size <= max);
    });
  }));
  assert.equal(new Recent(3).take(0.5), undefined);
});

Deno.test("clearing wallets are apart from the customers'", () => {
  const bank = new Bank();
  const wallet = (id: string, userId: string | null): Wallet => ({
    id,
    userId,
    accountNumber: id,
    currency: "EUR",
    locale: "fr-FR",
    owner: id,
    cents: 0,
  });
  bank.add(wallet("clearing", null));
  bank.add(wallet("first", "a"));
  bank.add(wallet("second", "b"));
  assert.deepEqual(bank.customers.map((each) => each.id), ["first", "second"]);
  assert.deepEqual(bank.inCurrency("EUR").map((each) => each.id), ["first", "second"]);
  assert.deepEqual(bank.inCurrency("USD"), []);
  assert.equal(bank.clearing("EUR")?.id, "clearing");
  assert.equal(bank.wallet("second")?.userId, "b");
});
