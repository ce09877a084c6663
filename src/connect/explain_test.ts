import assert from "node:assert/strict";
import { explain, rootCause } from "./explain.ts";

/** As Connect gave it for a role without REPLICATION; the middle of each stack is cut. */
const TRACE =
  `org.apache.kafka.connect.errors.ConnectException: io.debezium.jdbc.JdbcConnectionException
\tat io.debezium.connector.postgresql.PostgresConnectorTask.start(PostgresConnectorTask.java:134)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: io.debezium.DebeziumException: Creation of replication slot failed
\tat io.debezium.connector.common.BaseSourceTask.poll(BaseSourceTask.java:169)
\t... 5 more
Caused by: org.postgresql.util.PSQLException: FATAL: must be superuser or replication role to start walsender
\tat org.postgresql.core.v3.QueryExecutorImpl.receiveErrorResponse(QueryExecutorImpl.java:2676)
\t... 12 more
`;

/** Messages that Connect, Debezium and PostgreSQL gave, or that their sources have. */
const CASES: [message: string, kind: string, says: RegExp][] = [
  [
    "Postgres server wal_level property must be 'logical' but is: 'replica'",
    "setup",
    /Set wal_level = logical/,
  ],
  [
    'FATAL: password authentication failed for user "sluice"',
    "setup",
    /refuses the user or its password/,
  ],
  [
    'FATAL: no pg_hba.conf entry for replication connection from host "10.0.0.7"',
    "setup",
    /pg_hba\.conf/,
  ],
  ['FATAL: database "nowhere" does not exist', "setup", /no such database/],
  ['FATAL: role "nobody" does not exist', "setup", /no such role/],
  ["The server does not support SSL.", "setup", /sslmode/],
  ["Connection to 127.0.0.1:1 refused. Check that", "connection", /does not reach the database/],
  ["java.net.UnknownHostException: postgres", "connection", /does not reach the database/],
  ["The connection attempt failed.", "connection", /does not reach/],
  ["java.net.NoRouteToHostException: No route to host", "connection", /no way to the database/],
  ["java.net.SocketTimeoutException: connect timed out", "connection", /no way to the database/],
  [
    'ERROR: replication slot "debezium_bank" is active for PID 4711',
    "slot-busy",
    /another connector reads/,
  ],
  [
    "ERROR: all replication slots are in use\n  Hint: Free one or increase max_replication_slots.",
    "setup",
    /raise max_replication_slots/,
  ],
  [
    "FATAL: number of requested standby connections exceeds max_wal_senders (currently 10)",
    "setup",
    /Raise max_wal_senders/,
  ],
  ["ERROR: must be owner of table users", "setup", /may not make the publication/],
  ["ERROR: permission denied for database bank", "setup", /may not make the publication/],
  ["ERROR: permission denied for table users", "setup", /GRANT SELECT/],
  [
    "ERROR: requested WAL segment 000000010000000000000001 has already been removed",
    "position-lost",
    /takes a new snapshot/,
  ],
  [
    'ERROR: cannot read from logical replication slot "debezium_bank"\n  Detail: This slot has been ' +
    "invalidated because it exceeded the maximum reserved size.",
    "position-lost",
    /takes a new snapshot/,
  ],
  [
    "org.apache.kafka.common.errors.RecordTooLargeException: The message is 40000000 bytes when " +
    "serialized which is larger than 33554432, which is the value of the max.request.size",
    "setup",
    /max\.message\.bytes/,
  ],
  [
    "Failed to find any class that implements Connector and which name matches io.debezium",
    "setup",
    /plugin\.path/,
  ],
  [
    "The 'None' policy does not allow 'acks' to be overridden in the connector configuration.",
    "setup",
    /override\.policy=All/,
  ],
];

for (const [message, kind, says] of CASES) {
  Deno.test(`explain: ${message.split("\n")[0].slice(0, 70)}`, () => {
    const trace = `org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSourceTask\n` +
      `\tat a.b.C(D.java:1)\nCaused by: org.postgresql.util.PSQLException: ${message}\n\tat e.F(G.java:2)`;
    for (const text of [message, trace]) {
      const fault = explain(text, "the connector has failed");
      assert.equal(fault.kind, kind);
      assert.match(fault.message, says);
      assert(fault.message.startsWith("the connector has failed: "), fault.message);
      assert.doesNotMatch(fault.message, /\bat \w+\.|\n/);
    }
  });
}

Deno.test("explain: the last cause of a stack is what counts, without its class's package", () => {
  assert.equal(
    rootCause(TRACE),
    "PSQLException: FATAL: must be superuser or replication role to start walsender",
  );
  assert.match(
    explain(TRACE, "it has failed").message,
    /^it has failed: the role may not replicate/,
  );
});

Deno.test("explain: what the table does not have is shown as it is, cut to a sensible length", () => {
  const fault = explain(`java.lang.IllegalStateException: ${"x".repeat(5000)}`, "it has failed");
  assert.match(fault.message, /^it has failed: received IllegalStateException: x+….*log of Kafka/);
  assert(fault.message.length < 800);
  assert.match(explain("", "it has failed").message, /^it has failed/);
});
