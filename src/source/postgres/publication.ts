/** The publication: which tables' changes the server puts into the stream. */
// @ts-types="npm:@types/pg@8.23.1"
import type pg from "pg";
import { identifier, literal, type Table, tableName } from "../../catalog/catalog.ts";
import { fail, type Finding, ok, warn } from "../../catalog/finding.ts";
import { Fault } from "../../errors.ts";
import { codeOf, toFault } from "./fault.ts";
import { whereOf } from "./connect.ts";

/** A publication as it is at the source. */
export interface PublicationState {
  readonly owner: string;
  /** Whether our role may alter it. */
  readonly isOwner: boolean;
  readonly allTables: boolean;
  /** Insert, update, delete and truncate are all published. */
  readonly allOperations: boolean;
  /** `publish_via_partition_root` */
  readonly viaRoot: boolean;
  /** Names as given to it, `schema.table`: partitioned roots stand for their partitions. */
  readonly tables: ReadonlySet<string>;
  /** Those that PostgreSQL 15 and later filter by a WHERE or a column list. */
  readonly filtered: readonly string[];
  /** Tables of FOR ALL TABLES whose updates and deletes now fail, for want of an identity. */
  readonly withoutIdentity: readonly string[];
  readonly anyPartitioned: boolean;
}

/** What {@linkcode ensurePublication} did. Table names are `schema.table`. */
export interface PublicationChange {
  readonly created: boolean;
  readonly added: string[];
  readonly removed: string[];
  readonly findings: Finding[];
}

// Of a relation, through JSON, since PostgreSQL 14 has no prqual and prattrs yet.
const FILTERED = "coalesce(to_jsonb(r) ->> 'prqual', to_jsonb(r) ->> 'prattrs') IS NOT NULL";

function publicationSql(name: string): string {
  return `
SELECT pg_get_userbyid(p.pubowner) AS owner, pg_has_role(p.pubowner, 'USAGE') AS "isOwner",
  p.puballtables AS "allTables",
  p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AS "allOperations",
  p.pubviaroot AS "viaRoot",
  CASE WHEN p.puballtables THEN
    (SELECT coalesce(json_agg(t.schemaname || '.' || t.tablename), '[]')
      FROM pg_publication_tables t WHERE t.pubname = p.pubname)
  ELSE (SELECT coalesce(json_agg(n.nspname || '.' || c.relname), '[]')
      FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid) END AS tables,
  (SELECT coalesce(json_agg(n.nspname || '.' || c.relname), '[]')
      FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid AND ${FILTERED})
    AS filtered,
  (SELECT coalesce(json_agg(n.nspname || '.' || c.relname ORDER BY 1), '[]')
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE p.puballtables AND c.relkind = 'r' AND c.relpersistence = 'p'
        AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
        AND (c.relreplident = 'n' OR c.relreplident <> 'f' AND NOT EXISTS (
          SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
            AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END)))
    AS "withoutIdentity",
  EXISTS (SELECT FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
    WHERE r.prpubid = p.oid AND c.relkind = 'p')
    OR p.puballtables AND EXISTS (SELECT FROM pg_class WHERE relkind = 'p') AS "anyPartitioned"
FROM pg_publication p WHERE p.pubname = ${literal(name)}`;
}

/** The publication of that name, or undefined when there is none. */
export async function readPublication(
  client: pg.Client,
  name: string,
): Promise<PublicationState | undefined> {
  const { rows: [row] } = await run(client, publicationSql(name), "reading the publication");
  return row && { ...row, tables: new Set(row.tables) };
}

/** `schema.table` of every table in the publication: none when there is no such publication. */
export async function publishedTables(client: pg.Client, name: string): Promise<Set<string>> {
  return new Set((await readPublication(client, name))?.tables);
}

/** What the stream's publication gives at the moment. */
export interface Published {
  readonly allTables: boolean;
  /** Insert, update, delete and truncate are all published. */
  readonly allOperations: boolean;
  /** Oids of its tables: they outlive a renaming. */
  readonly oids: ReadonlySet<number>;
}

/** Reads what a publication gives; undefined when there is none of that name. */
export async function readPublished(
  client: pg.Client,
  name: string,
): Promise<Published | undefined> {
  const sql = `SELECT p.puballtables AS "allTables",
    p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AS "allOperations",
    ARRAY(SELECT r.prrelid::bigint::text FROM pg_publication_rel r WHERE r.prpubid = p.oid
      UNION SELECT c.oid::bigint::text FROM pg_class c WHERE p.puballtables) AS oids
    FROM pg_publication p WHERE p.pubname = ${literal(name)}`;
  const { rows: [row] } = await run(client, sql, "reading the publication");
  return row && { ...row, oids: new Set(row.oids.map(Number)) };
}

/**
 * Makes the publication name exactly `tables`, with every operation, and partitions under their
 * root. One that is right already needs no right and runs no statement; neither does one FOR ALL
 * TABLES. Throws a `setup` fault with the statements for a DBA when our role may not.
 */
