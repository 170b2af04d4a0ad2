/** A client of a server that says what it likes, as bodies over HTTP. */
import type { StreamEvent } from 'isol8';
import { KEY } from './live-server.js';

/** What a server sends as one event of a stream. */
export type ServerEvent = StreamEvent & { code?: string };

/** What a server says of its sessions. */
export interface Session {
  id: string;
  isActive: boolean;
  lastAccessedAt: string;
}

/** What a server says of how busy it is. */
export interface Load {
  running: number;
  waiting: number;
  capacity: number;
  saturated: boolean;
}

export class Caller {
  constructor(
    readonly host: string,
    readonly key: string = KEY,
  ) {}

  /** Asks for `path`, with `body` as JSON if there is one. */
  ask(method: string, path: string, body?: unknown, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.key}`, 'content-type': 'application/json', ...init.headers };
    return fetch(this.host + path, {
      ...init,
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  /** The same, and what it says: status and body. */
  async answer(method: string, path: string, body?: unknown): Promise<[status: number, body: any]> {
    const response = await this.ask(method, path, body);
    return [response.status, await jsonOf(response)];
  }

  /** Has a command line run, in a session or not; resolves with the status and the body. */
  run(cmd: string, sessionId?: string): Promise<[status: number, body: any]> {
    return this.answer('POST', '/execute', bash(cmd, sessionId));
  }

  /** Starts a command line whose answer nobody waits for. Aborting closes the connection. */
  start(cmd: string, sessionId?: string, path = '/execute'): { abort(): void; response: Promise<Response> } {
    const client = new AbortController();
    const response = this.ask('POST', path, bash(cmd, sessionId), { signal: client.signal });
    response.catch(() => {});
    return { abort: () => client.abort(), response };
  }

  async sessions(): Promise<Session[]> {
    return (await this.answer('GET', '/sessions'))[1].sessions;
  }

  async load(): Promise<Load> {
    return (await this.answer('GET', '/health'))[1].load;
  }
}

/** A body that has a command line run. */
export function bash(cmd: string, sessionId?: string) {
  return { request: { runtime: 'bash', cmd }, ...(sessionId !== undefined && { sessionId }) };
}

/** The body of a response. */
export function jsonOf(response: Response): Promise<any> {
  return response.json();
}

/** What a response sends as server-sent events, as it comes; comments as `:` and what follows. */
export async function* framesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield text.slice(0, end);
      text = text.slice(end + 2);
    }
  }
  if (text !== '') throw new Error(`a stream ended within a frame: ${text}`);
}

/** The events among them. */
export async function eventsOf(response: Response): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const frame of framesOf(response)) {
    if (frame.startsWith('data: ')) events.push(JSON.parse(frame.slice('data: '.length)));
  }
  return events;
}
