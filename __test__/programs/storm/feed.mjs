// Live standard input that ends, fails, or never says anything more, and knows whether it was told that nobody reads on.
import { setTimeout as pause } from 'node:timers/promises';

export class Feed {
  /** Whether somebody has begun to read. */
  isOpen = false;
  /** Whether there is nothing more to be told: it has ended, failed, or been closed. */
  isOver = false;
  #lines;
  #end;
  #close;
  #closed = new Promise((resolve) => {
    this.#close = resolve;
  });

  /** `end` is what comes after the lines: `live` (the end), `failing` or `stuck`. */
  constructor(lines, end) {
    this.#lines = [...lines];
    this.#end = end;
  }

  [Symbol.asyncIterator]() {
    this.isOpen = true;
    return this;
  }

  async next() {
    await pause(5);
    if (this.#lines.length > 0) return { done: false, value: this.#lines.shift() };
    if (this.#end === 'stuck') await this.#closed;
    this.isOver = true;
    if (this.#end === 'failing') throw new Error('the storm took the input');
    return { done: true, value: undefined };
  }

  async return() {
    this.isOver = true;
    this.#close();
    return { done: true, value: undefined };
  }
}
