import assert from "node:assert/strict";
import {
  Fault,
  type FaultKind,
  FAULTS,
  faultText,
  fromFaultData,
  quoted,
  toFaultData,
} from "./errors.ts";

Deno.test("a message has the order what, received, allowed, to do", () => {
  assert.equal(
    faultText({ what: "a is not valid", received: "-3", allowed: "1 to 9", todo: "Raise it." }),
    "a is not valid: received -3; allowed: 1 to 9. Raise it.",
  );
  assert.equal(faultText({ what: "a is gone" }), "a is gone.");
  assert.equal(faultText({ what: "really?" }), "really?");
  assert.equal(faultText({ what: "a is gone", todo: "Look." }), "a is gone. Look.");
});

Deno.test("every kind has an exit code from 1 to 125, and a meaning that is a sentence", () => {
  for (const kind of Object.keys(FAULTS) as FaultKind[]) {
    const fault = new Fault(kind, { what: "it" });
    assert(fault.exit >= 1 && fault.exit <= 125, `${kind}: ${fault.exit}`); // above: shells' own
    assert.match(FAULTS[kind].meaning, /^[A-Z].*\.$/);
    assert.equal(fault.reaction, FAULTS[kind].reaction);
  }
});

Deno.test("a fault crosses to the other isolate and stays itself", () => {
  const fault = new Fault("bad-value", { what: "NaN in a", received: "NaN", todo: "Mend it." });
  const crossed = fromFaultData(structuredClone(toFaultData(fault)));
  assert(crossed instanceof Fault);
  assert.equal(crossed.kind, "bad-value");
  assert.deepEqual(crossed.details, fault.details);
  assert.equal(crossed.message, fault.message);
});

Deno.test("anything else thrown crosses as a bug, with its stack", () => {
  const error = new TypeError("x is not a function");
  const data = structuredClone(toFaultData(error));
  assert.equal(data.kind, "bug");
  assert.match(data.details.what, /TypeError: x is not a function/);
  assert.equal(fromFaultData(data).stack, error.stack);
  for (const thrown of [undefined, null, 7, "text", { a: 1 }, Symbol("s")]) {
    const fault = fromFaultData(structuredClone(toFaultData(thrown)));
    assert.equal(fault.kind, "bug");
    assert(fault.message.length > 0);
  }
});

Deno.test("a cause is kept", () => {
  const cause = new Error("ECONNRESET");
  assert.equal(new Fault("connection", { what: "lost" }, { cause }).cause, cause);
});

Deno.test("a quoted value is cut at its limit, says how long it was, and is one line", () => {
  assert.equal(quoted("a\nb\u001b"), '"a\\nb\\u001b"');
  assert.equal(quoted("abcdef", 3), '"abc… (6 characters)"');
  assert.equal(quoted("abc", 3), '"abc"');
});
