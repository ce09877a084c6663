/**
 * Whether a table's changes come to us: others' are not waited for. And which topics must be looked
 * for before that is known.
 */
import type { Lanes } from "./lanes.ts";
import type { Targets } from "./targets.ts";
import type { TopicNames } from "./topics.ts";

/** See the top of this file. */
export class Ours {
  /** Tables that an END names, and whose topics were not there when topics were looked for last. */
  readonly #sought = new Set<string>();
  /** Those that were looked for since, and still are not: their rows come by no topic of theirs. */
  readonly #absent = new Set<string>();

  /** A change names its transaction, and there is no transaction topic. */
  #wantsMarks = false;
  /** It was looked for, and is not there. */
  #isWithoutMarks = false;

  constructor(
    private readonly names: TopicNames,
    private readonly lanes: Lanes,
    private readonly targets: Targets,
  ) {}

  readonly has = (table: string): boolean => {
    if (this.targets.isLeftOut(table) || !this.names.isWanted(table)) return false;
    if (this.targets.get(table) !== undefined) return true;
    const isRead = this.lanes.of(table).length > 0;
    if (isRead || this.#absent.has(table)) return isRead;
    this.#sought.add(table); // the connector has made its topic before it sent the END
    return true;
  };

  /** Whether a table's topic has records that were not fetched, while all that were are taken. */
  isOnItsWay(table: string): boolean {
    return this.lanes.of(table).some(({ feed }) => feed.head === undefined && feed.next < feed.end);
  }

  /** Topics that are to be looked for. */
  get sought(): string[] {
    const topics = [...this.#sought].map((table) => this.names.topicOf(table));
    return this.#wantsMarks ? [this.names.transactions, ...topics] : topics;
  }

  /** Has the transaction topic looked for; false: it was, and is not there. */
  seekMarks(): boolean {
    this.#wantsMarks = !this.#isWithoutMarks;
    return this.#wantsMarks;
  }

  /** All topics that are there are read now; `hasMarks`: that of transactions is one. */
  bound(hasMarks: boolean): void {
    if (hasMarks) this.#wantsMarks = false;
    this.#sought.clear();
  }

  /** These topics were looked for, and are not there. */
  goWithout(topics: readonly string[]): void {
    if (topics.includes(this.names.transactions)) {
      this.#isWithoutMarks = true;
      this.#wantsMarks = false;
    }
    for (const table of this.#sought) {
      if (!topics.includes(this.names.topicOf(table))) continue;
      this.#absent.add(table);
      this.#sought.delete(table);
    }
  }
}
