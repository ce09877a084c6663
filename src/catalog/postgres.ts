/**
 * Which tables of the source are replicated, with their columns and keys, from `pg_catalog` alone;
 * and which are left out, why, and what to do about it. Errors of the server are thrown as they
 * come.
 *
 * Partitioned tables are replicated as one table under the root's name: the publication says
 * `publish_via_partition_root`, and partitions whose root is replicated are no tables of their own.
 * Both root and partitions need the primary key as their replica identity, since the server labels
 * a partition's old rows by the root's identity.
 */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { type Column, identifier, type Table, tableName } from "./catalog.ts";
import { fail, type Finding, warn } from "./finding.ts";
import {
  type ColumnRow,
  type IndexRow,
  type TableRow,
  tablesSql,
  TYPES_SQL,
} from "./pg_catalog.ts";
import { columnType, isInexact, type PgTypeRow, resolveType } from "./types.ts";

/** A table that matches and is not replicated. */
export interface LeftOut {
  /** `schema.table` */
  readonly table: string;
  readonly reason: string;
  /** A statement or a step that would let it in. */
  readonly todo?: string;
}

/** What `check`, the snapshot and the progress bar want to know of a replicated table. */
export interface TableFacts {
  /** A partitioned root: it has no rows itself, so COPY takes a SELECT. */
  readonly partitioned: boolean;
  /** The planner's estimate, −1 when it was never analysed. */
  readonly rowsEstimated: number;
  /** Size of the rows at the source, without indexes. */
  readonly bytes: number;
  readonly owner: string;
  /** Whether our role owns it or is a member of the owner: needed to publish it. */
  readonly isOwner: boolean;
  /** SELECT on the table and USAGE on its schema. */
  readonly mayRead: boolean;
  /** Row-level security applies to our role: a snapshot would lack rows. */
  readonly rowSecurity: boolean;
}

/** What {@linkcode readCatalog} gives. All orders are by name, in code point order. */
export interface Catalog {
  readonly tables: Table[];
  readonly leftOut: LeftOut[];
  /** What is replicated with a difference, and patterns that match nothing. */
  readonly findings: Finding[];
  /** By `schema.table`: {@linkcode TableFacts.rowsEstimated}. */
  readonly estimates: Map<string, number>;
  /** By `schema.table`. */
  readonly facts: Map<string, TableFacts>;
}

/** Names of the change log's own columns. */
export const META_COLUMNS = ["_op", "_lsn", "_tx", "_at", "_seq"];

/** DuckDB's own catalogues, the warehouse's name as one, and the schema of Sluice's own tables. */
const RESERVED_SCHEMAS = ["system", "temp", "warehouse", "_sluice"];

/** Suffix of the schema that holds the change logs of a schema's tables. */
const LOG_SCHEMA_SUFFIX = "__changes";

/**
 * Reads the tables that match `patterns` (`schema.table`, `*` for any characters, case as in the
 * catalogue). Inside a transaction it leaves `search_path` at pg_catalog until its end.
 */
export async function readCatalog(client: pg.Client, patterns: string[]): Promise<Catalog> {
  // One simple query, so one implicit transaction: the local setting ends with it. With nothing of
  // the user's on the path, format_type() writes the same name whatever the role's own path is.
  const results = await client.query(
    `SELECT set_config('search_path', 'pg_catalog', true); ${tablesSql(patterns)}; ${TYPES_SQL}`,
  ) as unknown as { rows: unknown[] }[];
  return catalogOf(results[1].rows as TableRow[], results[2].rows as PgTypeRow[], patterns);
}

