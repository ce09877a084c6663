/** A sink of an order, in memory: what it holds, and the layouts that it made. */
import assert from "node:assert/strict";
import { type Batch, OP } from "../../batch/batch.ts";
import { META, META_COUNT, TableLayout } from "../../batch/column.ts";
import type { Pool } from "../../batch/pool.ts";
import type { Stop } from "../../decode/decoder.ts";
import type { KafkaPosition } from "../position.ts";

/** A row that was written. */
export interface Row {
  table: string;
  key: number;
  op: string;
  value: number | null;
  lsn: number;
  seq: number;
  tx: number;
  /** What was left out of it is filled in. */
  text: string | null;
}

/** See the top of this file. */
export class TestSink {
  rows: Row[] = [];
  pending: Row[] = [];
  layouts: TableLayout[] = [];
  position: KafkaPosition = {
    kind: "kafka",
    clusterId: "c",
    prefix: "p",
    topics: {},
    snapshot: { phase: "done", lsn: 0, again: null },
    lsn: 0,
  };

  write(batch: Batch): void {
    for (const { layout, chunks, isCut } of batch.segments.values()) {
      let before: Row | undefined;
      let rows = 0;
      const [id, n, text] = ["id", "n", "text"].map((name) =>
        META_COUNT + layout.table.columns.findIndex((column) => column.name === name)
      );
      for (const chunk of chunks) {
        for (let row = 0; row < chunk.rows; row++) {
          const long = (column: number) =>
            batch.ints[(chunk.data[column] >> 2) + row * 2 + 1] * 2 ** 32 +
            (batch.ints[(chunk.data[column] >> 2) + row * 2] >>> 0);
          const isNull = (column: number) =>
            (batch.bytes[chunk.validity[column] + (row >> 3)] & (1 << (row & 7))) === 0;
          const textAt = (column: number) =>
            column < META_COUNT || isNull(column)
              ? null
              : new TextDecoder().decode(batch.stringAt(chunk.data[column] + row * 16));
          const written: Row = {
            table: layout.name,
            key: isNull(id) ? 0 : long(id), // of a TRUNCATE
            op: Object.entries(OP).find(([, code]) =>
              code === batch.bytes[chunk.data[META.op] + row]
            )![0],
            value: isNull(n) ? null : long(n),
            lsn: long(META.lsn),
            seq: long(META.seq),
            tx: long(META.tx),
            text: textAt(text),
          };
          if (!isNull(META.unchanged)) {
            assert.equal(written.text, null);
            // As merge.ts needs it: a changed key's row comes first, or right behind its old half.
            if (written.op === "c" && rows === 0) {
              assert(isCut);
            } else if (written.op === "c") {
              assert.equal(rows, 1);
              assert.deepEqual([before?.op, before?.lsn], ["d", written.lsn]);
            }
            written.text = this.#textBefore(written);
          }
          this.pending.push(before = written);
          rows++;
        }
      }
    }
  }

  /** The row that `deleted` has deleted, of these of its table. */
  #rowBefore(all: readonly Row[], { key, seq }: Row): Row | undefined {
    const last = all.findLast((row) => row.seq < seq && (row.op === "t" || row.key === key));
    return last === undefined || last.op === "d" || last.op === "t" ? undefined : last;
  }

  /** The text that a row's key has had, or for the `c` of a changed key its old one. */
  #textBefore({ table, key, op, lsn, tx }: Row): string | null {
    const all = [...this.rows, ...this.pending].filter((row) => row.table === table);
    if (op === "u") return all.findLast((row) => row.key === key && row.op !== "t")?.text ?? null;
    const deleted = all.find((row) => row.op === "d" && row.lsn === lsn && row.tx === tx)!;
    return this.#rowBefore(all, deleted)!.text;
  }

  /** As `Recall` asks. */
  recognise(batch: Batch): number[] {
    const before = [...this.rows, ...this.pending];
    this.pending = [];
    this.write(batch);
    const asked = this.pending.sort((a, b) => a.seq - b.seq);
    this.pending = before.filter((row) => !this.rows.includes(row));
    return asked.map((row) =>
      before.find(({ table, key, op, lsn }) =>
        table === row.table &&
        (row.op === "t"
          ? lsn >= row.lsn && op !== "r"
          : lsn === row.lsn && key === row.key && op === row.op)
      )?.seq ?? 0
    );
  }

  /** Does what a stop asks the sink for. */
  answer(stop: Stop, pool: Pick<Pool, "take" | "give">): void {
    if (stop.kind === "evolve") {
      const name = `${stop.table.schema}.${stop.table.name}`;
      const layout = this.layouts.find((each) => each.name === name) ??
        new TableLayout(stop.table);
      if (!this.layouts.includes(layout)) this.layouts = [...this.layouts, layout];
      stop.adopt(layout);
    }
    const recall = stop.kind === "recall" ? stop.recall : undefined;
    if (recall?.of === "deleted") {
      const { table, lsn, tx } = recall;
      const all = [...this.rows, ...this.pending].filter((row) => row.table === table);
      const deleted = all.find((row) => row.op === "d" && row.lsn === lsn && row.tx === tx);
      recall.answer(deleted !== undefined && this.#rowBefore(all, deleted) !== undefined);
    } else if (recall !== undefined) {
      const asked = pool.take()!;
      recall.fill(asked);
      recall.answer(this.recognise(asked));
      pool.give(asked);
    }
    if (stop.kind === "ask") {
      const { txs, before } = stop;
      const all = [...this.rows, ...this.pending].filter(({ seq }) => seq < before);
      stop.answer(new Set(txs.filter((tx) => all.some((row) => row.tx === tx))));
    }
  }

  /** Forgets what is pending, tables too, as a restart does. */
  rollBack(): void {
    this.pending = [];
    this.layouts = this.#committed;
  }
  #committed: TableLayout[] = [];

  /** Makes what is pending visible. */
  commit(position: KafkaPosition): void {
    this.#committed = this.layouts;
    this.rows.push(...this.pending.sort((a, b) => a.seq - b.seq));
    this.pending = [];
    this.position = position;
  }
}
