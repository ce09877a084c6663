/** Shows how a `serve` that we have started comes up, what to try on it, and how changes come in. */
import { examples } from "./examples.ts";
import { getChanges, getReadiness, pause, type Readiness, waitUntilReady } from "./readiness.ts";
import { count } from "./screen.ts";
import type { Session } from "./session.ts";

const STATUS_MS = 1000;
const FIRST_CHANGE_POLL_MS = 100;

export interface FollowOptions {
  /** Where `serve` answers. */
  base: string;
  /** Its data folder, as shown. */
  dataDir: string;
  /** Whether somebody writes to the source, so that a first change is sure to come. */
  traffic: boolean;
  /** The bank's tables are replicated. */
  bank: boolean;
  /** `POST /v1/sql` is served. */
  sql: boolean;
  /** Lines after the examples. */
  more: string[];
}

/** Shows the snapshot, then what to try, then how the changes come in, until we are stopped. */
export async function follow(session: Session, options: FollowOptions): Promise<void> {
  const { screen, stopping } = session;
  const { base } = options;
  const tellWaiting = waitingTeller((line) => screen.line(line));
  await waitUntilReady(base, stopping, ({ snapshot, waiting }) => {
    tellWaiting(waiting);
    if (snapshot.tables.length > 0) screen.snapshot(snapshot.tables);
  });
  screen.snapshotEnded((await getChanges(base))?.copied);
  screen.step(`ready: changes are streaming into ${options.dataDir}/warehouse.duckdb`);
  if (options.traffic) await firstChange(session, base);
  printHelp(session, options);
  while (!stopping.aborted) {
    const [changes, readiness] = await Promise.all([getChanges(base), getReadiness(base)]);
    if (changes !== undefined && readiness !== undefined && !stopping.aborted) {
      tellWaiting(readiness.waiting);
      const lag = readiness.lag_seconds?.toFixed(1) ?? "?";
      screen.status(`${count(changes.streamed)} changes since the start, ${lag} s behind`);
    }
    await pause(STATUS_MS, stopping);
  }
}

/** Tells what `serve` waits out, once each time that it begins to wait. */
function waitingTeller(tell: (line: string) => void): (fault: Readiness["waiting"]) => void {
  let before: string | undefined;
  return (fault) => {
    if (fault !== null && fault.text !== before) tell(`serve waits: ${fault.text}`);
    before = fault?.text;
  };
}

async function firstChange({ screen, stopping }: Session, base: string): Promise<void> {
  while (!stopping.aborted) {
    const streamed = (await getChanges(base))?.streamed ?? 0;
    if (streamed > 0) return screen.step(`the first ${count(streamed)} changes have arrived`);
    await pause(FIRST_CHANGE_POLL_MS, stopping);
  }
}

function printHelp({ screen, stopping }: Session, options: FollowOptions): void {
  if (stopping.aborted) return;
  screen.line();
  screen.line(`Sluice answers on ${options.base}. Try, in another terminal:`);
  for (const { what, curl } of examples(options.base, options.bank, options.sql)) {
    screen.line();
    screen.line(`  # ${what}`);
    screen.line(`  ${curl}`);
  }
  screen.line();
  for (const line of options.more) screen.line(line);
  screen.line("Ctrl-C stops everything; the data stays.");
  screen.line();
}
