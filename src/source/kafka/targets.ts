/** Where each table's rows go: its decoder, or why it is left out. */
import type { TableLayout } from "../../batch/column.ts";
import { type Table, tableName } from "../../catalog/catalog.ts";
import type {
  ChangeHead,
  DebeziumCodec,
  DebeziumRows,
  KafkaRecord,
  Stop,
} from "../../decode/decoder.ts";
import { Fault } from "../../errors.ts";
import { logger } from "../../log.ts";
import type { Lane } from "./lane.ts";
import { manyPartitions } from "./one_partition.ts";

const log = logger("source");

/** A table whose rows are written. */
export interface Target {
  readonly name: string;
  readonly rows: DebeziumRows;
}

/** A table as the source's catalogue has it: undefined when it has none, or there is none. Null: the
 * catalogue must be read again first, by a stop of kind `verify`. */
export type Known = (name: string) => Table | undefined | null;

/** See the top of this file. */
export class Targets {
  readonly #targets = new Map<string, Target>();
  readonly #leftOut = new Map<string, string>();
  readonly #scratch: ChangeHead;

  constructor(
    private readonly codec: DebeziumCodec,
    private readonly known: Known,
    layouts: readonly TableLayout[],
  ) {
    this.#scratch = codec.head();
    for (const layout of layouts) this.#adopt(layout);
  }

  get leftOut(): { table: string; reason: string }[] {
    return [...this.#leftOut].map(([table, reason]) => ({ table, reason }));
  }

  get(name: string): Target | undefined {
    return this.#targets.get(name);
  }

  isLeftOut(name: string): boolean {
    return this.#leftOut.has(name);
  }

  /** Makes a target of a table that was never seen, from the first record that says its columns: a
   * lane's head, or behind a TRUNCATE. Gives the stop to make it with, the fault when the record
   * doesn't say enough, or undefined: it is left out, or a TRUNCATE has nothing to empty. */
  meet(lane: Lane): Stop | Fault | undefined {
    const { head, feed, table: name } = lane;
    if (head.op !== "t") return this.#meetRow(name, feed.head!, head);
    const row = this.#firstRow(lane);
    const met = row === undefined ? undefined : this.#meetRow(name, row, this.#scratch);
    if (this.#leftOut.has(name) || this.known(name)?.key.length === 0) return undefined;
    if (!lane.isAlone) return manyPartitions(feed.head!, name); // rows from before it may come yet
    return met instanceof Fault ? undefined : met; // that record is met again in its turn
  }

  /** The first record behind a lane's head that has a row of the same table, read into `#scratch`. */
  #firstRow({ feed, head }: Lane): KafkaRecord | undefined {
    const scratch = this.#scratch;
    for (let ahead = 1;; ahead++) {
      const record = feed.peek(ahead);
      if (record === undefined) return undefined;
      if (this.codec.scan(record, scratch) !== undefined) continue;
      const { op, schema, table } = scratch;
      if (op === null || op === "m" || op === "t") continue;
      if (schema === head.schema && table === head.table) return record;
    }
  }

  #meetRow(name: string, record: KafkaRecord, head: ChangeHead): Stop | Fault | undefined {
    const known = this.known(name);
    const described = this.codec.describe(record, head, known ?? undefined);
    if (described instanceof Fault) {
      if (described.kind !== "setup") return described;
      this.#leftOut.set(name, described.details.what);
      log.warn("{table} is not replicated: {reason}", { table: name, reason: described.message });
      return undefined;
    }
    if (known === null) return { kind: "verify", table: described.table };
    for (const sentence of described.unsure) log.warn(sentence);
    const adopt = (layout: TableLayout) => this.#adopt(layout);
    return { kind: "evolve", table: described.table, adopt };
  }

  #adopt(layout: TableLayout): void {
    const name = tableName(layout.table);
    this.#targets.set(name, { name, rows: this.codec.rows(layout) });
  }
}
