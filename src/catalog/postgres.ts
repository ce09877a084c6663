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
import { type Column, identifier, literal, type Table, tableName } from "./catalog.ts";
import { fail, type Finding, warn } from "./finding.ts";
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

interface ColumnRow {
  number: number;
  name: string;
  oid: number;
  typmod: number;
  type: string;
  notNull: boolean;
  storage: string;
  length: number;
  generated: string;
  dimensions: number;
}

interface IndexRow {
  name: string;
  /** `indkey` as text: attribute numbers, 0 for an expression; key columns come first. */
  columns: string;
  keyColumns: number;
  usable: boolean;
}

interface TableRow {
  oid: number;
  schema: string;
  name: string;
  kind: "r" | "p" | "v" | "m" | "f";
  persistence: string;
  identity: "d" | "n" | "f" | "i";
  owner: string;
  isOwner: boolean;
  mayRead: boolean;
  rowSecurity: boolean;
  extension: string | null;
  rowsEstimated: number;
  bytes: string;
  /** Oids of the partitioned tables that it is a partition of, at any level. */
  ancestors: number[];
  unfitLeaves: string[];
  primaryKey: IndexRow | null;
  identityIndex: IndexRow | null;
  /** An index that REPLICA IDENTITY USING INDEX would take. */
  candidateIndex: string | null;
  columns: ColumnRow[];
}

const INDEX_JSON = `json_build_object('name', x.relname, 'columns', i.indkey::text,
  'keyColumns', i.indnkeyatts, 'usable', i.indisvalid AND i.indimmediate)`;

/** Leaves of a partitioned table. */
const LEAVES = `pg_partition_tree(c.oid) t JOIN pg_class leaf ON leaf.oid = t.relid WHERE t.isleaf
  AND c.relkind = 'p' AND leaf.relkind <> 'p'`;

function tablesSql(patterns: string[]): string {
  const like = patterns.map((pattern) => literal(likePattern(pattern))).join(", ");
  return `
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
  c.relpersistence AS persistence, c.relreplident AS identity,
  pg_get_userbyid(c.relowner) AS owner,
  pg_has_role(c.relowner, 'USAGE') AS "isOwner",
  has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS "mayRead",
  row_security_active(c.oid) AS "rowSecurity",
  (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
      AND d.refclassid = 'pg_extension'::regclass) AS extension,
  CASE c.relkind WHEN 'p' THEN coalesce((SELECT sum(leaf.reltuples) FILTER
    (WHERE leaf.reltuples >= 0) FROM ${LEAVES}), -1) ELSE c.reltuples END::float8
    AS "rowsEstimated",
  CASE c.relkind WHEN 'p' THEN coalesce((SELECT sum(pg_table_size(leaf.oid)) FROM ${LEAVES}), 0)
    ELSE pg_table_size(c.oid) END::text AS bytes,
  (SELECT coalesce(json_agg(a.relid::oid::int8), '[]') FROM pg_partition_ancestors(c.oid) a
    WHERE a.relid <> c.oid) AS ancestors,
  (SELECT coalesce(json_agg(leaf.oid::regclass::text ORDER BY leaf.relname), '[]') FROM ${LEAVES}
    AND (leaf.relkind <> 'r' OR leaf.relpersistence <> 'p' OR leaf.relreplident <> 'd'))
    AS "unfitLeaves",
  (SELECT ${INDEX_JSON} FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisprimary) AS "primaryKey",
  (SELECT ${INDEX_JSON} FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisreplident) AS "identityIndex",
  (SELECT min(x.relname::text) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
      AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (
        SELECT FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
        WHERE k.place <= i.indnkeyatts AND (NOT a.attnotnull OR a.attgenerated <> '')))
    AS "candidateIndex",
  (SELECT coalesce(json_agg(json_build_object('number', a.attnum, 'name', a.attname,
      'oid', a.atttypid::int8, 'typmod', a.atttypmod,
      'type', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
      'storage', a.attstorage, 'length', a.attlen, 'generated', a.attgenerated,
      'dimensions', a.attndims) ORDER BY a.attnum), '[]')
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND n.nspname || '.' || c.relname LIKE ANY (ARRAY[${like}])
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`;
}

/** Every type that a column of a user's table has, or that one of them is made of. */
const TYPES_SQL = `
WITH RECURSIVE used(oid) AS (
  SELECT DISTINCT a.atttypid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT part.oid FROM used JOIN pg_type t ON t.oid = used.oid
    CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) part(oid) WHERE part.oid <> 0
)
SELECT t.oid, t.typname AS name, t.typtype, t.typcategory AS category, t.typlen AS length,
  t.typelem AS element, t.typbasetype AS base, t.typtypmod AS typmod, t.typndims AS dimensions
FROM used JOIN pg_type t ON t.oid = used.oid`;

function likePattern(pattern: string): string {
  return pattern.replace(/[\\%_]/g, "\\$&").replaceAll("*", "%");
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
  return { schema: row.schema, name: row.name, columns, key, identity };
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
