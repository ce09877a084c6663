/** A record that could not be decoded or applied, as it came, with the reason. */
export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** ms since 1970. */
  readonly timestampMs: number;
  /** `schema.table`, as far as the record or its topic says it. */
  readonly table: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** The fault's kind and its whole text. */
  readonly kind: string;
  readonly reason: string;
}

/** Bytes of memory that it holds. */
export function letterBytes({ key, value, reason }: DeadLetter): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + reason.length + 200;
}
