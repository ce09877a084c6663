/** Waits for a disk that is too full to open the warehouse. */
import { Fault, type FaultData, toFaultData } from "./errors.ts";
import { logger } from "./log.ts";
import type { IngestStatus } from "./messages.ts";

/** How soon it is tried again. */
const AGAIN_MS = 1000;

const log = logger("service");

/**
 * What `open` resolves to, tried again for as long as it throws a fault that can be waited out, which
 * `onWaiting` is told. Undefined: `isStopping` came first.
 */
export async function whenThereIsRoom<T>(
  open: () => Promise<T>,
  onWaiting: (status: IngestStatus) => void,
  isStopping: () => boolean,
): Promise<T | undefined> {
  let isKnown = false;
  while (!isStopping()) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof Fault) || error.reaction !== "retry") throw error;
      if (!isKnown) log.warn(error.message);
      isKnown = true;
      onWaiting(statusOf(toFaultData(error)));
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/** How ingest is without a warehouse. */
function statusOf(waiting: FaultData): IngestStatus {
  return {
    phase: "waiting",
    waiting,
    connected: false,
    snapshotDone: false,
    snapshot: [],
    lsn: "0/0",
    serverLsn: null,
    confirmedLsn: null,
    lagBytes: null,
    lagRecords: null,
    holds: [],
    oldestUnappliedMs: null,
    behindSinceMs: null,
    memoryUsedBytes: { "task-heap": Deno.memoryUsage().heapUsed },
    deadLetters: 0,
    leftOut: [],
  };
}
