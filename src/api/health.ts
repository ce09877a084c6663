/** Alive, ready, and why not. */
import { faultText } from "../errors.ts";
import type { IngestStatus } from "../messages.ts";
import { lagSeconds } from "../metrics.ts";
import type { ApiDeps } from "./deps.ts";

/** The body of `GET /readyz`. */
export interface Readiness {
  ready: boolean;
  /** Why not, as sentences; empty when ready. */
  reasons: string[];
  phase: IngestStatus["phase"] | null;
  /** The fault that ingest waits out. */
  waiting: { kind: string; text: string } | null;
  connected: boolean;
  snapshot: {
    done: boolean;
    tables: { table: string; rows: number; rows_estimated: number | null; done: boolean }[];
  };
  lsn: string;
  server_lsn: string | null;
  lag_seconds: number | null;
  lag_bytes: number | null;
  lag_records: number | null;
  left_out: IngestStatus["leftOut"];
}

/** Whether the warehouse may be relied on now: snapshot done, source connected, lag small. */
export function readiness(
  deps: Pick<ApiDeps, "status" | "statusAtMs" | "now" | "config">,
): Readiness {
  const status = deps.status();
  const now = deps.now();
  const reasons = status === null
    ? ["The ingest isolate has not reported yet: it is starting."]
    : reasonsOf(status, deps, now);
  return {
    ready: reasons.length === 0,
    reasons,
    phase: status?.phase ?? null,
    waiting: status?.waiting
      ? { kind: status.waiting.kind, text: faultText(status.waiting.details) }
      : null,
    connected: status?.connected ?? false,
    snapshot: {
      done: status?.snapshotDone ?? false,
      tables: (status?.snapshot ?? []).map(({ table, rows, rowsEstimated, done }) => ({
        table,
        rows,
        rows_estimated: rowsEstimated < 0 ? null : rowsEstimated,
        done,
      })),
    },
    lsn: status?.lsn ?? "0/0",
    server_lsn: status?.serverLsn ?? null,
    lag_seconds: status === null ? null : lagSeconds(status, now),
    lag_bytes: status?.lagBytes ?? null,
    lag_records: status?.lagRecords ?? null,
    left_out: status?.leftOut ?? [],
  };
}

function reasonsOf(
  status: IngestStatus,
  deps: Pick<ApiDeps, "statusAtMs" | "config">,
  now: number,
): string[] {
  const reasons: string[] = [];
  const { SLUICE_HANG_SECONDS: hang, SLUICE_READY_LAG_SECONDS: lagMax } = deps.config;
  const age = (now - (deps.statusAtMs() ?? now)) / 1000;
  if (age > hang) {
    reasons.push(`The ingest isolate has not reported for ${seconds(age)} s (limit ${hang} s).`);
  }
  if (status.phase === "stopping") reasons.push("Sluice is stopping.");
  if (status.waiting !== null) {
    reasons.push(`Waiting: ${faultText(status.waiting.details)}`);
  }
  if (!status.connected) reasons.push("The source is not connected.");
  if (!status.snapshotDone) {
    const { snapshot } = status;
    const done = snapshot.filter((table) => table.done).length;
    reasons.push(
      snapshot.length === 0
        ? "The snapshot has not begun."
        : `The snapshot is not done: ${done} of ${snapshot.length} tables.`,
    );
  }
  reasons.push(...status.holds);
  const lag = lagSeconds(status, now);
  if (lag > lagMax) {
    reasons.push(`The warehouse is ${seconds(lag)} s behind the source (limit ${lagMax} s).`);
  }
  return reasons;
}

function seconds(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}
