/** `Semaphore`: at most so many at a time, in the order in which they came. */

/**
 * A counting semaphore. A permit that is released goes to whoever has waited longest, so a newcomer cannot overtake.
 */
export class Semaphore {
  readonly #max: number;
  #held = 0;
  readonly #waiters: (() => void)[] = [];

  /** With `max` permits, of which fractions do not count. */
  constructor(max: number) {
    if (!(Number.isFinite(max) && max >= 1)) throw new RangeError('Semaphore max must be >= 1');
    this.#max = Math.trunc(max);
  }

  /** Permits that nobody holds. */
  get available(): number {
    return this.#max - this.#held;
  }

  /** How many wait for one. */
  get pending(): number {
    return this.#waiters.length;
  }

  /** Resolves when the caller has a permit, which it has to release. */
  async acquire(): Promise<void> {
    if (this.#held < this.#max) {
      this.#held += 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Gives a permit back. Throws if none is held: a permit too many would let in one too many for ever. */
  release(): void {
    if (this.#held === 0) throw new Error('Semaphore released more often than it was acquired');
    const next = this.#waiters.shift();
    if (next) next();
    else this.#held -= 1;
  }
}
