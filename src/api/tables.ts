/** The replicated tables, and one row of one of them. */
import type { Context } from "hono";
import { quoted } from "../errors.ts";
import type { Answer } from "../messages.ts";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { ProblemError } from "./problem.ts";

/** `GET /v1/tables`. */
export async function getTables(deps: ApiDeps, c: Context<ApiEnv>): Promise<Response> {
  return answerResponse(c, await deps.ask({ kind: "tables" }, c.req.raw.signal));
}

/**
 * `GET /v1/tables/{schema.table}/rows/{key}`. A composite key's parts are separated by commas. Each
 * part is percent-encoded on its own: `a%2Cb,c` are the two parts `a,b` and `c`, so the path is
 * split before it is decoded.
 */
export async function getRow(deps: ApiDeps, c: Context<ApiEnv>): Promise<Response> {
  const [, , , table, , key] = new URL(c.req.url).pathname.split("/");
  const question = {
    kind: "row" as const,
    table: decode(table),
    key: key.split(",").map(decode),
  };
  return answerResponse(c, await deps.ask(question, c.req.raw.signal));
}

/** The warehouse's answer, as it came. */
export function answerResponse(c: Context<ApiEnv>, answer: Answer): Response {
  return c.body(answer.json, 200, {
    "content-type": "application/json",
    "sluice-lsn": answer.lsn,
  });
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ProblemError({
      status: 400,
      title: "Bad percent-encoding",
      detail: `A part of the path is not UTF-8 in percent-encoding: received ${quoted(part)}.`,
    });
  }
}
