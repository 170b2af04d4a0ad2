/**
 * The two streams that everything visible goes through.
 *
 * `write` resolves when the reader can take more, so a slow reader slows the program down and nothing piles up
 * here. `flush` resolves when the kernel has every byte; only then may the process exit, or output into a pipe
 * would be cut short. A stream that broke fails the next `write` and every `flush`.
 */
import type { Writable } from 'node:stream';

export class Output {
  #failure: Error | undefined;
  #atLineStart = true;

  constructor(private readonly stream: Writable & { isTTY?: boolean; columns?: number }) {
    // Without a listener, a reader that goes away would end us with a stack trace.
    stream.on('error', (error) => {
      this.#failure ??= error;
    });
  }

  get isTTY(): boolean {
    return this.stream.isTTY === true;
  }

  /** Width of the terminal. A terminal that does not know its own says nothing, or 0. */
  get columns(): number {
    return this.stream.columns || 80;
  }

  async write(text: string): Promise<void> {
    if (text === '') return;
    if (this.#failure) throw this.#failure;
    this.#atLineStart = text.endsWith('\n');
    await new Promise<void>((resolve, reject) => {
      const hasRoom = this.stream.write(text, (error) => (error ? reject(this.#failure ?? error) : resolve()));
      if (hasRoom) resolve();
    });
  }

  /** Writes a message of our own, on a fresh line even if a program left one open. A failure shows in `flush`. */
  line(text: string): void {
    this.write(`${this.#atLineStart ? '' : '\n'}${text}\n`).catch(() => {});
  }

  /** Ends the line that is open, if one is. */
  endLine(): void {
    if (!this.#atLineStart) this.write('\n').catch(() => {});
  }

  /** A newline that the user typed has ended the line. */
  newlineTyped(): void {
    this.#atLineStart = true;
  }

  /** Writes what will be erased again, so it leaves open whether we are at the start of a line. */
  decorate(text: string): void {
    if (!this.#failure) this.stream.write(text);
  }

  async flush(): Promise<void> {
    if (this.#failure) throw this.#failure;
    // Callbacks run in the order of the writes, so an empty write comes back when all before it are out.
    await new Promise<void>((resolve, reject) => {
      this.stream.write('', (error) => (error ? reject(this.#failure ?? error) : resolve()));
    });
  }
}

export const stdout = new Output(process.stdout);
export const stderr = new Output(process.stderr);
