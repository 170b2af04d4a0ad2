/**
 * A WebSocket, frame by frame: one that can do what no well-behaved client does, such as leave pings unanswered, stop
 * reading, or be gone without a word.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { ServerEvent } from './caller.js';
import { KEY } from './live-server.js';
import { until } from './until.js';

const TEXT = 1;
export const BINARY = 2;
const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

export interface Frame {
  opcode: number;
  payload: Buffer;
}

/** How a connection ended: with a code and a reason, or without a word. */
export type Closed = { code: number; reason: string } | 'gone';

export interface Opening {
  key?: string;
  /** Whether pings are answered. Default true. */
  pongs?: boolean;
  /** What ends the connection at the latest. Default: the end of the test. */
  atEnd?: (end: () => void) => void;
}

/** The server did not change to another protocol. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {
    super(`status ${status}`);
  }
}

export class Socket {
  /** All that has come. */
  readonly frames: Frame[] = [];
  readonly closed: Promise<Closed>;
  #received = Buffer.alloc(0);

  private constructor(
    private readonly stream: Duplex,
    head: Buffer,
    private readonly pongs: boolean,
  ) {
    this.closed = new Promise((resolve) => {
      stream.on('close', () => {
        const last = this.frames.find(({ opcode }) => opcode === CLOSE)?.payload;
        resolve(last ? { code: last.readUInt16BE(0), reason: last.toString('utf8', 2) } : 'gone');
      });
    });
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.unshift(head);
  }

  /** A connection to `/execute/ws`. Fails with {@link Refused}. */
  static async open(host: string, { key = KEY, pongs = true, atEnd = onTestFinished }: Opening = {}): Promise<Socket> {
    const headers = {
      authorization: `Bearer ${key}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    };
    const asked = request(`${host}/execute/ws`, { headers });
    asked.end();
    const upgraded = once(asked, 'upgrade').then(([, stream, head]) => new Socket(stream, head, pongs));
    const refused = once(asked, 'response').then(async ([response]) => {
      let body = '';
      for await (const chunk of response.setEncoding('utf8')) body += chunk;
      throw new Refused(response.statusCode, JSON.parse(body));
    });
    // Either of them never settles, or fails as the other does.
    for (const outcome of [upgraded, refused]) outcome.catch(() => {});
    const socket = await Promise.race([upgraded, refused]);
    atEnd(() => socket.vanish());
    return socket;
  }

  /** The events that have come. */
  get events(): ServerEvent[] {
    return this.frames
      .filter(({ opcode }) => opcode === TEXT)
      .map(({ payload }) => JSON.parse(payload.toString('utf8')));
  }

  /** What the program has printed so far. */
  get stdout(): string {
    return this.events.map(({ type, data }) => (type === 'stdout' ? data : '')).join('');
  }

  /** Sends a message: text as it is, anything else as JSON. */
  send(message: unknown): void {
    this.frame(TEXT, typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Has a command line run. */
  execute(cmd: string, more: object = {}): void {
    this.send({ type: 'execute', request: { runtime: 'bash', cmd }, ...more });
  }

  /** Sends one frame, masked as those of clients have to be. */
  frame(opcode: number, payload: string | Buffer, { fin = true, masked = true } = {}): void {
    const body = Buffer.from(payload);
    const head = Buffer.alloc(10);
    head[0] = (fin ? 0x80 : 0) | opcode;
    head[1] = (masked ? 0x80 : 0) | 127;
    head.writeBigUInt64BE(BigInt(body.length), 2);
    const mask = masked ? randomBytes(4) : Buffer.alloc(0);
    if (masked) for (let at = 0; at < body.length; at++) body[at] = (body[at] ?? 0) ^ (mask[at & 3] ?? 0);
    this.stream.write(Buffer.concat([head, mask, body]));
  }

  /** Resolves when `look` finds something. */
  until<T>(what: string, look: (socket: this) => T | Promise<T>, deadlineMs = 20_000) {
    return until(what, deadlineMs, () => look(this));
  }

  /** Reads no more for now. */
  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  /** Is gone without a word. */
  vanish(): void {
    this.stream.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (let frame = this.#next(); frame; frame = this.#next()) {
      this.frames.push(frame);
      if (frame.opcode === PING && this.pongs) this.frame(PONG, frame.payload);
      if (frame.opcode === CLOSE) this.frame(CLOSE, frame.payload);
    }
  }

  #next(): Frame | undefined {
    const received = this.#received;
    if (received.length < 2) return undefined;
    const short = (received[1] ?? 0) & 0x7f;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (received.length < start) return undefined;
    const length =
      short === 126 ? received.readUInt16BE(2) : short === 127 ? Number(received.readBigUInt64BE(2)) : short;
    if (received.length < start + length) return undefined;
    this.#received = received.subarray(start + length);
    return { opcode: (received[0] ?? 0) & 0x0f, payload: received.subarray(start, start + length) };
  }
}
