/**
 * What the stream says of a table before its first change, and whether that is still the table the
 * warehouse was made for.
 *
 *     Relation := 'R' id:int32 schema:cstring name:cstring identity:byte columns:int16 { column }
 *     column   := flags:int8 name:cstring type:int32 typmod:int32     flags & 1: part of the key
 *
 * Source: "Logical Replication Message Formats" in PostgreSQL 14's manual, 53.9.
 */
import { type Table, tableName } from "../catalog/catalog.ts";
import { Fault } from "../errors.ts";

const VARCHAR = 1043;
const TEXT = 25;

/** A Relation message. */
export interface Relation {
  readonly id: number;
  readonly schema: string;
  readonly name: string;
  /** `d`efault, `i`ndex, `f`ull or `n`othing. */
  readonly identity: string;
  readonly columns: readonly RelationColumn[];
}

interface RelationColumn {
  readonly inKey: boolean;
  readonly name: string;
  readonly typeOid: number;
  readonly typeMod: number;
}

/** Parses a Relation message whose type byte is at `at`. */
export function parseRelation(bytes: Uint8Array, view: DataView, at: number): Relation {
  const text = () => {
    const end = bytes.indexOf(0, at);
    const value = new TextDecoder().decode(bytes.subarray(at, end));
    at = end + 1;
    return value;
  };
  const id = view.getUint32(at + 1);
  at += 5;
  const schema = text() || "pg_catalog";
  const name = text();
  const identity = String.fromCharCode(bytes[at]);
  const count = view.getInt16(at + 1);
  at += 3;
  const columns: RelationColumn[] = [];
  for (let i = 0; i < count; i++) {
    const inKey = (bytes[at++] & 1) === 1;
    const columnName = text();
    columns.push({
      inKey,
      name: columnName,
      typeOid: view.getUint32(at),
      typeMod: view.getInt32(at + 4),
    });
    at += 8;
  }
  return { id, schema, name, identity, columns };
}

/** Throws a `schema-changed` fault that lists the differences, if there are any that matter. */
export function assertSame(relation: Relation, table: Table): void {
  const differences: string[] = [];
  const received = relation.columns;
  const name = tableName(relation);
  if (name !== tableName(table)) differences.push(`it is now called ${name}`);
  for (const column of table.columns) {
    const now = received.find((other) => other.name === column.name);
    if (now === undefined) differences.push(`column ${column.name} is gone`);
    else if (!compatible(column.typeOid, column.typeMod, now.typeOid, now.typeMod)) {
      differences.push(
        `column ${column.name} was ${column.sourceType} and now has type ${now.typeOid} ` +
          `with modifier ${now.typeMod}`,
      );
    }
  }
  for (const { name } of received) {
    if (!table.columns.some((column) => column.name === name)) {
      differences.push(`column ${name} is new`);
    }
  }
  const order = received.map((column) => column.name).join(",");
  if (differences.length === 0 && order !== table.columns.map((c) => c.name).join(",")) {
    differences.push(`the columns are in another order: ${order}`);
  }
  differences.push(...keyDifferences(relation, table));
  if (differences.length > 0) throw schemaChanged(tableName(table), differences);
}

function keyDifferences(relation: Relation, table: Table): string[] {
  if (relation.identity === "n") return ["its replica identity is NOTHING"];
  if (relation.identity === "f") return []; // every column is flagged: the key can't be seen
  const now = relation.columns.filter((column) => column.inKey).map((column) => column.name);
  const before = table.key.map((i) => table.columns[i].name);
  if (now.toSorted().join() === before.toSorted().join()) return [];
  return [`its key was (${before.join(", ")}) and is now (${now.join(", ")})`];
}

/**
 * Whether values of the stored column keep their meaning: a longer `varchar`, or `text` instead,
 * changes no stored value; any other change may have rewritten the table, which no event shows.
 */
function compatible(oid: number, mod: number, nowOid: number, nowMod: number): boolean {
  if (oid === nowOid && mod === nowMod) return true;
  const isText = (type: number) => type === VARCHAR || type === TEXT;
  if (!isText(oid) || !isText(nowOid)) return false;
  return nowMod === -1 || (mod !== -1 && nowMod >= mod);
}

/** The fault for a table that is no longer what it was. */
export function schemaChanged(table: string, differences: string[]): Fault {
  return new Fault("schema-changed", {
    what: `the source's table ${table} has changed: ${differences.join("; ")}`,
    todo: "Nothing of the transaction that shows it was applied; everything before it was. Undo " +
      "the change at the source and start again, or take a new snapshot (--resnapshot).",
  });
}
