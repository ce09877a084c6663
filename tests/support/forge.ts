/** Records like those of a connector, for what no connector writes when it is asked to. */
import { type Message, Partitioners } from "kafkajs";
import { kafkaClient, readTopics } from "./topics.ts";

/** What is changed in a real record of a table. */
export interface Forged {
  after: Record<string, unknown>;
  /** Which of the forged ones it is: its LSN follows from it. */
  nth: number;
  /** The source's transaction; none: the record names none. */
  tx?: number;
}

/** Writes into the topics of one table. */
export class Forger implements AsyncDisposable {
  readonly #producer;
  // deno-lint-ignore no-explicit-any
  #model: any;

  private constructor(brokers: string, readonly prefix: string, readonly table: string) {
    this.#producer = kafkaClient(brokers).producer({
      createPartitioner: Partitioners.DefaultPartitioner,
    });
  }

  /** Takes the last change in the table's topic as the model. */
  static async of(brokers: string, prefix: string, table: string): Promise<Forger> {
    const forger = new Forger(brokers, prefix, table);
    const records = await readTopics(brokers, [forger.topic]);
    forger.#model = JSON.parse(records.filter(({ value }) => value !== null).at(-1)!.value!);
    await forger.#producer.connect();
    return forger;
  }

  get topic(): string {
    return `${this.prefix}.public.${this.table}`;
  }

  /** A row that was made at the source. */
  record({ after, nth, tx }: Forged): Message {
    const lsn = this.#model.source.lsn + nth * 8;
    const source = { ...this.#model.source, lsn, txId: tx ?? 1, snapshot: "false" };
    const transaction = tx === undefined
      ? null
      : { id: `${tx}:${lsn}`, total_order: nth, data_collection_order: nth };
    const value = { ...this.#model, before: null, after, source, op: "c", transaction };
    return { key: JSON.stringify({ id: after.id }), value: JSON.stringify(value) };
  }

  /** Begins a transaction, or ends one that has so many changes of the table. */
  async mark(tx: number, changes?: number): Promise<void> {
    const id = `${tx}:${this.#model.source.lsn + (changes === undefined ? 0 : 8000)}`;
    const value = changes === undefined
      ? { status: "BEGIN", id, event_count: null, data_collections: null }
      : {
        status: "END",
        id,
        event_count: changes,
        data_collections: [{ data_collection: `public.${this.table}`, event_count: changes }],
      };
    await this.#producer.send({
      topic: `${this.prefix}.transaction`,
      messages: [{
        key: JSON.stringify({ id }),
        value: JSON.stringify({ ...value, ts_ms: this.#model.ts_ms }),
      }],
    });
  }

  /** Resolves to the offset of the first. */
  async send(...messages: Message[]): Promise<number> {
    const [{ baseOffset }] = await this.#producer.send({ topic: this.topic, messages });
    return Number(baseOffset);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#producer.disconnect();
  }
}
