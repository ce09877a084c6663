/**
 * Dead letters: records that could not be decoded or applied, kept as they came beside the position
 * that moves past them. A table with any is incomplete: `GET /v1/tables` says so.
 */
import { blobValue, type DuckDBConnection, type DuckDBValue } from "@duckdb/node-api";
import type { DeadLetter } from "../../batch/dead_letter.ts";

/** The statement that makes their table. `id` counts from 1 in the order of arrival. */
export const LETTERS_TABLE = `CREATE TABLE IF NOT EXISTS _sluice.dead_letters (id BIGINT,
  set_aside_at TIMESTAMPTZ, topic VARCHAR, "partition" INTEGER, "offset" BIGINT,
  record_time TIMESTAMPTZ, "table" VARCHAR, kind VARCHAR, reason VARCHAR, headers VARCHAR,
  key BLOB, value BLOB)`;

/** Writes them, within the open transaction. */
export async function insertLetters(
  connection: DuckDBConnection,
  letters: readonly DeadLetter[],
): Promise<void> {
  const sql = `INSERT INTO _sluice.dead_letters
    SELECT coalesce(max(id), 0) + 1, now(), $topic, $partition, $offset::BIGINT,
      make_timestamptz($micros::BIGINT), $table, $kind, $reason, $headers, $key, $value
    FROM _sluice.dead_letters`;
  for (const letter of letters) {
    await connection.run(sql, {
      topic: letter.topic,
      partition: letter.partition,
      offset: BigInt(letter.offset),
      micros: BigInt(Math.round(letter.timestampMs * 1000)),
      table: letter.table,
      kind: letter.kind,
      reason: letter.reason,
      headers: JSON.stringify(letter.headers),
      key: blob(letter.key),
      value: blob(letter.value),
    });
  }
}

function blob(bytes: Uint8Array | null): DuckDBValue {
  return bytes === null ? null : blobValue(bytes);
}
