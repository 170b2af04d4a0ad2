/** HTTP written by hand, by clients that take their time: heads and bodies that come slowly, or never to an end. */
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { KEY } from './live-server.js';

export class RawClient {
  /** All that has come. */
  received = '';
  /** The code of what went wrong with the connection, if anything did. */
  error: string | undefined;
  /** Resolves when the connection is closed, with the milliseconds for which it was open. */
  readonly closed: Promise<number>;
  readonly #socket: Socket;

  /** Connects, and writes `text` at once. The connection does not outlive the test, or whatever `atEnd` is for. */
  constructor(host: string, text = '', atEnd: (end: () => void) => void = onTestFinished) {
    const { hostname, port } = new URL(host);
    const began = performance.now();
    this.#socket = connect(Number(port), hostname);
    this.#socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      this.error = code;
    });
    this.#socket.setEncoding('latin1').on('data', (chunk: string) => {
      this.received += chunk;
    });
    this.closed = new Promise((resolve) => this.#socket.on('close', () => resolve(performance.now() - began)));
    if (text !== '') this.#socket.write(text);
    atEnd(() => this.destroy());
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** The status of the answer, if one has begun to come. */
  get status(): number | undefined {
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(this.received)?.[1];
    return status === undefined ? undefined : Number(status);
  }

  /** The body of the answer as JSON. */
  get body(): any {
    return JSON.parse(this.received.slice(this.received.indexOf('\r\n\r\n') + 4));
  }

  write(text: string): void {
    if (!this.#socket.destroyed) this.#socket.write(text);
  }

  /** Writes `text` again and again, until the connection is closed. */
  drip(text: string, everyMs: number): void {
    const drops = setInterval(() => this.write(text), everyMs);
    void this.closed.then(() => clearInterval(drops));
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** The head of a request with a body of so many bytes. */
export function head(path: string, length: number, more = ''): string {
  const lines = [`POST ${path} HTTP/1.1`, 'host: x', `authorization: Bearer ${KEY}`, `content-length: ${length}`];
  return `${lines.join('\r\n')}\r\n${more}\r\n`;
}
