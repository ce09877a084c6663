/** The lines to try that `deno task dev` ends with. Each must work as printed, in any shell. */

export interface Example {
  /** Shown above the line. */
  what: string;
  curl: string;
}

const NEWEST = "SELECT created_at, kind, amount, currency FROM public.transactions " +
  "ORDER BY created_at DESC LIMIT 3";
const TOTAL = "SELECT sum(balance) AS sum FROM public.wallets";

/** Three lines. `bank`: the bank's tables are replicated. `sql`: `POST /v1/sql` is served. */
export function examples(base: string, bank: boolean, sql: boolean): Example[] {
  const get = (what: string, path: string) => ({ what, curl: `curl -s ${base}${path}` });
  const ask = (what: string, statement: string) => ({
    what,
    curl: `curl -s ${base}/v1/sql -H "content-type: text/plain" -d "${statement}"`,
  });
  const tables = get("the replicated tables, with their row counts", "/v1/tables");
  if (bank && sql) {
    return [
      tables,
      ask("the newest transactions, as of a moment ago", NEWEST),
      ask("the sum of all balances, which no payment ever changes: always 0.00", TOTAL),
    ];
  }
  return [
    tables,
    get("is it ready, and how far behind", "/readyz"),
    get("everything that is measured, for Prometheus", "/metrics"),
  ];
}