function matches(pattern: string, name: string): boolean {
  const source = pattern.split("*").map((part) => part.replace(/[.\\+?^$()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${source.join(".*")}$`, "s").test(name);
}

function catalogOf(rows: TableRow[], types: PgTypeRow[], patterns: string[]): Catalog {
  const typesByOid = new Map(types.map((type) => [type.oid, type]));
  const examined = new Map<TableRow, Examined>();
  for (const row of rows) {
    const named = patterns.some((pattern) => !pattern.includes("*") && pattern === tableName(row));
    if (!named && (row.extension !== null || !["r", "p"].includes(row.kind))) continue;
    examined.set(row, examine(row, typesByOid));
  }
  leaveOutPartitions(examined);
  leaveOutNameClashes(examined);

  const catalog: Catalog = {
    tables: [],
    leftOut: [],
    findings: [],
    estimates: new Map(),
    facts: new Map(),
  };
  for (const [row, result] of examined) {
    if ("reason" in result) catalog.leftOut.push(result);
    else {
      catalog.tables.push(result);
      catalog.findings.push(...tableFindings(row, result));
      catalog.estimates.set(tableName(row), row.rowsEstimated);
      catalog.facts.set(tableName(row), factsOf(row));
    }
  }
  for (const pattern of patterns) {
    if (rows.some((row) => matches(pattern, tableName(row)))) continue;
    catalog.findings.push(warn(
      "SLUICE_TABLES",
      `no table matches ${pattern}`,
      "Names are compared as the catalogue has them: lower case unless they were made in quotes.",
    ));
  }
  if (catalog.tables.length === 0) {
    catalog.findings.push(fail(
      "SLUICE_TABLES",
      `there is no table to replicate among those that match ${patterns.join(", ")}`,
      "Create one with a primary key, or mend SLUICE_TABLES.",
    ));
  }
  return catalog;
}

function factsOf(row: TableRow): TableFacts {
  const { rowsEstimated, owner, isOwner, mayRead, rowSecurity } = row;
  const [partitioned, bytes] = [row.kind === "p", Number(row.bytes)];
  return { partitioned, rowsEstimated, bytes, owner, isOwner, mayRead, rowSecurity };
}

/** A table that can be replicated, or why not. */
type Examined = Table | LeftOut;

function examine(row: TableRow, types: ReadonlyMap<number, PgTypeRow>): Examined {
  const table = tableName(row);
  const sql = `${identifier(row.schema)}.${identifier(row.name)}`;
  const out = (reason: string, todo?: string): LeftOut => ({ table, reason, todo });
  if (row.kind === "v" || row.kind === "m") return out("a view has no changes of its own");
  if (row.kind === "f") return out("a foreign table's changes are in another server's WAL");
  if (row.persistence === "u") {
    return out("an unlogged table has no WAL", `ALTER TABLE ${sql} SET LOGGED;`);
  }
  if (RESERVED_SCHEMAS.includes(folded(row.schema))) {
    return out(`the warehouse can't have a schema called ${row.schema}`, "Rename the schema.");
  }
  const index = keyIndex(row);
  if (index === undefined) return out(...withoutKey(row, sql));
  if (row.kind === "p") {
    if (row.identity !== "d") {
      return out(
        "a partitioned table needs its primary key as replica identity",
        `ALTER TABLE ${sql} REPLICA IDENTITY DEFAULT;`,
      );
    }
    if (row.unfitLeaves.length > 0) {
      return out(
        `these partitions are foreign, unlogged or of another replica identity: ${
          row.unfitLeaves.join(", ")
        }`,
        row.unfitLeaves.map((leaf) => `ALTER TABLE ${leaf} REPLICA IDENTITY DEFAULT;`).join(" "),
      );
    }
  }
  const stored = row.columns.filter((column) => column.generated === "");
  const clash = columnClash(stored);
  if (clash !== undefined) return out(clash, "Rename the column.");
  const numbers = index.columns.split(" ").slice(0, index.keyColumns).map(Number);
  const key = numbers.map((number) => stored.findIndex((column) => column.number === number));
  if (key.includes(-1)) {
    return out(
      `its key ${index.name} has a generated column, and the stream leaves those out`,
      `Give it a unique index on stored columns, and ALTER TABLE ${sql} REPLICA IDENTITY USING ` +
        "INDEX …;",
    );
  }
  const identity = row.identity === "f" ? "full" : row.identity === "i" ? "index" : "default";
  const columns = stored.map((column) => columnOf(column, types));
  return { oid: row.oid, schema: row.schema, name: row.name, columns, key, identity };
}

/** The index that gives the key: for FULL, the primary key. */
function keyIndex(row: TableRow): IndexRow | undefined {
  if (row.identity === "n") return undefined;
  const index = row.identity === "i" ? row.identityIndex : row.primaryKey;
  return index?.usable ? index : undefined;
}

/** Reason and remedy for a table without a usable key. */
function withoutKey(row: TableRow, sql: string): [reason: string, todo: string] {
  const addKey = row.candidateIndex === null
    ? `ALTER TABLE ${sql} ADD PRIMARY KEY (…);`
    : `ALTER TABLE ${sql} REPLICA IDENTITY USING INDEX ${identifier(row.candidateIndex)};`;
  const toDefault = `ALTER TABLE ${sql} REPLICA IDENTITY DEFAULT;`;
  const primary = row.primaryKey?.usable ?? false;
  if (row.identity === "n") {
    return ["its REPLICA IDENTITY is NOTHING", primary ? toDefault : addKey];
  }
  if (row.identity === "i") {
    return ["the index of its REPLICA IDENTITY is gone or not valid", primary ? toDefault : addKey];
  }
  if (row.primaryKey !== null) {
    const todo = row.candidateIndex === null
      ? "Make the primary key anew without DEFERRABLE."
      : addKey;
    return ["its primary key is deferrable or not valid, so it identifies no rows", todo];
  }
  if (row.identity === "f") {
    return ["it has REPLICA IDENTITY FULL and no primary key, so rows have no key", addKey];
  }
  return ["it has no primary key", addKey];
}

function columnOf(column: ColumnRow, types: ReadonlyMap<number, PgTypeRow>): Column {
  const type = resolveType(types, column.oid, column.typmod, column.dimensions);
  return {
    name: column.name,
    type: columnType(type),
    sourceType: column.type,
    typeOid: column.oid,
    typeMod: column.typmod,
    notNull: column.notNull,
    toastable: column.storage !== "p" && column.length === -1,
  };
}

/** DuckDB's names don't tell upper from lower case, in ASCII. */
function folded(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function columnClash(columns: ColumnRow[]): string | undefined {
  const seen = new Map<string, string>();
  for (const { name } of columns) {
    if (META_COLUMNS.includes(folded(name))) {
      return `its column ${identifier(name)} has the name of one of the change log's own`;
    }
    const other = seen.get(folded(name));
    if (other !== undefined) {
      return `its columns ${identifier(other)} and ${identifier(name)} differ in case alone, ` +
        "which the warehouse can't tell apart";
    }
    seen.set(folded(name), name);
  }
  return undefined;
}

/** A partition is part of its root's rows when the root is replicated. */
function leaveOutPartitions(examined: Map<TableRow, Examined>): void {
  const roots = new Set<number>();
  for (const [row, result] of examined) {
    if (row.kind === "p" && !("reason" in result)) roots.add(row.oid);
  }
  for (const row of [...examined.keys()]) {
    if (row.ancestors.some((oid) => roots.has(oid))) examined.delete(row);
  }
}

/** Of tables that DuckDB can't tell apart, the one in lower case stays. */
function leaveOutNameClashes(examined: Map<TableRow, Examined>): void {
  const byName = new Map<string, TableRow[]>();
  for (const [row, result] of examined) {
    if ("reason" in result) continue;
    const name = folded(tableName(row));
    byName.set(name, [...byName.get(name) ?? [], row]);
  }
  const leaveOut = (row: TableRow, reason: string) =>
    examined.set(row, { table: tableName(row), reason, todo: "Rename the table or its schema." });
  for (const [name, rows] of byName) {
    if (rows.length > 1) {
      const stays = rows.find((row) => tableName(row) === name);
      for (const row of rows.filter((row) => row !== stays)) {
        const others = rows.filter((other) => other !== row).map(tableName).join(", ");
        leaveOut(row, `the warehouse can't tell its name from that of ${others}`);
      }
    }
    for (const row of rows) {
      const log = byName.get(folded(`${row.schema}${LOG_SCHEMA_SUFFIX}.${row.name}`)) ?? [];
      for (const clash of log) {
        leaveOut(clash, `the warehouse keeps the change log of ${tableName(row)} under this name`);
      }
    }
  }
}

function tableFindings(row: TableRow, table: Table): Finding[] {
  const findings: Finding[] = [];
  const about = tableName(table);
  for (const column of row.columns) {
    if (column.generated === "") continue;
    findings.push(warn(
      about,
      `the generated column ${identifier(column.name)} is not replicated: the stream leaves it out`,
      "Compute it in a view or query here.",
    ));
  }
  for (const column of table.columns) {
    if (!isInexact(column.type)) continue;
    findings.push(warn(
      about,
      `${identifier(column.name)} becomes text here: ${column.sourceType} has no exact ` +
        "counterpart in the warehouse",
      column.sourceType === "numeric"
        ? `Give it a precision of at most 38 digits, or cast it in queries.`
        : "Cast it in queries.",
    ));
  }
  if (row.kind === "p") {
    findings.push(warn(
      about,
      "it is partitioned: a partition that is attached, detached, dropped or truncated by itself " +
        "does not show in the stream",
      "DELETE a partition's rows before it goes, and INSERT the rows of a new one.",
    ));
  }
  return findings;
}
