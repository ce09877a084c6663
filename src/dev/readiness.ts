/** What a running `serve` says of itself over HTTP, for the screen of `deno task dev`. */

/** What of `GET /readyz` is shown. */
export interface Readiness {
  ready: boolean;
  reasons: string[];
  phase: string | null;
  waiting: { text: string } | null;
  snapshot: { done: boolean; tables: SnapshotTable[] };
  lag_seconds: number | null;
}

export interface SnapshotTable {
  table: string;
  rows: number;
  rows_estimated: number | null;
  done: boolean;
}

const POLL_MS = 100;
const ANSWER_MS = 3000;

/** Asks until it is ready, and tells each answer. Throws what `signal` was aborted with. */
export async function waitUntilReady(
  base: string,
  signal: AbortSignal,
  onAnswer: (readiness: Readiness) => void,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const readiness = await getReadiness(base);
    if (readiness !== undefined) onAnswer(readiness);
    if (readiness?.ready) return;
    await pause(POLL_MS, signal);
  }
}

/** One answer, or undefined while nobody listens. */
export async function getReadiness(base: string): Promise<Readiness | undefined> {
  try {
    const response = await fetch(`${base}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return await response.json();
  } catch {
    return undefined; // not listening yet, or too busy: the child's own end tells of worse
  }
}

/** Rows that were applied since `serve` started. */
export interface Changes {
  /** By the snapshot. */
  copied: number;
  /** By streaming. */
  streamed: number;
}

/** Asks for them; undefined while nobody listens. */
export async function getChanges(base: string): Promise<Changes | undefined> {
  try {
    const response = await fetch(`${base}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return parseChanges(await response.text());
  } catch {
    return undefined;
  }
}

/** The sums of `sluice_changes_total` over all tables; the op `r` is the snapshot's. */
export function parseChanges(metrics: string): Changes {
  const changes = { copied: 0, streamed: 0 };
  for (const [, labels, value] of metrics.matchAll(/^sluice_changes_total\{(.*)\} (\S+)/gm)) {
    changes[labels.includes('op="r"') ? "copied" : "streamed"] += Number(value);
  }
  return changes;
}

/** Waits `ms`, or until `signal` is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
