/** Wakes one waiter, now or when it comes to wait. Signals given meanwhile count as one. */
export class Signal {
  #isGiven = false;
  #wake: (() => void) | undefined;

  give(): void {
    this.#isGiven = true;
    this.#wake?.();
  }

  /** Resolves at the next signal, or after `ms` if that is given. */
  async wait(ms?: number): Promise<void> {
    if (!this.#isGiven) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (ms !== undefined) timer = setTimeout(resolve, ms);
      });
      clearTimeout(timer);
      this.#wake = undefined;
    }
    this.#isGiven = false;
  }
}
