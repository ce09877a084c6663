import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault, type FaultKind } from "../../errors.ts";
import { isTlsFailure, toFault } from "./fault.ts";

const CONTEXT = { where: "me@host:5432/bank", doing: "testing" };

/** As the driver gives an error of the server. */
function serverError(code: string, message = "said the server"): Error {
  return Object.assign(new Error(message), { severity: "ERROR", code });
}

/** As Node gives an error of the system. */
function systemError(code: string, message = "said the system"): Error {
  return Object.assign(new Error(message), { code });
}

const SERVER: [code: string, kind: FaultKind, message?: string][] = [
  ["28P01", "setup"],
  ["28000", "setup"],
  ["3D000", "setup"],
  ["42501", "setup", "permission denied for table users"],
  ["42501", "setup", 'query would be affected by row-level security policy for table "users"'],
  ["42501", "setup", "must be superuser or replication role to start walsender"],
  ["57P01", "connection", "terminating connection due to administrator command"],
  ["57P02", "connection"],
  ["57P03", "connection", "the database system is starting up"],
  ["57014", "connection", "canceling statement due to user request"],
  ["53300", "connection", "sorry, too many clients already"],
  ["53100", "connection", "could not extend file: No space left on device"],
  ["53400", "setup", "all replication slots are in use"],
  ["40001", "connection"],
  ["08006", "connection"],
  ["08P01", "setup", "unsupported startup parameter: options"],
  ["55006", "slot-busy", 'replication slot "sluice" is active for PID 7'],
  ["55000", "setup", "logical decoding requires wal_level >= logical"],
  ["55000", "position-lost", 'cannot read from logical replication slot "sluice"'],
  ["55000", "position-lost", 'can no longer get changes from replication slot "sluice"'],
  ["58P01", "position-lost", "requested WAL segment 0000 has already been removed"],
  ["58030", "connection", "could not read file"],
  ["42P01", "setup", 'relation "users" does not exist'],
  ["42704", "setup", 'publication "sluice" does not exist'],
  ["42601", "bug", "syntax error"],
  ["XX000", "setup", "cache lookup failed"],
];

for (const [code, kind, message] of SERVER) {
  Deno.test(`fault: SQLSTATE ${code}${message ? ` (${message})` : ""} is ${kind}`, () => {
    const fault = toFault(serverError(code, message), CONTEXT);
    assert.equal(fault.kind, kind, fault.message);
    for (const part of ["me@host:5432/bank", "testing", `[${code}]`]) {
      assert.ok(fault.message.includes(part), fault.message);
    }
    assert.ok(fault.details.todo);
  });
}

const SYSTEM: [error: Error, kind: FaultKind][] = [
  [systemError("ECONNREFUSED"), "connection"],
  [systemError("ENOTFOUND"), "connection"],
  [systemError("EAI_AGAIN"), "connection"],
  [systemError("ECONNRESET"), "connection"],
  [systemError("EPIPE"), "connection"],
  [systemError("ETIMEDOUT"), "connection"],
  [systemError("EHOSTUNREACH"), "connection"],
  [new AggregateError([systemError("ECONNREFUSED"), systemError("ECONNREFUSED")]), "connection"],
  [new Error("timeout expired"), "connection"],
  [new Error("Connection terminated unexpectedly"), "connection"],
  [new Error("Client has encountered a connection error and is not queryable"), "connection"],
  [new Error("The server does not support SSL connections"), "setup"],
  [systemError("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), "setup"],
  [systemError("SELF_SIGNED_CERT_IN_CHAIN"), "setup"],
  [systemError("DEPTH_ZERO_SELF_SIGNED_CERT"), "setup"],
  [systemError("CERT_HAS_EXPIRED"), "setup"],
  [systemError("ERR_TLS_CERT_ALTNAME_INVALID"), "setup"],
  [systemError("EPROTO", "wrong version number"), "setup"],
  [new Error("SASL: SCRAM-SERVER-FIRST-MESSAGE: server nonce is too short"), "setup"],
  [new TypeError("Cannot read properties of undefined"), "bug"],
];

for (const [error, kind] of SYSTEM) {
  const name = (error as { code?: string }).code ?? `${error.name} ${error.message}`;
  Deno.test(`fault: ${name} is ${kind}`, () => {
    const fault = toFault(error, CONTEXT);
    assert.equal(fault.kind, kind, fault.message);
    assert.equal(fault.cause, error);
  });
}

Deno.test("fault: a fault stays itself", () => {
  const fault = new Fault("setup", { what: "something" });
  assert.equal(toFault(fault, CONTEXT), fault);
});

Deno.test("fault: anything thrown becomes a fault that says where", () => {
  fc.assert(fc.property(fc.anything(), (thrown) => {
    const fault = toFault(thrown, CONTEXT);
    assert.ok(fault instanceof Fault && fault.message.includes("me@host:5432/bank"));
  }));
});

Deno.test("fault: only failures of TLS make prefer go on without", () => {
  assert.equal(isTlsFailure(new Error("The server does not support SSL connections")), true);
  assert.equal(isTlsFailure(systemError("EPROTO")), true);
  assert.equal(isTlsFailure(systemError("ECONNREFUSED")), false);
  assert.equal(isTlsFailure(serverError("28P01")), false);
});
