/**
 * The HTTP API. Every answer carries `sluice-lsn`, the source position that it reflects: that of
 * its snapshot when it comes from the warehouse, else the last durable one.
 */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { getDeadLetter, getDeadLetters } from "./dead_letters.ts";
import type { ApiDeps, ApiEnv } from "./deps.ts";
import { readiness } from "./health.ts";
import { errorResponse, problemResponse } from "./problem.ts";
import { postSql, SQL_BODY_BYTES_MAX } from "./sql.ts";
import { getRow, getTables } from "./tables.ts";

type Handle = (c: Context<ApiEnv>) => Response | Promise<Response>;

/** One row of the table of routes. */
interface Route {
  method: "GET" | "POST";
  /** As people write it. */
  path: string;
  /** As Hono matches it; the same when left out. */
  pattern?: string;
  what: string;
  handle: Handle;
}

function routes(deps: ApiDeps): Route[] {
  return [
    { method: "GET", path: "/", what: "this list", handle: (c) => index(deps, c) },
    {
      method: "GET",
      path: "/healthz",
      what: "200 while the process is alive",
      handle: (c) => c.json({ status: "ok", version: deps.version }),
    },
    {
      method: "GET",
      path: "/readyz",
      what: "200 when the warehouse may be relied on, else 503 with the reasons",
      handle: (c) => {
        const body = readiness(deps);
        return c.json(body, body.ready ? 200 : 503);
      },
    },
    {
      method: "GET",
      path: "/metrics",
      what: "metrics for Prometheus",
      handle: async (c) => {
        deps.metrics.ready(readiness(deps).ready);
        const text = await deps.metrics.render();
        return c.body(text, 200, { "content-type": deps.metrics.contentType });
      },
    },
    {
      method: "GET",
      path: "/v1/memory",
      what: "the memory budget: limit, use and high-water mark of each area",
      handle: (c) => c.json(deps.metrics.memory()),
    },
    {
      method: "GET",
      path: "/v1/tables",
      what: "the replicated tables: columns, keys, counts",
      handle: (c) => getTables(deps, c),
    },
    {
      method: "GET",
      path: "/v1/tables/{schema.table}/rows/{key}",
      pattern: "/v1/tables/:table/rows/:key{[^/]*}",
      what: "one row by its key; the parts of a composite key separated by commas",
      handle: (c) => getRow(deps, c),
    },
    {
      method: "GET",
      path: "/v1/dead-letters",
      what: "records that were set aside, the newest first (?limit=100)",
      handle: (c) => getDeadLetters(deps, c),
    },
    {
      method: "GET",
      path: "/v1/dead-letters/{id}",
      pattern: "/v1/dead-letters/:id",
      what: "one of them whole: headers, key and value as they came",
      handle: (c) => getDeadLetter(deps, c),
    },
    {
      method: "POST",
      path: "/v1/sql",
      what: 'one read-only statement, {"sql": "SELECT …"}; on loopback only',
      handle: (c) => postSql(deps, c),
    },
  ];
}

/** The API as a Hono app: `Deno.serve(app.fetch)` serves it, `app.request()` tests it. */
export function createApp(deps: ApiDeps): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  const table = routes(deps);
  app.use(async (c, next) => {
    const begin = performance.now();
    c.set("route", "none");
    await next();
    const { headers } = c.res;
    if (!headers.has("sluice-lsn")) headers.set("sluice-lsn", deps.status()?.lsn ?? "0/0");
    headers.set("cache-control", "no-store");
    headers.set("x-content-type-options", "nosniff");
    const seconds = (performance.now() - begin) / 1000;
    deps.metrics.request(c.get("route"), method(c), c.res.status, seconds);
  });
  app.use(bodyLimit({
    maxSize: SQL_BODY_BYTES_MAX,
    onError: (c) =>
      problemResponse(c, {
        status: 413,
        title: "Body too large",
        detail: `The body has more than ${SQL_BODY_BYTES_MAX} bytes, which is the most allowed.`,
      }),
  }));
  for (const route of table) {
    const pattern = route.pattern ?? route.path;
    app.on(route.method, pattern, (c) => {
      c.set("route", route.path);
      return route.handle(c);
    });
    app.all(pattern, (c) => {
      c.set("route", route.path);
      return methodNotAllowed(c, route);
    });
  }
  app.notFound((c) =>
    problemResponse(c, {
      status: 404,
      title: "No such route",
      detail: `${method(c)} ${new URL(c.req.url).pathname} is not served. Served: ${
        table.map((route) => `${route.method} ${route.path}`).join(", ")
      }.`,
    })
  );
  app.onError(errorResponse);
  return app;
}

function index(deps: ApiDeps, c: Context<ApiEnv>): Response {
  const endpoints = routes(deps).map(({ method, path, what }) => ({ method, path, what }));
  return c.json({ name: "sluice", version: deps.version, endpoints });
}

function methodNotAllowed(c: Context<ApiEnv>, route: Route): Response {
  const allowed = route.method === "GET" ? "GET, HEAD" : route.method;
  return problemResponse(c, {
    status: 405,
    title: "Method not allowed",
    detail: `Received ${method(c)} for ${route.path}; allowed: ${allowed}.`,
  }, { allow: allowed });
}

/** The method, from a closed list: it is a label of metrics, and a client may send any word. */
function method(c: Context<ApiEnv>): string {
  const known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
  return known.includes(c.req.method) ? c.req.method : "other";
}
