import type { Refusal } from "../../messages.ts";

/**
 * Thrown when a question has no answer. Plain data rides in `refusal`, so that it can cross between
 * isolates; the API recognises it by that property alone.
 */
export class RefusalError extends Error {
  override readonly name = "RefusalError";

  constructor(readonly refusal: Refusal, options?: ErrorOptions) {
    super(`${refusal.title}: ${refusal.detail}`, options);
  }
}

/** Shorthand for `new RefusalError({ status, title, detail })`. */
export function refuse(status: Refusal["status"], title: string, detail: string): RefusalError {
  return new RefusalError({ status, title, detail });
}

/**
 * What DuckDB threw while a question was answered, as what the asker is told. What says that the
 * database itself is broken is no refusal: it comes back as it is, for the log and the supervisor.
 */
export function refusalOfDuckdb(error: unknown): Error {
  if (error instanceof RefusalError) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  const message = error.message.replace(/^Failed to extract statements: /, "").trim();
  if (/^(FATAL|INTERNAL) Error/.test(message)) return error;
  if (/^Out of Memory Error/.test(message)) {
    return refuse(
      503,
      "Not enough memory",
      `The statement needs more than DuckDB's share of the memory budget. ${message.split("\n\n")[0] // what follows are settings that are not the asker's to change
      }`,
    );
  }
  if (/^IO Error/.test(message)) return refuse(503, "Warehouse not available", message);
  if (/^[A-Z][A-Za-z ]* Error: /.test(message)) return refuse(400, "SQL error", message);
  return error;
}
