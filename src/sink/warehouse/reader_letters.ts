/** The dead letters, as letters.ts keeps them. */
import type { DuckDBConnection } from "@duckdb/node-api";
import { Buffer } from "node:buffer";
import type { Question } from "../../messages.ts";
import type { JsonOut } from "./json_out.ts";
import { refuse } from "./refusal.ts";

const COLUMNS = `id, strftime(set_aside_at, '%Y-%m-%dT%H:%M:%S.%fZ'), topic, "partition",
  "offset", strftime(record_time, '%Y-%m-%dT%H:%M:%S.%fZ'), "table", kind, reason,
  octet_length(key), octet_length(value)`;

/**
 * Answers `{"dead_letters":[{"id","set_aside_at","topic","partition","offset","record_time","table",
 * "kind","reason","key_bytes","value_bytes"}],"total","lsn"}`, the newest first, at most `limit`.
 */
export async function answerLetters(
  connection: DuckDBConnection,
  { limit }: Question & { kind: "letters" },
  lsn: string,
  out: JsonOut,
): Promise<void> {
  const sql = `SELECT ${COLUMNS} FROM _sluice.dead_letters ORDER BY id DESC LIMIT ${limit}`;
  const rows = (await connection.runAndReadAll(sql)).getRowsJson();
  const count = await connection.runAndReadAll("SELECT count(*) FROM _sluice.dead_letters");
  out.raw('{"dead_letters":[');
  rows.forEach((row, i) => out.json((i > 0 ? "," : "") + JSON.stringify(described(row))));
  out.raw(`],"total":"${count.getRowsJson()[0][0]}","lsn":"${lsn}"}`);
}

/** Answers one letter, with `headers`, and `key` and `value` as text where they are UTF-8, and in
 * base64 (`key_base64`, `value_base64`) always. */
export async function answerLetter(
  connection: DuckDBConnection,
  { id }: Question & { kind: "letter" },
  lsn: string,
  out: JsonOut,
): Promise<void> {
  const sql = `SELECT ${COLUMNS}, headers, to_base64(key), to_base64(value)
    FROM _sluice.dead_letters WHERE id = ${id}`;
  const [row] = (await connection.runAndReadAll(sql)).getRowsJson();
  if (row === undefined) {
    throw refuse(404, "No such dead letter", `There is none with the id ${id}.`);
  }
  const [headers, key, value] = row.slice(11) as (string | null)[];
  const whole = {
    ...described(row),
    headers: JSON.parse(headers ?? "{}"),
    key: textOf(key),
    value: textOf(value),
    key_base64: key,
    value_base64: value,
  };
  out.json(`${JSON.stringify(whole).slice(0, -1)},"lsn":"${lsn}"}`);
}

function described(row: readonly unknown[]): Record<string, unknown> {
  const [id, setAsideAt, topic, partition, offset, recordTime, table, kind, reason] = row;
  return {
    id,
    set_aside_at: setAsideAt,
    topic,
    partition,
    offset,
    record_time: recordTime,
    table,
    kind,
    reason,
    key_bytes: row[9],
    value_bytes: row[10],
  };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Undefined where the bytes are no UTF-8: the field is left out. */
function textOf(base64: string | null): string | null | undefined {
  if (base64 === null) return null;
  try {
    return utf8.decode(Buffer.from(base64, "base64"));
  } catch {
    return undefined; // what it is stands in base64 beside
  }
}
