/** Servers of code on this machine, and policies under which it may come from there. */
import type { RequestListener } from 'node:http';
import type { RemoteCodePolicy } from 'isol8';
import { type Web, web } from './servers.js';

/** Allows this machine's loopback address, and nothing else. Remembers nothing, unless it is told to. */
export const LOOPBACK: Partial<RemoteCodePolicy> = {
  enabled: true,
  allowedSchemes: ['http', 'https'],
  allowedHosts: ['^127\\.0\\.0\\.1$'],
  blockedHosts: [],
  enableCache: false,
};

/** What a server has: a body, or something else to say, by path. */
export type Content = Record<string, string | Uint8Array | RequestListener>;

/** A server that has this, and nothing at any other path. */
export async function codeAt(content: Content): Promise<Web & { url(path: string): string }> {
  const server = await web((request, response) => {
    const found = content[new URL(request.url ?? '/', 'http://server').pathname];
    if (typeof found === 'function') found(request, response);
    else if (found === undefined) response.writeHead(404).end();
    else response.end(found);
  });
  return { ...server, url: (path) => `http://127.0.0.1:${server.port}${path}` };
}

/** Sends whoever asks to another place. */
export function redirectTo(location: string): RequestListener {
  return (_, response) => response.writeHead(302, { location }).end();
}
