import assert from "node:assert/strict";
import { Fault, type FaultKind } from "../../errors.ts";
import { codeOf, toFault } from "./fault.ts";

const CONTEXT = { where: "broker:9092, group g", doing: "reading" };

/** An error with kafkajs's fields, and how it wraps what it gives up on. */
function error(name: string, message: string, fields: object = {}): Error {
  return Object.assign(new Error(message), { name, retriable: false, ...fields });
}

function wrapped(cause: Error): Error {
  return error("KafkaJSNumberOfRetriesExceeded", cause.message, {
    cause: error("KafkaJSNonRetriableError", cause.message, { cause }),
  });
}

const protocol = (type: string, retriable = false) =>
  error("KafkaJSProtocolError", `says ${type}`, { type, code: 1, retriable });

// What a real broker can be made to answer is tested in tests/kafka_faults_test.ts.
const CASES: [Error, FaultKind, RegExp][] = [
  [protocol("GROUP_AUTHORIZATION_FAILED"), "setup", /consumer group.*SLUICE_KAFKA_GROUP/],
  [protocol("CLUSTER_AUTHORIZATION_FAILED"), "setup", /lacks a right/],
  [protocol("INCONSISTENT_GROUP_PROTOCOL"), "setup", /another kind of consumer/],
  [protocol("COORDINATOR_LOAD_IN_PROGRESS", true), "connection", /coordinates the group/],
  [protocol("NOT_COORDINATOR_FOR_GROUP", true), "connection", /coordinates the group/],
  [protocol("UNSUPPORTED_SASL_MECHANISM"), "setup", /kind of login/],
  [protocol("UNSUPPORTED_VERSION"), "protocol", /not one that we know/],
  [protocol("NOT_ENOUGH_REPLICAS", true), "connection", /broke off.*says NOT_ENOUGH/],
  [protocol("POLICY_VIOLATION"), "setup", /Kafka refuses.*says POLICY/],
  [error("KafkaJSRequestTimeoutError", "Request Fetch timed out"), "connection", /was lost/],
  [
    error("KafkaJSConnectionError", "Connection timeout", { code: undefined }),
    "connection",
    /does not answer/,
  ],
  [
    error("KafkaJSConnectionError", "Connection error: x", { code: "EPROTO" }),
    "setup",
    /TLS could not be agreed/,
  ],
  [error("CodecError", "bad", { cause: new Error("inner") }), "protocol", /can't be decoded.*bad/],
  [new RangeError("out of range"), "protocol", /can't be decoded/],
  [new TypeError("x is not a function"), "bug", /unexpected/],
];

Deno.test("fault: each error has its kind and says what to do, wrapped as kafkajs does or not", () => {
  for (const [given, kind, says] of CASES) {
    for (const one of [given, wrapped(given)]) {
      const fault = toFault(one, CONTEXT);
      assert.equal(fault.kind, kind, fault.message);
      assert.match(fault.message, says);
      assert.match(fault.message, /reading, broker:9092, group g/);
      assert.ok(fault.details.todo);
      assert.equal(fault.cause, one);
    }
  }
});

Deno.test("fault: a fault stays what it is, and anything thrown becomes one", () => {
  const fault = new Fault("setup", { what: "x" });
  assert.equal(toFault(fault, CONTEXT), fault);
  for (const thrown of [undefined, null, "text", 5]) {
    assert.equal(toFault(thrown, CONTEXT).kind, "bug");
  }
});

Deno.test("fault: the code of what was wrapped", () => {
  assert.equal(
    codeOf(wrapped(protocol("UNKNOWN_TOPIC_OR_PARTITION"))),
    "UNKNOWN_TOPIC_OR_PARTITION",
  );
  assert.equal(
    codeOf(error("KafkaJSConnectionError", "x", { code: "ECONNREFUSED" })),
    "ECONNREFUSED",
  );
  assert.equal(codeOf("text"), "");
});
