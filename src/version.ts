/** Versions that `--version`, the API and the metrics name. */

/** Sluice's own. */
export const VERSION = "0.1.0";
/** DuckDB's: the one inside `@duckdb/node-api` of deno.json. */
export const DUCKDB_VERSION = "1.5.5";
