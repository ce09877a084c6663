/** What a run did, counted. */
import type { Kind, Scenario } from "./scenarios.ts";
import type { Change, TableName } from "./tables.ts";

/** Counts of committed changes to one table. */
export interface TableCounts {
  insert: number;
  update: number;
  delete: number;
}

/** Counts of what was committed. */
export class Summary {
  committed = 0;
  readonly byKind = new Map<Kind, number>();
  readonly byTable = new Map<TableName, TableCounts>();
  /** How often the connection was lost. */
  reconnects = 0;
  /** Transactions that were not committed, because the connection was lost or a row had changed. */
  discarded = 0;
  /** Transactions of which nobody knows, since the run ended while the database was away. */
  unknown = 0;

  add({ kind, changes }: Scenario): void {
    this.committed++;
    this.byKind.set(kind, (this.byKind.get(kind) ?? 0) + 1);
    for (const change of changes) this.addRows(change.table, change.op, 1);
  }

  addRows(table: TableName, op: Change["op"], rows: number): void {
    const counts = this.byTable.get(table) ?? { insert: 0, update: 0, delete: 0 };
    counts[op] += rows;
    this.byTable.set(table, counts);
  }

  /** As lines for people. */
  toText(elapsedMs: number): string {
    const seconds = elapsedMs / 1000;
    const rate = seconds > 0 ? this.committed / seconds : 0;
    const lines = [
      `${count(this.committed)} transactions in ${seconds.toFixed(1)} s ` +
      `(${count(Math.round(rate))} a second)`,
    ];
    const kinds = [...this.byKind].sort(([, a], [, b]) => b - a);
    for (const [kind, times] of kinds) lines.push(row(kind, [times]));
    lines.push("", row("rows", ["inserted", "updated", "deleted"]));
    for (const [table, counts] of this.byTable) {
      lines.push(row(table, [counts.insert, counts.update, counts.delete]));
    }
    lines.push("", row("reconnects", [this.reconnects]), row("not committed", [this.discarded]));
    if (this.unknown > 0) lines.push(row("outcome unknown", [this.unknown]));
    return lines.join("\n");
  }
}

function row(name: string, cells: (number | string)[]): string {
  const texts = cells.map((cell) => (typeof cell === "number" ? count(cell) : cell).padStart(12));
  return `  ${name.padEnd(20)}${texts.join("")}`;
}

/** `1234567` → `1,234,567`. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}
