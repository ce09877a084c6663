/**
 * The five tables of sql/schema.sql as the generator writes them: their columns, and a row as an
 * INSERT's arguments or as a line of COPY. A test compares the columns with the schema.
 */
import { literal } from "../src/catalog/catalog.ts";

/** Columns of each table, in the order in which they are written. */
export const COLUMNS = {
  users: [
    "id",
    "full_name",
    "email",
    "phone",
    "birth_date",
    "country",
    "locale",
    "address",
    "kyc_level",
    "status",
    "marketing_consent",
    "tags",
    "created_at",
    "updated_at",
  ],
  wallets: [
    "id",
    "user_id",
    "account_number",
    "kind",
    "name",
    "currency",
    "balance",
    "daily_limit",
    "status",
    "version",
    "created_at",
    "updated_at",
  ],
  transactions: [
    "id",
    "movement_id",
    "wallet_id",
    "counterparty_wallet_id",
    "kind",
    "amount",
    "currency",
    "balance_after",
    "status",
    "reversal_of",
    "description",
    "merchant",
    "metadata",
    "value_date",
    "created_at",
    "updated_at",
  ],
  notifications: [
    "id",
    "user_id",
    "transaction_id",
    "kind",
    "channel",
    "title",
    "body",
    "payload",
    "read_at",
    "created_at",
  ],
  beneficiaries: [
    "id",
    "user_id",
    "wallet_id",
    "name",
    "nickname",
    "account_number",
    "currency",
    "is_favorite",
    "status",
    "created_at",
    "updated_at",
  ],
} as const;

/** One of the five. */
export type TableName = keyof typeof COLUMNS;

/** Their names, in an order in which foreign keys allow rows to be written. */
export const TABLES = Object.keys(COLUMNS) as TableName[];

/** A value in PostgreSQL's own text form, or null. */
export type Value = string | null;

/** A row of a table: exactly its columns. */
export type Row<T extends TableName> = Record<(typeof COLUMNS)[T][number], Value>;

/** One row to insert. */
export interface Insert<T extends TableName = TableName> {
  readonly op: "insert";
  readonly table: T;
  readonly row: Row<T>;
}

/** One of {@linkcode STATEMENTS} to run on one row. */
export interface Touch {
  readonly op: "update" | "delete";
  readonly table: TableName;
  readonly statement: keyof typeof STATEMENTS;
  readonly values: readonly string[];
}

/** A change of one row. */
export type Change = { [T in TableName]: Insert<T> }[TableName] | Touch;

/** Updates and deletes of one row. `$1` is always its id. */
export const STATEMENTS = {
  move_balance: "UPDATE public.wallets SET balance = balance + $2, version = version + 1, " +
    "updated_at = $3 WHERE id = $1",
  change_limit: "UPDATE public.wallets SET daily_limit = $2, updated_at = $3 WHERE id = $1",
  change_phone: "UPDATE public.users SET phone = $2, updated_at = $3 WHERE id = $1",
  change_address: "UPDATE public.users SET address = $2, updated_at = $3 WHERE id = $1",
  mark_reversed:
    "UPDATE public.transactions SET status = 'reversed', updated_at = $2 WHERE id = $1",
  read_notification: "UPDATE public.notifications SET read_at = $2 WHERE id = $1",
  delete_notification: "DELETE FROM public.notifications WHERE id = $1",
  delete_beneficiary: "DELETE FROM public.beneficiaries WHERE id = $1",
} as const;

/**
 * Statements for two neighbours at once, which is how movements come. Every execution costs
 * PostgreSQL a reading of the table's CHECK constraints, so one for two rows costs much less.
 */
const PAIRS: Readonly<Record<string, string>> = {
  move_balance:
    "UPDATE public.wallets SET balance = balance + CASE id WHEN $1 THEN $2::numeric ELSE $5 END, " +
    "version = version + 1, updated_at = CASE id WHEN $1 THEN $3::timestamptz ELSE $6 END WHERE id IN ($1, $4)",
  insert_transactions: insertSql("transactions", 2),
};

/** SQL that prepares every statement in a session. */
export function prepareAll(): string {
  const statements = [
    ...Object.entries(STATEMENTS),
    ...TABLES.map((table) => [`insert_${table}`, insertSql(table, 1)]),
    ...Object.entries(PAIRS).map(([name, sql]) => [`${name}_pair`, sql]),
  ];
  return statements.map(([name, sql]) => `PREPARE ${name} AS ${sql};`).join("\n");
}

function insertSql(table: TableName, rows: number): string {
  const columns = COLUMNS[table];
  const row = (at: number) => `(${columns.map((_, i) => `$${at * columns.length + i + 1}`)})`;
  const values = Array.from({ length: rows }, (_, at) => row(at)).join(", ");
  return `INSERT INTO public.${table} (${columns.join(", ")}) VALUES ${values}`;
}

/** Changes as SQL, for a session that ran {@linkcode prepareAll}. */
export function changesSql(changes: readonly Change[]): string {
  let sql = "";
  for (let i = 0; i < changes.length; i++) {
    const name = statementOf(changes[i]);
    let values = valuesSql(changes[i]);
    const pair = name in PAIRS && i + 1 < changes.length && statementOf(changes[i + 1]) === name;
    if (pair) values += "," + valuesSql(changes[++i]);
    sql += `EXECUTE ${name}${pair ? "_pair" : ""}(${values});`;
  }
  return sql;
}

function statementOf(change: Change): string {
  return change.op === "insert" ? `insert_${change.table}` : change.statement;
}

function valuesSql(change: Change): string {
  if (change.op !== "insert") return change.values.map(literal).join(",");
  const row = change.row as Record<string, Value>;
  let sql = "";
  let comma = "";
  for (const column of COLUMNS[change.table]) {
    const value = row[column];
    sql += comma + (value === null ? "NULL" : literal(value));
    comma = ",";
  }
  return sql;
}

/**
 * A row as a line of COPY's text format: values between tabs, `\N` for null, and a backslash
 * before backslash, tab and line ends.
 */
export function copyLine<T extends TableName>(table: T, row: Row<T>): string {
  const values = row as Record<string, Value>;
  let line = "";
  let tab = "";
  for (const column of COLUMNS[table]) {
    const value = values[column];
    line += tab + (value === null ? "\\N" : copyText(value));
    tab = "\t";
  }
  return line + "\n";
}

const ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

function copyText(value: string): string {
  return /[\\\t\n\r]/.test(value) ? value.replace(/[\\\t\n\r]/g, (char) => ESCAPES[char]) : value;
}
