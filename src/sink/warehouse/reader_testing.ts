/** For tests only: a warehouse file as the writer leaves it, in a folder of its own. */
import { join } from "node:path";
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import {
  type Column,
  type ColumnType,
  duckdbType,
  identifier,
  literal,
  type Table,
} from "../../catalog/catalog.ts";
import { formatLsn } from "../../source/position.ts";
import { openWarehouse } from "./open.ts";

/** An open warehouse, with the writer's connection. */
export interface TestWarehouse extends AsyncDisposable {
  dir: string;
  instance: DuckDBInstance;
  connection: DuckDBConnection;
  /** Makes and publishes a table, and its change log. */
  publish(table: Table): Promise<void>;
  /** Stores a position, as the writer does in the transaction of the rows. */
  position(lsn: number): Promise<void>;
}

/** Opens a new one, the way the service does. */
export async function testWarehouse(): Promise<TestWarehouse> {
  const dir = await Deno.makeTempDir({ prefix: "sluice-reader-" });
  const instance = await openWarehouse({
    dataDir: join(dir, "data"),
    memoryBytes: 256 * 1024 * 1024,
  });
  const connection = await instance.connect();
  return {
    dir,
    instance,
    connection,
    async publish(table) {
      const name = `${identifier(table.schema)}.${identifier(table.name)}`;
      const changes = identifier(`${table.schema}__changes`);
      const columns = table.columns.map(({ name, type }) =>
        `${identifier(name)} ${duckdbType(type)}`
      ).join(", ");
      await connection.run(`CREATE SCHEMA IF NOT EXISTS ${identifier(table.schema)}`);
      await connection.run(`CREATE SCHEMA IF NOT EXISTS ${changes}`);
      await connection.run(`CREATE TABLE ${name} (${columns})`);
      await connection.run(
        `CREATE TABLE ${changes}.${identifier(table.name)}
          (_op VARCHAR, _lsn VARCHAR, _tx BIGINT, _at TIMESTAMPTZ, _seq BIGINT, ${columns})`,
      );
      await connection.run(
        `INSERT INTO _sluice.tables VALUES (${literal(table.schema)}, ${literal(table.name)}, ${
          literal(JSON.stringify(table))
        })`,
      );
    },
    async position(lsn) {
      await connection.run("DELETE FROM _sluice.position");
      await connection.run(
        `INSERT INTO _sluice.position VALUES (1, '{}', ${literal(formatLsn(lsn))}, 1,
          TIMESTAMPTZ '2026-11-23 13:22:55Z', TIMESTAMPTZ '2026-11-23 13:22:56Z')`,
      );
    },
    async [Symbol.asyncDispose]() {
      connection.closeSync();
      instance.closeSync();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** A table of `columns`, of which `key` names the key in its own order. */
export function testTable(
  name: string,
  columns: Record<string, ColumnType>,
  key: string[],
): Table {
  const names = Object.keys(columns);
  const dot = name.indexOf(".");
  return {
    schema: name.slice(0, dot),
    name: name.slice(dot + 1),
    columns: names.map((column): Column => ({
      name: column,
      type: columns[column],
      sourceType: columns[column].kind,
      typeOid: 0,
      typeMod: -1,
      notNull: key.includes(column),
      toastable: false,
    })),
    key: key.map((column) => names.indexOf(column)),
    identity: "default",
    oid: 1,
  };
}
