/** The two queries on `pg_catalog` that the catalogue is made from, and their rows. */
import { literal } from "./catalog.ts";

/** A column, dropped ones left out. */
export interface ColumnRow {
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

/** An index that may be a key. */
export interface IndexRow {
  name: string;
  /** `indkey` as text: attribute numbers, 0 for an expression; key columns come first. */
  columns: string;
  keyColumns: number;
  usable: boolean;
}

/** A relation that matches a pattern. */
export interface TableRow {
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

/** Gives a {@linkcode TableRow} for each relation that matches, ordered by name. */
export function tablesSql(patterns: string[]): string {
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

/** Gives a `PgTypeRow` of every type that a column of a user's table has, or that one of them is made of. */
export const TYPES_SQL = `
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
