import type { Config } from "../config.ts";
import type { Answer, IngestStatus, Question } from "../messages.ts";
import type { Metrics } from "../metrics.ts";

/** What the API needs of the process around it. */
export interface ApiDeps {
  /** Asks the warehouse. Rejects with an error that has a `refusal` when there is no answer. */
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
  /** The last status that ingest sent; null before the first. */
  status(): IngestStatus | null;
  /** When it came, in ms since 1970; null before the first. */
  statusAtMs(): number | null;
  /** The clock, in ms since 1970. */
  now(): number;
  /** When the process started, in ms since 1970. */
  startedAtMs: number;
  version: string;
  metrics: Metrics;
  /** Whether the listener is bound to a loopback address: only then is SQL served. */
  loopback: boolean;
  config: Pick<
    Config,
    | "SLUICE_READY_LAG_SECONDS"
    | "SLUICE_SQL_TIMEOUT_SECONDS"
    | "SLUICE_SQL_MAX_ROWS"
    | "SLUICE_HANG_SECONDS"
  >;
}

/** What rides along a request. */
export interface ApiEnv {
  Variables: {
    /** Pattern of the route that answers, for metrics. */
    route: string;
  };
}
