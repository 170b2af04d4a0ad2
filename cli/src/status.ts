/**
 * One line at the bottom of the terminal that says what we are waiting for. It exists on a terminal only:
 * elsewhere nothing is written, least of all control sequences. Clear it before writing anything else.
 */
import { stripVTControlCharacters } from 'node:util';
import { type Output, stderr } from './output.js';

const ERASE_LINE = '\r\x1b[2K';

export class StatusLine {
  #shown = false;
  #pending: NodeJS.Timeout | undefined;

  constructor(private readonly output: Output = stderr) {}

  show(text: string): void {
    this.#cancel();
    if (!this.output.isTTY) return;
    this.#shown = true;
    // One column stays free: a full line would wrap, and only its second half could be erased.
    this.output.decorate(`${ERASE_LINE}${plain(text).slice(0, this.output.columns - 1)}`);
  }

  /** Shows the text unless the line is cleared, or shows something else, before the delay is over. */
  showAfter(delayMs: number, text: string): void {
    this.#cancel();
    if (this.output.isTTY) this.#pending = setTimeout(() => this.show(text), delayMs).unref();
  }

  clear(): void {
    this.#cancel();
    if (this.#shown) this.output.decorate(ERASE_LINE);
    this.#shown = false;
  }

  #cancel(): void {
    clearTimeout(this.#pending);
  }
}

/** Text from elsewhere, such as a build step, as one line without control characters. */
export function plain(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\p{Cc}+/gu, ' ')
    .trim();
}
