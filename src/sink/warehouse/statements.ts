/** Runs the sink's statements, and makes faults of what DuckDB says. */
import { type DuckDBConnection, type DuckDBResult, DuckDBResultReader } from "@duckdb/node-api";
import { Fault } from "../../errors.ts";
import { diskFull, isDiskFull } from "./open.ts";

/** The statements of the one connection that writes; each throws the fault that DuckDB's error is. */
export class Statements {
  /** Whether the connection's optimizer is on. */
  #isOptimizing = true;

  constructor(private readonly connection: DuckDBConnection) {}

  /** Runs a statement; returns how many rows it has changed. */
  async run(sql: string): Promise<number> {
    return (await this.#query(sql, true)).rowsChanged;
  }

  /**
   * Runs a statement in which there is nothing to optimize, and so leaves the connection for the
   * appender with its optimizer off. Each of the appender's INSERTs is planned anew.
   */
  async runPlain(sql: string): Promise<void> {
    await this.#query(sql, false);
  }

  /** Runs a query; returns its rows as JSON. */
  async rows(sql: string): Promise<unknown[][]> {
    const reader = new DuckDBResultReader(await this.#query(sql, true));
    await reader.readAll();
    return reader.getRowsJson() as unknown[][];
  }

  async #query(sql: string, optimize: boolean): Promise<DuckDBResult> {
    try {
      if (this.#isOptimizing !== optimize) {
        // In a call of its own: of several statements, DuckDB answers the first one's result.
        await this.connection.run(`PRAGMA ${optimize ? "enable" : "disable"}_optimizer`);
        this.#isOptimizing = optimize;
      }
      return await this.connection.run(sql);
    } catch (error) {
      throw warehouseFault(error, sql);
    }
  }
}

/** The fault that an error of DuckDB's is; `sql`: what it refused, else a batch of rows. */
export function warehouseFault(error: unknown, sql?: string): Fault {
  const text = error instanceof Error ? error.message : String(error);
  if (/FATAL Error|has been invalidated/.test(text)) return fatal(text);
  if (isDiskFull(text)) return diskFull(text);
  if (/Out of Memory|failed to pin block|failed to allocate/i.test(text)) {
    return new Fault("warehouse", {
      what: "the warehouse needs more memory than its share of the budget",
      received: text.split("\n")[0].slice(0, 300),
      todo: "Nothing of this transaction was kept. Raise SLUICE_MEMORY_TOTAL_MB.",
    }, { cause: error });
  }
  if (/Could not read enough bytes|Corrupt|checksum|INTERNAL Error/i.test(text)) {
    return new Fault("warehouse", {
      what: "the warehouse file is damaged",
      received: text.split("\n")[0].slice(0, 300),
      todo: "Move the data folder away and take a new snapshot (--resnapshot).",
    }, { cause: error });
  }
  const refused = sql === undefined
    ? "a batch of rows"
    : `${sql.includes(";") ? "one of " : ""}"${sql.slice(0, 200)}"`;
  return new Fault("warehouse", {
    what: `DuckDB refused ${refused}`,
    received: text.slice(0, 1000),
    todo: "Nothing of this transaction was kept. Please report it with the log.",
  }, { cause: error });
}

/** DuckDB has given up on the open file, which only opening it anew mends: crash-only. */
export function fatal(text: string): Fault {
  return new Fault("warehouse", {
    what: "DuckDB could not write the warehouse file, and has closed it",
    received: text.split("\n")[0].slice(0, 400),
    todo: "Make room on the disk or in SLUICE_MEMORY_TOTAL_MB, as it says, and start Sluice " +
      "again; nothing is lost.",
  });
}
