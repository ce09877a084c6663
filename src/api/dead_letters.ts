/** The records that were set aside: a list, and one whole. */
import type { Context } from "hono";
import { quoted } from "../errors.ts";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { ProblemError } from "./problem.ts";
import { answerResponse } from "./tables.ts";

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 10_000;

/** `GET /v1/dead-letters?limit=100` */
export async function getDeadLetters(deps: ApiDeps, c: Context<ApiEnv>): Promise<Response> {
  const limit = wholeNumber(c.req.query("limit") ?? String(LIMIT_DEFAULT), "limit", LIMIT_MAX);
  return answerResponse(c, await deps.ask({ kind: "letters", limit }, c.req.raw.signal));
}

/** `GET /v1/dead-letters/{id}` */
export async function getDeadLetter(deps: ApiDeps, c: Context<ApiEnv>): Promise<Response> {
  const id = wholeNumber(c.req.param("id") ?? "", "id", Number.MAX_SAFE_INTEGER);
  return answerResponse(c, await deps.ask({ kind: "letter", id }, c.req.raw.signal));
}

function wholeNumber(text: string, name: string, max: number): number {
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && value >= 1 && value <= max) return value;
  throw new ProblemError({
    status: 400,
    title: `Bad ${name}`,
    detail: `Received ${quoted(text)}; allowed: a whole number from 1 to ${max}.`,
  });
}