export async function ensurePublication(
  client: pg.Client,
  name: string,
  tables: readonly Table[],
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<PublicationChange> {
  if (tables.length === 0) {
    throw new Fault("setup", {
      what: `there is no table for the publication ${name}`,
      todo: "Mend SLUICE_TABLES; `deno task check` says why tables are left out.",
    });
  }
  const state = await readPublication(client, name);
  const plan = planPublication(state, name, tables);
  if (plan.statement !== undefined) {
    await before();
    try {
      await run(client, plan.statement, "setting up the publication");
    } catch (error) {
      if (error instanceof Fault && codeOf(error.cause) === "42501") {
        throw notAllowed(plan.statement, error);
      }
      throw error;
    }
  }
  const { created, added, removed, findings } = plan;
  return { created, added, removed, findings };
}

/** What has to be done; `statement` is undefined when nothing has. */
export interface PublicationPlan extends PublicationChange {
  readonly statement: string | undefined;
}

/** Compares the publication with what it should be. Pure. */
export function planPublication(
  state: PublicationState | undefined,
  name: string,
  tables: readonly Table[],
): PublicationPlan {
  const wanted = tables.map(tableName);
  const list = tables.map((table) => `${identifier(table.schema)}.${identifier(table.name)}`);
  const operations = "publish = 'insert, update, delete, truncate', " +
    "publish_via_partition_root = true";
  if (state === undefined) {
    const statement = `CREATE PUBLICATION ${identifier(name)} FOR TABLE ${list.join(", ")} ` +
      `WITH (${operations});`;
    return { created: true, added: wanted, removed: [], findings: [], statement };
  }
  const added = wanted.filter((table) => !state.tables.has(table));
  const removed = [...state.tables].filter((table) => !wanted.includes(table)).sort();
  const statements: string[] = [];
  if (!state.allOperations || (state.anyPartitioned && !state.viaRoot)) {
    statements.push(`ALTER PUBLICATION ${identifier(name)} SET (${operations});`);
  }
  if (state.allTables) {
    const findings = allTablesFindings(state, name);
    return { created: false, added: [], removed: [], findings, statement: joined(statements) };
  }
  if (added.length > 0 || removed.length > 0 || state.filtered.length > 0) {
    // Options first: a partition may stand beside its root only when published through it.
    statements.push(`ALTER PUBLICATION ${identifier(name)} SET TABLE ${list.join(", ")};`);
  }
  return { created: false, added, removed, findings: [], statement: joined(statements) };
}

/** What our role may do that bears on a publication. */
export interface PublicationRights {
  readonly user: string;
  readonly database: string;
  readonly mayCreate: boolean;
  readonly isSuperuser: boolean;
  /** Owners of the tables that our role does not own, by `schema.table`. */
  readonly foreign: ReadonlyMap<string, string>;
}

/** Judges the publication for `check`: what `serve` would do, and whether it may. Pure. */
export function publicationFindings(
  state: PublicationState | undefined,
  name: string,
  tables: readonly Table[],
  rights: PublicationRights,
): Finding[] {
  if (tables.length === 0) return []; // said already
  const plan = planPublication(state, name, tables);
  const about = "publication";
  if (plan.statement === undefined) {
    return [ok(about, `${name} is there, with the right tables`), ...plan.findings];
  }
  const parts = [
    state === undefined
      ? `creates ${name} for ${tables.length} table${tables.length === 1 ? "" : "s"}`
      : `alters ${name}`,
    ...state !== undefined && plan.added.length > 0 ? [`adds ${plan.added.join(", ")}`] : [],
    ...plan.removed.length > 0 ? [`removes ${plan.removed.join(", ")}`] : [],
  ];
  const missing: string[] = [];
  const grants: string[] = [];
  const user = identifier(rights.user);
  if (!rights.isSuperuser) {
    if (state === undefined && !rights.mayCreate) {
      missing.push("CREATE on the database");
      grants.push(`GRANT CREATE ON DATABASE ${identifier(rights.database)} TO ${user};`);
    }
    const owners = new Set<string>();
    if (state !== undefined && !state.isOwner) {
      missing.push(`to own it (${state.owner} does)`);
      owners.add(state.owner);
    }
    const naming = state === undefined || /SET TABLE/.test(plan.statement);
    const notOwned = tables.map(tableName).filter((table) => rights.foreign.has(table));
    if (naming && notOwned.length > 0) {
      missing.push(`to own ${notOwned.join(", ")}`);
      for (const table of notOwned) owners.add(rights.foreign.get(table)!);
    }
    for (const owner of owners) grants.push(`GRANT ${identifier(owner)} TO ${user};`);
  }
  if (missing.length === 0) {
    return [ok(about, `serve ${parts.join(", ")}`), ...plan.findings];
  }
  return [
    fail(
      about,
      `serve ${parts.join(", ")}, for which ${rights.user} lacks the right: ${missing.join("; ")}`,
      `Let the owner or a superuser run: ${plan.statement} Or let Sluice do it: ${
        grants.join(" ")
      }`,
    ),
    ...plan.findings,
  ];
}

function allTablesFindings(state: PublicationState, name: string): Finding[] {
  if (state.withoutIdentity.length === 0) return [];
  return [warn(
    "publication",
    `${name} is FOR ALL TABLES, so UPDATE and DELETE fail at the source for the tables without a ` +
      `replica identity: ${state.withoutIdentity.join(", ")}`,
    `DROP PUBLICATION ${
      identifier(name)
    }; and let Sluice make one with the right tables, or give ` +
      "them primary keys.",
  )];
}

function joined(statements: string[]): string | undefined {
  return statements.length === 0 ? undefined : statements.join(" ");
}

function notAllowed(statement: string, refusal: Fault): Fault {
  return new Fault("setup", {
    what: "our role may not set up the publication",
    received: refusal.details.received,
    allowed:
      "a publication made in advance by a DBA, which Sluice then takes as it is; or CREATE " +
      "on the database and ownership of the tables",
    todo: `Let the tables' owner or a superuser run: ${statement}`,
  }, { cause: refusal.cause });
}

// deno-lint-ignore no-explicit-any
async function run(client: pg.Client, sql: string, doing: string): Promise<pg.QueryResult<any>> {
  try {
    return await client.query(sql);
  } catch (error) {
    throw toFault(error, { where: whereOf(client), doing });
  }
}
