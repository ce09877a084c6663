/** Questions to a warehouse that this process has open. */
import type { Warehouse } from "../../src/sink/warehouse/duckdb.ts";

/** Rows of a query, on a connection of its own, in DuckDB's text forms. */
export async function query({ instance }: Warehouse, sql: string): Promise<unknown[][]> {
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][];
  } finally {
    connection.closeSync();
  }
}
