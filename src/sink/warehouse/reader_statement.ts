/**
 * What `POST /v1/sql` may run. DuckDB has functions that a SELECT can call and that change the
 * process, not the data: `checkpoint()`, `enable_profiling()` (prints to stdout), `arrow_scan()`
 * (follows an address given as a number), `query()` (runs text that we would not see). A read-only
 * transaction stops none of them, so each statement is parsed first, by DuckDB itself, and every
 * table function that is not listed here is refused.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import { quoted } from "../../errors.ts";
import { refuse } from "./refusal.ts";

/** Table functions that read nothing but the catalog, their arguments and our own tables. */
const ALLOWED_TABLE_FUNCTIONS = new Set([
  ...["duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_dependencies"],
  ...["duckdb_functions", "duckdb_indexes", "duckdb_keywords", "duckdb_memory"],
  ...["duckdb_optimizers", "duckdb_schemas", "duckdb_sequences", "duckdb_settings"],
  ...["duckdb_tables", "duckdb_temporary_files", "duckdb_types", "duckdb_views"],
  ...["generate_series", "icu_calendar_names", "json_each", "json_tree", "pg_timezone_names"],
  ...["pragma_collations", "pragma_database_size", "pragma_metadata_info", "pragma_platform"],
  ...["pragma_show", "pragma_storage_info", "pragma_table_info", "pragma_user_agent"],
  ...["pragma_version", "query_table", "range", "repeat", "repeat_row", "summary"],
  ...["test_all_types", "unnest"],
]);

/** Other functions that do something, bind SQL given as text, or trust the bytes they are given. */
const FORBIDDEN_FUNCTIONS = [
  "json_serialize_plan",
  "nextval",
  "variant_bytes_to_variant",
  "write_log",
];

const PARSE = `
  WITH parsed AS (SELECT json_serialize_sql($1::VARCHAR)::VARCHAR AS tree)
  SELECT tree->>'$.error_type', tree->>'$.error_message',
    CAST(json_array_length(tree, '$.statements') AS INTEGER),
    list_distinct(list_transform(
      regexp_extract_all(tree, '"function_name":"((?:[^"\\\\]|\\\\.)*)"', 1), lambda n: lower(n)))
  FROM parsed`;

const TABLE_FUNCTIONS =
  "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'table'";

const BLANK = /^(?:\s|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*/;
const EXPLAIN = /^EXPLAIN\s+(?:ANALYZE\s+)?(?:\(\s*FORMAT\s+\w+\s*\)\s*)?/i;

const ALLOWED = "one statement of the SELECT kind (SELECT, FROM, WITH, VALUES, SHOW, DESCRIBE, " +
  "SUMMARIZE), or EXPLAIN of one";

/** Checks statements, and remembers which functions this DuckDB has. */
export class StatementGate {
  #forbidden: Set<string> | undefined;

  /**
   * The statement to run for `sql`: the same text, or the same EXPLAIN with nothing before it.
   * Parses and runs nothing else. Throws a 400 refusal that says what was received.
   */
  async admit(connection: DuckDBConnection, sql: string): Promise<string> {
    if (sql.includes("\0")) {
      throw refuse(400, "Statement not allowed", "The statement holds a NUL character.");
    }
    const body = sql.replace(BLANK, "");
    // What is checked must be what is run. Our notion of a comment is simpler than DuckDB's (its
    // comments nest), so for EXPLAIN not the text given is run but the one that was taken apart.
    const explain = EXPLAIN.exec(body)?.[0];
    const select = explain === undefined ? sql : body.slice(explain.length);
    const { errorType, errorMessage, statements, functions } = await parse(connection, select);
    if (errorType === "parser") throw refuse(400, "SQL error", `Parser Error: ${errorMessage}`);
    if (errorType !== null || statements === 0) {
      const received = body === "" ? "nothing" : `a statement that begins with ${firstWord(body)}`;
      throw refuse(
        400,
        "Statement not allowed",
        `Received ${received}; allowed is ${ALLOWED}.` +
          (/^PIVOT/i.test(body) ? " A PIVOT must list its values: PIVOT … ON x IN (…)." : ""),
      );
    }
    if (statements !== 1) {
      throw refuse(
        400,
        "Statement not allowed",
        `Received ${statements} statements; allowed is ${ALLOWED}.`,
      );
    }
    await this.#checkFunctions(connection, functions);
    return explain === undefined ? sql : explain + select;
  }

  async #checkFunctions(connection: DuckDBConnection, functions: string[]): Promise<void> {
    // Only the finished set is kept: what it is read with may be interrupted for its asker's sake.
    const forbidden = this.#forbidden ??= await forbiddenFunctions(connection);
    const found = functions.find((name) => forbidden.has(name));
    if (found === undefined) return;
    throw refuse(
      400,
      "Function not allowed",
      `Received a statement that calls ${found}(), which may do more than read the warehouse; ` +
        `allowed table functions are ${[...ALLOWED_TABLE_FUNCTIONS].sort().join(", ")}.`,
    );
  }
}

async function forbiddenFunctions(connection: DuckDBConnection): Promise<Set<string>> {
  const rows = (await connection.runAndReadAll(TABLE_FUNCTIONS)).getRowsJson() as string[][];
  const forbidden = rows.map(([name]) => name).filter((name) => !ALLOWED_TABLE_FUNCTIONS.has(name));
  return new Set([...forbidden, ...FORBIDDEN_FUNCTIONS]);
}

interface Parsed {
  errorType: string | null;
  errorMessage: string | null;
  statements: number | null;
  functions: string[];
}

/** Parses `sql` without binding it. The tree stays in DuckDB: it can be a hundred times the text. */
async function parse(connection: DuckDBConnection, sql: string): Promise<Parsed> {
  const prepared = await connection.prepare(PARSE);
  try {
    prepared.bindVarchar(1, sql);
    const [row] = (await prepared.runAndReadAll()).getRowsJson();
    const [errorType, errorMessage, statements, functions] = row;
    return { errorType, errorMessage, statements, functions: functions ?? [] } as Parsed;
  } finally {
    prepared.destroySync();
  }
}

function firstWord(sql: string): string {
  return quoted(/^\S+/.exec(sql)?.[0].toUpperCase() ?? sql, 30);
}
