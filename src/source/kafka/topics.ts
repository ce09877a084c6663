/** Which topics of a connector are read, by `topic.prefix` and SLUICE_TABLES. */

/** Names and patterns of one connector's topics. */
export class TopicNames {
  /** BEGIN and END of source transactions (`provide.transaction.metadata`). */
  readonly transactions: string;
  readonly heartbeat: string;
  readonly #patterns: readonly RegExp[];
  readonly #wanted = new Map<string, boolean>();

  /** `tables`: `schema.table` patterns with `*` for any characters. */
  constructor(readonly prefix: string, readonly tables: readonly string[]) {
    this.transactions = `${prefix}.transaction`;
    this.heartbeat = `__debezium-heartbeat.${prefix}`;
    this.#patterns = tables.map((pattern) => {
      const parts = pattern.split("*").map((part) => escape(topicPart(part)));
      return new RegExp(`^${escape(prefix)}\\.${parts.join(".*")}$`, "s");
    });
  }

  /** The topic of a table `schema.table`. */
  topicOf(table: string): string {
    return `${this.prefix}.${topicPart(table)}`;
  }

  /** The table whose rows a topic holds, as its name says it: `schema.table`. */
  tableOf(topic: string): string {
    return topic.slice(this.prefix.length + 1);
  }

  /** Whether a topic holds rows of a table that is wanted. */
  isData(topic: string): boolean {
    return topic !== this.transactions && this.#patterns.some((pattern) => pattern.test(topic));
  }

  /** Whether a table `schema.table` is wanted. */
  isWanted(table: string): boolean {
    let isWanted = this.#wanted.get(table);
    if (isWanted === undefined) {
      isWanted = this.isData(this.topicOf(table));
      this.#wanted.set(table, isWanted);
    }
    return isWanted;
  }

  /** Whether a topic is read: rows, transactions or heartbeats. */
  isRead(topic: string): boolean {
    return topic === this.transactions || topic === this.heartbeat || this.isData(topic);
  }
}

/** Debezium replaces what a topic's name may not hold by `_`. */
function topicPart(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, "_");
}

function escape(text: string): string {
  return text.replace(/[.\\+?^$()[\]{}|*-]/g, "\\$&");
}
