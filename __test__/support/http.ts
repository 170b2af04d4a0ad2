/** HTTP as bytes over a socket: what no client would send, and all that comes back. */
import { connect } from 'node:net';

export interface Answer {
  status: number;
  /** By their names in lower case. */
  headers: Record<string, string>;
  text: string;
  /** What the text says; `undefined` if it is no JSON. */
  json: any;
}

/** Longest that an answer is waited for. */
const PATIENCE_MS = 30_000;

/**
 * Sends a server bytes, or several batches of them one after the other, and resolves with its answer once the connection
 * is closed. Requests that make sense need `Connection: close` for that.
 */
export function told(host: string, ...batches: (string | Buffer)[]): Promise<Answer> {
  const { hostname, port } = new URL(host);
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect(Number(port), hostname);
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('no end of the answer')));
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('error', reject);
    socket.on('end', () => {
      socket.end();
      const answer = read(Buffer.concat(parts).toString('utf8'));
      if (answer) resolve(answer);
      else reject(new Error(`no answer: ${JSON.stringify(Buffer.concat(parts).toString('utf8').slice(0, 200))}`));
    });
    for (const batch of batches) socket.write(batch);
  });
}

/** A request of these lines, and a body. */
export function request(line: string, headers: Record<string, string | number> = {}, body = ''): string {
  const all = { host: 'server', connection: 'close', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

function read(answer: string): Answer | undefined {
  const [head = '', ...rest] = answer.split('\r\n\r\n');
  const [status = '', ...lines] = head.split('\r\n');
  if (!/^HTTP\/1\.[01] \d{3} /.test(status)) return undefined;
  const headers = Object.fromEntries(
    lines.map((line) => [line.split(':')[0]?.toLowerCase(), line.replace(/^[^:]*: */, '')]),
  );
  const text = rest.join('\r\n\r\n');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {}
  return { status: Number(status.split(' ')[1]), headers, text, json };
}
