/** The cases that capture.ts runs: what is done to a database while Debezium follows it. */
import type { Capture } from "./capture.ts";
import { BANK, bankRows } from "./capture_bank.ts";
import { LARGE_ROW, LARGE_TABLE } from "./capture_large.ts";
import { type RowChoice, typeRows, TYPES_TABLE } from "./capture_types.ts";

export interface CaptureCase {
  /** Also the name of its file. */
  name: string;
  /** Overrides of debezium/register-postgres.json. */
  config?: Overrides;
  /** Done before the connector starts: its rows are read by the snapshot. */
  before?: (capture: Capture) => Promise<void>;
  /** Done while it streams. */
  steps: (capture: Capture) => Promise<void>;
}

type Overrides = Record<string, string>;

const SCHEMAS: Overrides = {
  "key.converter.schemas.enable": "true",
  "value.converter.schemas.enable": "true",
};

const NOTES = "CREATE TABLE notes (id int PRIMARY KEY, part int, body text)";

/** Both with and without the schema in every record. */
function both(item: CaptureCase): CaptureCase[] {
  return [item, {
    ...item,
    name: `${item.name}-schemas`,
    config: { ...item.config, ...SCHEMAS },
  }];
}

export const CASES: CaptureCase[] = [
  {
    name: "bank-schemas",
    config: SCHEMAS,
    before: async (capture) => {
      await capture.sql(BANK);
      await capture.sql(bankRows(1));
    },
    steps: (capture) => capture.sql("UPDATE wallets SET balance = 1 WHERE kind = 'current'"),
  },
  {
    name: "bank",
    before: async (capture) => {
      await capture.sql(BANK);
      await capture.sql(bankRows(1));
    },
    steps: async (capture) => {
      await capture.sql(bankRows(2));
      await capture.sql("UPDATE wallets SET balance = balance + 1.05, version = version + 1");
      await capture.sql("DELETE FROM notifications; DELETE FROM beneficiaries");
    },
  },
  {
    name: "identity-full",
    before: (capture) =>
      capture.sql(`${NOTES}; ALTER TABLE notes REPLICA IDENTITY FULL;
      INSERT INTO notes VALUES (1, 1, 'first'), (2, NULL, NULL)`),
    steps: async (capture) => {
      await capture.sql("UPDATE notes SET body = 'changed' WHERE id = 1");
      await capture.sql("UPDATE notes SET id = 3 WHERE id = 2");
      await capture.sql("DELETE FROM notes WHERE id = 1");
    },
  },
  ...both({
    name: "key-change",
    before: (capture) =>
      capture.sql(`CREATE TABLE pairs (a int, b text, body text NOT NULL,
      PRIMARY KEY (a, b)); INSERT INTO pairs VALUES (1, 'x', 'one')`),
    steps: async (capture) => {
      await capture.sql("UPDATE pairs SET a = 2, body = 'two'");
      await capture.sql("DELETE FROM pairs");
    },
  }),
  ...both({
    name: "truncate",
    before: (capture) =>
      capture.sql(`${NOTES}; CREATE TABLE lines (note int REFERENCES notes,
      line int, PRIMARY KEY (note, line)); INSERT INTO notes VALUES (1, 1, 'a');
      INSERT INTO lines VALUES (1, 1)`),
    steps: async (capture) => {
      await capture.sql(`INSERT INTO notes VALUES (2, 2, 'b'); TRUNCATE notes CASCADE;
        INSERT INTO notes VALUES (3, 3, 'c')`);
      await capture.sql("TRUNCATE lines");
    },
  }),
  ...both({
    name: "message",
    before: (capture) => capture.sql(NOTES),
    steps: async (capture) => {
      await capture.sql(`INSERT INTO notes VALUES (1, 1, 'a');
        SELECT pg_logical_emit_message(true, 'inside', 'of a transaction');
        SELECT pg_logical_emit_message(false, 'beside', '\\x00ff'::bytea)`);
      await capture.sql("SELECT pg_logical_emit_message(true, 'alone', '')");
    },
  }),
  {
    name: "heartbeat",
    config: { "heartbeat.interval.ms": "300" },
    before: (capture) => capture.sql(NOTES),
    steps: async (capture) => {
      await capture.sql("INSERT INTO notes VALUES (1, 1, 'a')");
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await capture.sql("INSERT INTO notes VALUES (2, 1, 'b')");
      await new Promise((resolve) => setTimeout(resolve, 1500));
    },
  },
  {
    name: "transactions-schemas",
    config: SCHEMAS,
    before: (capture) => capture.sql(NOTES),
    steps: (capture) => capture.sql("INSERT INTO notes VALUES (1, 1, 'a'); DELETE FROM notes"),
  },
  {
    name: "transactions",
    before: (capture) => capture.sql(`${NOTES}; CREATE TABLE other (id int PRIMARY KEY, note int)`),
    steps: async (capture) => {
      await capture.sql("INSERT INTO notes VALUES (1, 1, 'a'); INSERT INTO other VALUES (1, 1)");
      await capture.sql(`INSERT INTO notes VALUES (2, 1, 'b'), (3, 1, 'c');
        UPDATE other SET note = 2; DELETE FROM notes WHERE id = 1;
        UPDATE notes SET id = 4 WHERE id = 2; SELECT pg_logical_emit_message(true, 'in', 'side');
        TRUNCATE other`);
      await capture.sql(`CREATE TABLE public.unheard (id int); INSERT INTO unheard VALUES (1)`);
      await capture.sql(`BEGIN; INSERT INTO other VALUES (7, 7); SAVEPOINT a;
        INSERT INTO other VALUES (8, 8); ROLLBACK TO a; INSERT INTO other VALUES (9, 9); COMMIT`);
    },
  },
  {
    name: "interleaved",
    before: (capture) => capture.sql(NOTES),
    steps: async (capture) => {
      const [a, b] = [await capture.client(), await capture.client()];
      await a.query("BEGIN; INSERT INTO notes VALUES (1, 1, 'a begins first, ends last')");
      await b.query("BEGIN; INSERT INTO notes VALUES (2, 2, 'b')");
      await a.query("INSERT INTO notes VALUES (3, 1, 'a again')");
      await b.query("INSERT INTO notes VALUES (4, 2, 'b again'); COMMIT");
      await a.query("UPDATE notes SET body = 'a sees b' WHERE id = 2");
      await b.query("INSERT INTO notes VALUES (5, 2, 'between')");
      await a.query("COMMIT");
    },
  },
  toastCase("default", "DEFAULT", {}, "all"),
  toastCase("full", "FULL", {}, "few"),
  toastCase("base64", "DEFAULT", { "binary.handling.mode": "base64" }, "few"),
  toastCase("schemas", "DEFAULT", SCHEMAS, "few"),
  {
    name: "no-key",
    before: (capture) =>
      capture.sql(`CREATE TABLE keyless (a int, b text);
      ALTER TABLE keyless REPLICA IDENTITY FULL; INSERT INTO keyless VALUES (1, 'x'), (1, 'x')`),
    steps: async (capture) => {
      await capture.sql("INSERT INTO keyless VALUES (2, NULL)");
      await capture.sql("UPDATE keyless SET b = 'y'");
      await capture.sql("DELETE FROM keyless WHERE a = 1; TRUNCATE keyless");
    },
  },
  {
    name: "incremental",
    config: { "incremental.snapshot.chunk.size": "2" },
    before: (capture) =>
      capture.sql(`${NOTES};
      INSERT INTO notes SELECT i, i % 2, 'row ' || i FROM generate_series(1, 5) i`),
    steps: async (capture) => {
      await capture.sql(`INSERT INTO debezium.signal VALUES ('again', 'execute-snapshot',
        '{"type": "incremental", "data-collections": ["public.notes"]}')`);
      for (let i = 0; i < 8; i++) {
        await capture.sql(`UPDATE notes SET body = 'changed ${i}' WHERE id = ${i % 5 + 1}`);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      await new Promise((resolve) => setTimeout(resolve, 2000));
    },
  },
  ...typeCases(),
];

/** Updates that leave values alone which are stored out of line. */
function toastCase(
  name: string,
  identity: string,
  config: Overrides,
  steps: "all" | "few",
): CaptureCase {
  return {
    name: `toast-${name}`,
    config,
    before: async (capture) => {
      await capture.sql(`${LARGE_TABLE}; ALTER TABLE large REPLICA IDENTITY ${identity}`);
      await capture.sql(LARGE_ROW);
    },
    steps: async (capture) => {
      await capture.sql("UPDATE large SET n = 2");
      if (steps === "few") return;
      await capture.sql("UPDATE large SET t = 'short'");
      await capture.sql("UPDATE large SET id = 2");
      await capture.sql("DELETE FROM large");
    },
  };
}

/** PostgreSQL's types at their edges, in the modes that change how they look. */
function typeCases(): CaptureCase[] {
  const item = (name: string, which: RowChoice, config: Overrides) => ({
    name: `types-${name}`,
    config,
    before: async (capture: Capture) => {
      await capture.sql(TYPES_TABLE);
      if (which !== "one") await capture.sql(typeRows(which, 1));
    },
    steps: (capture: Capture) => capture.sql(typeRows(which, 1001)),
  });
  const precise = {
    "decimal.handling.mode": "precise",
    "interval.handling.mode": "numeric",
    "binary.handling.mode": "bytes",
  };
  const double = { "decimal.handling.mode": "double", "binary.handling.mode": "hex" };
  const microseconds = { "time.precision.mode": "adaptive_time_microseconds" };
  const connect = { "time.precision.mode": "connect" };
  return [
    item("string", "all", {}),
    item("precise", "all", precise),
    item("double", "few", double),
    item("time-microseconds", "few", microseconds),
    item("time-connect", "few", connect),
    // The schema of so many columns is long: one row says it all.
    item("string-schemas", "one", SCHEMAS),
    item("precise-schemas", "one", { ...precise, ...SCHEMAS }),
    item("double-schemas", "one", { ...double, ...SCHEMAS }),
    item("time-microseconds-schemas", "one", { ...microseconds, ...SCHEMAS }),
    item("time-connect-schemas", "one", { ...connect, ...SCHEMAS }),
  ];
}
