/** Dead letters of records, and of transactions that were given up on. */
import { type DeadLetter } from "../../batch/dead_letter.ts";
import type { KafkaRecord } from "../../decode/decoder.ts";
import type { Fault } from "../../errors.ts";

/** `record` undefined: the letter is of no single record. `table`: as far as it is known. */
export function letterOf(
  fault: Fault,
  record: KafkaRecord | undefined,
  table: string | null,
  nowMs: number,
): DeadLetter {
  return {
    topic: record?.topic ?? "",
    partition: record?.partition ?? -1,
    offset: record?.offset ?? -1,
    timestampMs: record?.timestampMs ?? nowMs,
    table,
    headers: Object.fromEntries(
      Object.entries(record?.headers ?? {}).map(([name, value]) => [name, textOf(value)]),
    ),
    // Copies: the record's bytes are lent until it is taken.
    key: record?.key?.copy() ?? null,
    value: record?.value?.copy() ?? null,
    kind: fault.kind,
    reason: fault.message,
  };
}

/** A header's bytes as text: Connect writes JSON there. What is not UTF-8 is replaced. */
function textOf(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}
