/** What Debezium 2.3.4 itself writes wrongly, value by value, with the reason. */

/** A value of a column of value_cases.ts or extra_cases.ts. */
export interface Garbled {
  column: string;
  /** SQL of the value; `*`: any. */
  value: string;
  via: "snapshot" | "stream" | "both";
}

export const GARBLED: readonly (Garbled & {
  reason: string;
  /** Only in this one of the test's runs. */
  only?: string;
})[] = [];
