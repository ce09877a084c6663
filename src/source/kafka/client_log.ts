/**
 * What kafkajs logs, as records of our own category `source`. It logs an error for all that it then
 * tries again by itself, so its levels are one too high for an operator: what ends the reading
 * reaches them as a `Fault`.
 */
import { type LogEntry, logLevel } from "kafkajs";
import { logger } from "../../log.ts";

const log = logger("source");

/** Said in the ordinary course of things: joining, stopping, a rebalance, a broker that restarts
 * (whose loss becomes a fault if it lasts). */
const ORDINARY = [
  /^Connection (error|timeout)/,
  /^Failed to connect to (seed )?broker/,
  /^The group is rebalancing/,
  /^The coordinator is not aware of this member/,
  /^Response (Heartbeat|JoinGroup|SyncGroup|LeaveGroup|OffsetCommit|Metadata|Fetch|GroupCoordinator|FindCoordinator|ListOffsets)\(/,
  /^Crash: /, // comes back as the CRASH event
  /^Topic has been updated, resync group/,
  /^Closed connection/,
  /^No broker available/,
];

/** For kafkajs's `logCreator`. */
export function clientLog(): (entry: LogEntry) => void {
  return ({ level, log: { message, timestamp: _, logger: __, stack: ___, ...values } }) => {
    const text = "kafkajs: {said}";
    const properties = { ...values, said: message };
    if (level === logLevel.DEBUG || level === logLevel.INFO || isOrdinary(message)) {
      log.debug(text, properties);
    } else if (level === logLevel.WARN) {
      log.info(text, properties);
    } else {
      log.warn(text, properties);
    }
  };
}

function isOrdinary(message: unknown): boolean {
  return ORDINARY.some((pattern) => pattern.test(String(message)));
}
