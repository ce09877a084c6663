/** The kinds of slots in a skeleton. */

/** What is in a slot. */
export const Slot = {
  /** A number that is not looked at. */
  number: 0,
  time: 1,
  tx: 2,
  lsn: 3,
  op: 4,
  before: 5,
  after: 6,
  key: 7,
  /** `data_collection_order`. */
  order: 8,
} as const;
