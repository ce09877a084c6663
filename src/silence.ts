/**
 * Tells when the other isolate has given no sign of life for too long. It counts its own ticks, not
 * the clock: a process that was stopped for a while, or a machine that slept, has silenced both
 * isolates, and neither hangs.
 */

/** How often either isolate gives a sign of life at least, and how often the other looks. */
export const SIGN_MS = 1000;

/** See the top of this file. */
export class Silence {
  #ticks = 0;

  /** `ticksMax`: ticks without a sign before it is a hang, some {@linkcode SIGN_MS} each. */
  constructor(private readonly ticksMax: number) {}

  /** The other one has said something. */
  heard(): void {
    this.#ticks = 0;
  }

  /** To be called every {@linkcode SIGN_MS}. Whether the silence has lasted too long now. */
  tick(): boolean {
    return ++this.#ticks > this.ticksMax;
  }
}
