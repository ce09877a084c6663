/**
 * Mends kafkajs's request queue (its issue 1751). When no request waits, it sets a timer with a
 * negative delay, which the runtime makes 1 ms and warns of, and at its end sets it again: a busy
 * loop for each connection, idle or not. A check is due only when a request waits, and every request
 * that comes to wait sets the timer itself.
 */
import RequestQueue from "kafkajs/request-queue";

/** As kafkajs has it. */
export const originalSchedule: (this: unknown) => void =
  RequestQueue.prototype.scheduleCheckPendingRequests;

/** To be called before the first connection; more calls change nothing. */
export function mendRequestQueue(): void {
  RequestQueue.prototype.scheduleCheckPendingRequests = function (
    this: { pending: unknown[] },
  ): void {
    if (this.pending.length > 0) originalSchedule.call(this);
  };
}
