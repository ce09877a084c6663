/** Tells the group how far we are: a hint, for those who look at its lag. */
import type { Consumer } from "kafkajs";
import { logger } from "../../log.ts";

const log = logger("source");

/** An offset to commit. */
export interface Offset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** One commit is under way at most; of what comes meanwhile the last is kept. */
export class Committer {
  #waiting: readonly Offset[] | undefined;
  #working: Promise<void> | undefined;

  constructor(private readonly consumer: Consumer) {}

  /** Never throws. */
  commit(offsets: readonly Offset[]): void {
    if (offsets.length === 0) return;
    this.#waiting = offsets;
    this.#working ??= this.#work();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    this.#waiting = undefined;
    await this.#working;
  }

  async #work(): Promise<void> {
    while (this.#waiting !== undefined) {
      const offsets = this.#waiting.map((one) => ({ ...one, offset: String(one.offset) }));
      this.#waiting = undefined;
      try {
        await this.consumer.commitOffsets(offsets);
      } catch (error) {
        log.info("the group's offsets were not committed, which harms nothing: {error}", {
          error: error instanceof Error ? error.message : String(error),
        });
      }
    }
    this.#working = undefined;
  }
}
