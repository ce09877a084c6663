/** The lines to try that `deno task dev` ends with. Each must work as printed, in any shell. */

/** `what` is shown above the line. */
export interface Example {
  what: string;
  curl: string;
}

/** Lines for the bank's tables, or for any tables when `bank` is false. */
export function examples(base: string, bank: boolean): Example[] {
  const tables = { what: "the replicated tables", curl: `curl -s ${base}/v1/tables` };
  const sql = bank
    ? {
      what: "the newest transactions, as of a moment ago",
      curl: sqlLine(
        base,
        "SELECT created_at, kind, amount, currency FROM public.transactions " +
          "ORDER BY created_at DESC LIMIT 3",
      ),
    }
    : {
      what: "SQL on the warehouse",
      curl: sqlLine(
        base,
        "SELECT schema_name, table_name, estimated_size FROM duckdb_tables() LIMIT 10",
      ),
    };
  const proof = bank
    ? {
      what: "the sum of all balances, which no transfer ever changes: always 0.00",
      curl: sqlLine(base, "SELECT sum(balance) AS sum FROM public.wallets"),
    }
    : { what: "is it ready, and how far behind", curl: `curl -s ${base}/readyz` };
  return [tables, sql, proof];
}

function sqlLine(base: string, sql: string): string {
  return `curl -s ${base}/v1/sql -H "content-type: text/plain" -d "${sql}"`;
}
