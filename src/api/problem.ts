/** Errors as `application/problem+json` (RFC 9457). */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { logger } from "../log.ts";
import type { Refusal } from "../messages.ts";

/** The body of every error. `type` stays `about:blank`: status and title say what it is. */
export interface Problem {
  status: ContentfulStatusCode;
  title: string;
  /** What was wrong, what was received, what is allowed. Never a stack trace. */
  detail: string;
}

/** Thrown by a handler to answer with a problem. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  constructor(readonly problem: Problem) {
    super(`${problem.title}: ${problem.detail}`);
  }
}

/** The response for `problem`. */
export function problemResponse(
  c: Context,
  problem: Problem,
  headers?: Record<string, string>,
): Response {
  const { status, title, detail } = problem;
  return c.body(JSON.stringify({ type: "about:blank", title, status, detail }), status, {
    ...headers,
    "content-type": "application/problem+json",
  });
}

const log = logger("api");

/** The response for anything that a handler threw; what is not expected is logged, not told. */
export function errorResponse(error: Error, c: Context): Response {
  if (error instanceof ProblemError) return problemResponse(c, error.problem);
  const refusal = refusalOf(error);
  if (refusal !== undefined) {
    return problemResponse(c, refusal, refusal.status === 503 ? { "retry-after": "1" } : undefined);
  }
  log.error("{method} {path} failed: {error}", {
    method: c.req.method,
    path: c.req.path,
    error: error.stack ?? String(error),
  });
  return problemResponse(c, {
    status: 500,
    title: "Internal error",
    detail: "Sluice failed to answer; the log holds what happened.",
  });
}

/** Known by its property: the class is the warehouse's, and the error may have crossed isolates. */
function refusalOf(error: Error): Refusal | undefined {
  return "refusal" in error ? error.refusal as Refusal : undefined;
}
