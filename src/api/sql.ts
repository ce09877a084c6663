/** `POST /v1/sql`: one read-only statement, on loopback only. */
import type { Context } from "hono";
import { z } from "zod";
import { quoted } from "../errors.ts";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { ProblemError } from "./problem.ts";
import { answerResponse } from "./tables.ts";

/** The longest request body, in bytes. */
export const SQL_BODY_BYTES_MAX = 1024 * 1024;

/** Answers the statement in the body; refuses what does not come from this machine. */
export async function postSql(deps: ApiDeps, c: Context<ApiEnv>): Promise<Response> {
  assertLocal(deps, c);
  const body = await readBody(deps, c);
  const question = {
    kind: "sql" as const,
    sql: body.sql,
    maxRows: body.max_rows ?? deps.config.SLUICE_SQL_MAX_ROWS,
    timeoutMs: (body.timeout_seconds ?? deps.config.SLUICE_SQL_TIMEOUT_SECONDS) * 1000,
  };
  return answerResponse(c, await deps.ask(question, c.req.raw.signal));
}

/**
 * A page in a browser on this machine could post here as well: by another site's form or script
 * (its Origin tells), or by a name that it made point to 127.0.0.1 (the Host tells).
 */
function assertLocal(deps: ApiDeps, c: Context<ApiEnv>): void {
  if (!deps.loopback) {
    throw forbidden(
      "POST /v1/sql is served on loopback only, and this listener is not: set SLUICE_HTTP_ADDR " +
        "to 127.0.0.1 or [::1] to use it.",
    );
  }
  const host = c.req.header("host") ?? new URL(c.req.url).host;
  if (!isLoopbackHost(host)) {
    throw forbidden(
      `The Host header must name this machine's loopback: received ${quoted(host)}; allowed: ` +
        "localhost, 127.0.0.1 or [::1], with any port.",
    );
  }
  const origin = c.req.header("origin");
  if (origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host)) {
    throw forbidden(
      `The request comes from a page of another origin: received Origin ${quoted(origin)}; ` +
        `allowed: none, or this server's own.`,
    );
  }
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    throw forbidden(
      `The request comes from another site's page: received Sec-Fetch-Site ${quoted(site)}.`,
    );
  }
}

/** Whether `host` (with or without a port) is a loopback name or address. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d+$/, "").toLowerCase();
  return name === "localhost" || name === "[::1]" || /^127(\.\d{1,3}){3}$/.test(name);
}

function forbidden(detail: string): ProblemError {
  return new ProblemError({ status: 403, title: "SQL is not served here", detail });
}

interface SqlBody {
  sql: string;
  max_rows?: number;
  timeout_seconds?: number;
}

/** The body as JSON, or the SQL itself as text with the limits in the query string. */
async function readBody(deps: ApiDeps, c: Context<ApiEnv>): Promise<SqlBody> {
  const type = (c.req.header("content-type") ?? "").split(";")[0].trim().toLowerCase();
  if (type === "text/plain") {
    return check(deps, { ...numbers(c.req.query()), sql: await c.req.text() });
  }
  if (type !== "application/json") {
    throw new ProblemError({
      status: 415,
      title: "Unsupported media type",
      detail: `The content type is ${type === "" ? "missing" : quoted(type)}; allowed: ` +
        'application/json with {"sql": "…"} (curl --json), or text/plain with the SQL itself ' +
        "(curl -H 'content-type: text/plain' --data-binary).",
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(await c.req.text());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid(`The body is not JSON: ${error.message}`);
  }
  return check(deps, json);
}

function check(deps: ApiDeps, body: unknown): SqlBody {
  const { SLUICE_SQL_MAX_ROWS: rows, SLUICE_SQL_TIMEOUT_SECONDS: seconds } = deps.config;
  const schema = z.strictObject({
    sql: z.string().min(1),
    max_rows: z.number().int().min(1).max(rows).optional(),
    timeout_seconds: z.number().positive().max(seconds).optional(),
  });
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`
  );
  throw invalid(
    `${problems.join("; ")}. Allowed: sql, a text; max_rows, a whole number from 1 to ${rows}; ` +
      `timeout_seconds, a number above 0 and up to ${seconds}.`,
  );
}

function numbers(query: Record<string, string>): Record<string, unknown> {
  const entries = Object.entries(query).map(([name, value]) => [
    name,
    value.trim() === "" || Number.isNaN(Number(value)) ? value : Number(value),
  ]);
  return Object.fromEntries(entries);
}

function invalid(detail: string): ProblemError {
  return new ProblemError({ status: 400, title: "Body not valid", detail });
}
