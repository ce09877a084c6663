/**
 * What the two isolates say to each other. `main` serves HTTP and supervises; `ingest` owns the
 * source, the batches and the warehouse file. Everything crosses as plain data.
 */
import type { Config } from "./config.ts";
import type { FaultData } from "./errors.ts";
import type { Area } from "./budget.ts";

/** From main to ingest. */
export type ToIngest =
  | { kind: "start"; config: Config; options: StartOptions }
  /** Main's sign of life. */
  | { kind: "alive" }
  /** Drain what was read, commit, confirm, close, then answer `stopped`. */
  | { kind: "stop" }
  | { kind: "ask"; id: number; question: Question }
  /** The asker has gone: interrupt the question's statement. */
  | { kind: "cancel"; id: number };

/** From ingest to main. */
export type ToMain =
  /** A sign of life, also while there is nothing to report of yet. */
  | { kind: "alive" }
  | { kind: "status"; status: IngestStatus }
  | { kind: "applied"; applied: Applied }
  | { kind: "answer"; id: number; answer: Answer }
  | { kind: "refused"; id: number; refusal: Refusal }
  | { kind: "log"; record: LogData }
  | { kind: "failed"; fault: FaultData }
  | { kind: "stopped" };

/** The options of `serve`. */
export interface StartOptions {
  /** Fill the warehouse again. */
  resnapshot: boolean;
  /** Take what is there as it is, though the connector took its snapshot again. */
  acceptSnapshot: boolean;
}

/** What the API may ask of the warehouse. */
export type Question =
  | { kind: "tables" }
  /** `key` holds the key's values as text, in the order of the primary key's columns. */
  | { kind: "row"; table: string; key: string[] }
  /** The newest dead letters, at most `limit`. */
  | { kind: "letters"; limit: number }
  | { kind: "letter"; id: number }
  /** One read-only statement. `maxRows` cuts the answer, `timeoutMs` interrupts the statement. */
  | { kind: "sql"; sql: string; maxRows: number; timeoutMs: number };

/** An answer as finished JSON text, and the source position it reflects, read in one snapshot. */
export interface Answer {
  lsn: string;
  json: string;
}

/** Why a question has no answer. `title` and `detail` go into `application/problem+json`. */
export interface Refusal {
  status: 400 | 404 | 408 | 413 | 503;
  title: string;
  detail: string;
}

/** A log record on its way to main, which owns the console and the file. */
export interface LogData {
  category: string[];
  level: "debug" | "info" | "warning" | "error";
  message: string;
  properties: Record<string, unknown>;
  /** Milliseconds since 1970. */
  timestamp: number;
}

/** What happened to one table in a commit: how many changes of each op. */
export interface AppliedTable {
  table: string;
  counts: Partial<Record<"c" | "u" | "d" | "r" | "t", number>>;
}

/** One durable commit of the warehouse. */
export interface Applied {
  tables: AppliedTable[];
  /** For each source transaction in it, the ms from its commit at the source until it was visible
   * here (by the two machines' clocks). At most 1,000 of them, evenly chosen. */
  commitToVisibleMs: number[];
  /** Source transactions in it. */
  transactions: number;
  /** How long the sink's commit took, in ms. */
  commitMs: number;
}

/** Progress of one table's snapshot. `rowsEstimated` is the planner's guess, −1 when unknown. */
export interface SnapshotTable {
  table: string;
  rows: number;
  rowsEstimated: number;
  done: boolean;
}

/** What ingest is doing, sent at least once a second. */
export interface IngestStatus {
  phase: "starting" | "connecting" | "snapshot" | "streaming" | "waiting" | "stopping";
  /** While `waiting`: what for, and the fault that made it wait. */
  waiting: FaultData | null;
  connected: boolean;
  snapshotDone: boolean;
  snapshot: SnapshotTable[];
  /** Durable position in the warehouse, `0/0` before there is one. */
  lsn: string;
  /** How far the server's WAL is, as it last told us; null before that. */
  serverLsn: string | null;
  /** Confirmed to the server. */
  confirmedLsn: string | null;
  /** WAL that is not decoded; null when the source does not count in bytes. */
  lagBytes: number | null;
  /** Records of topics that are not decoded; null when the source does not count in records. */
  lagRecords: number | null;
  /** Why answers can't be relied on yet though the source is connected, as sentences. */
  holds: string[];
  /** Milliseconds since 1970 of the oldest source commit read and not yet applied; null: none. */
  oldestUnappliedMs: number | null;
  /** The same for what the server has and we have not read: when the lag in bytes began. */
  behindSinceMs: number | null;
  /** Bytes in use, of those areas that ingest can measure. */
  memoryUsedBytes: Partial<Record<Area, number>>;
  deadLetters: number;
  /** Tables that match SLUICE_TABLES and are not replicated, with the reason. */
  leftOut: { table: string; reason: string }[];
}
