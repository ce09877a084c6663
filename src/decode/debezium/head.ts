/** What a scan leaves behind for the decoding of the row: where the parts of the record lie. */
import type { Op } from "../../batch/batch.ts";
import type { ChangeHead } from "../decoder.ts";
import { Fields } from "./fields.ts";
import type { SchemaBlock } from "./schema_block.ts";

const NO_MEMORY = new DataView(new ArrayBuffer(0));

/** A `ChangeHead` as this codec makes them. Its offsets are into the record that was scanned last. */
export class DebeziumHead implements ChangeHead {
  op: Op | "m" | null = null;
  schema = "";
  table = "";
  lsn = 0;
  tx = 0;
  atHigh = 0;
  atLow = 0;
  commitTimeMs = 0;
  snapshot = "";
  isInTransaction = false;
  transactionOrder = 0;
  keyChange: "old" | "new" | null = null;
  /** In the memory that the record's key is in. */
  readonly key = new Fields();
  /** In the memory that its value is in. */
  readonly before = new Fields();
  readonly after = new Fields();
  /** Over the whole memory of each. */
  valueView: DataView = NO_MEMORY;
  keyView: DataView = NO_MEMORY;
  /** Null: without a schema. */
  keySchema: SchemaBlock | null = null;
  valueSchema: SchemaBlock | null = null;

  letGo(): void {
    this.valueView = this.keyView = NO_MEMORY;
  }

  /** Nothing is known. */
  clear(): void {
    this.op = null;
    this.schema = "";
    this.table = "";
    this.lsn = 0;
    this.tx = 0;
    this.snapshot = "";
    this.isInTransaction = false;
    this.transactionOrder = 0;
    this.keyChange = null;
    this.keySchema = null;
    this.valueSchema = null;
    this.key.clear();
    this.before.clear();
    this.after.clear();
    this.at(0);
  }

  /** Sets the commit time, ms since 1970 and within 285,000 years of it. */
  at(commitTimeMs: number): void {
    this.commitTimeMs = commitTimeMs;
    if (commitTimeMs >= 0 && commitTimeMs < SIMPLE_MS_MAX) {
      const micros = commitTimeMs * 1000;
      const high = Math.floor(micros / 0x1_0000_0000);
      this.atHigh = high;
      this.atLow = micros - high * 0x1_0000_0000;
      return;
    }
    // The product may pass 2^53, so it is made of two parts.
    const high = Math.floor(commitTimeMs / 0x1_0000_0000) * 1000;
    const low = (commitTimeMs - high / 1000 * 0x1_0000_0000) * 1000;
    this.atHigh = high + Math.floor(low / 0x1_0000_0000);
    this.atLow = low % 0x1_0000_0000;
  }
}

/** A thousand times this is exact as a double. */
const SIMPLE_MS_MAX = 2 ** 53 / 1000;
