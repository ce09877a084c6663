/** A read of a stream's that is under way. It is reacted to once: on a quiet source it may live for
 * days, and each wait for it would leave a reaction. */

/** See the top of this file. */
export class Reading {
  #hasCome = false;
  #failure: { readonly error: unknown } | undefined;

  /** `ended` is called when the read has. */
  constructor(read: Promise<void>, ended: () => void) {
    read.then(() => {
      this.#hasCome = true;
    }, (error) => {
      this.#failure = { error };
    }).then(ended);
  }

  get isOver(): boolean {
    return this.#hasCome || this.#failure !== undefined;
  }

  /** Whether the input has come; throws what the read has. */
  get hasCome(): boolean {
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#hasCome;
  }
}
