/** Servers on this machine's loopback, for programs that may or may not reach them. They go with the test file. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createRawServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { DockerIsol8Options, NetworkFilterConfig } from 'isol8';
import { afterAll } from 'vitest';

export interface Listening {
  port: number;
}

/** An HTTP server. */
export interface Web extends Listening {
  server: Server;
  /** What it was asked for: method and path. */
  asked: string[];
}

/** A server of plain TCP. */
export interface Raw extends Listening {
  /** What it was told over each connection. */
  heard: string[];
}

/** A recorder of datagrams. */
export interface Datagrams extends Listening {
  heard: string[];
}

/** Options of an engine whose programs may reach these servers, and nothing else on this machine. */
export function filtered(
  servers: Listening[],
  filter: Partial<NetworkFilterConfig> = {},
  more: DockerIsol8Options = {},
): DockerIsol8Options {
  const ports = servers.map(({ port }) => port);
  return { network: 'filtered', networkFilter: { ports, allowPrivate: ['127.0.0.0/8'], ...filter }, ...more };
}

/** An HTTP server that answers as `serve` does. */
export async function web(serve: RequestListener): Promise<Web> {
  return listening(createServer(serve), '127.0.0.1');
}

/** The same over TLS, for `localhost` and its address, with a certificate that nobody knows. */
export async function secureWeb(serve: RequestListener): Promise<Web & { certificate: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'isol8-tls-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  // Of no authority: whoever trusts it trusts this server alone.
  names.push('-addext', 'basicConstraints=critical,CA:FALSE');
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', [...args, '-keyout', key, '-out', cert, ...names], { stdio: 'ignore' });
  const certificate = readFileSync(cert, 'utf8');
  const server = createTlsServer({ key: readFileSync(key), cert: certificate }, serve);
  rmSync(directory, { recursive: true });
  return { ...(await listening(server, '127.0.0.1')), certificate };
}

/** A server that says `answer` whenever it is told something. */
export async function raw(answer: string, host = '127.0.0.1'): Promise<Raw> {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server = createRawServer((socket) => {
    const index = heard.push('') - 1;
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.setEncoding('latin1').on('data', (text: string) => {
      heard[index] += text;
      socket.write(answer);
    });
  }).listen(0, host);
  await once(server, 'listening');
  afterAll(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, heard };
}

/** Notes every datagram. */
export async function datagrams(): Promise<Datagrams> {
  const heard: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    heard.push(message.toString('latin1'));
    socket.send('answer', from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  afterAll(() => socket.close());
  return { port: socket.address().port, heard };
}

/** Answers `/token` with a token, echoes what is sent to `/echo`, counts what is sent to `/count`, and so on. */
export function usual(token: string): RequestListener {
  return (request, response) => {
    const { method, url = '/', headers } = request;
    const { pathname, searchParams } = new URL(url, 'http://server');
    switch (pathname) {
      case '/echo':
        response.writeHead(200, { 'content-type': 'application/octet-stream' });
        request.pipe(response);
        break;
      case '/count': {
        let bytes = 0;
        request.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        request.on('end', () => response.end(String(bytes)));
        break;
      }
      case '/seen':
        void hashed(request).then((body) =>
          response.end(JSON.stringify({ method, headers, trailers: request.trailers, ...body })),
        );
        break;
      case '/large': {
        const block = Buffer.alloc(1 << 20, 'large');
        let left = Number(searchParams.get('mib'));
        if (!searchParams.has('chunked')) response.setHeader('content-length', left << 20);
        const more = () => {
          while (left > 0 && !response.destroyed) {
            left--;
            if (!response.write(block)) return response.once('drain', more);
          }
          response.end();
        };
        more();
        break;
      }
      case '/trailers':
        response.writeHead(200, { trailer: 'X-Sum' });
        response.write('body');
        response.addTrailers({ 'X-Sum': 'trailing' });
        response.end();
        break;
      case '/redirect':
        response.writeHead(302, { location: searchParams.get('to') ?? '/' }).end();
        break;
      case '/hang':
        break;
      case '/slow':
        response.write('begun');
        break;
      default:
        if (/^\/\d{3}$/.test(pathname)) response.writeHead(Number(pathname.slice(1))).end();
        else response.end(token);
    }
  };
}

/** SHA-256 of what {@link usual} sends for `/large`. */
export function largeHash(mib: number): string {
  const hash = createHash('sha256');
  for (let n = 0; n < mib; n++) hash.update(Buffer.alloc(1 << 20, 'large'));
  return hash.digest('hex');
}

/** Echoes what comes after a change of protocol, byte by byte, whatever messages there should be. */
export function echoAfterUpgrade(server: Server): void {
  server.on('upgrade', (_request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.write(head);
    socket.pipe(socket);
  });
}

async function hashed(request: IncomingMessage): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function listening(server: Server, host: string): Promise<Web> {
  const asked: string[] = [];
  server.prependListener('request', ({ method, url }) => asked.push(`${method} ${url}`));
  server.listen(0, host);
  await once(server, 'listening');
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, port: (server.address() as AddressInfo).port, asked };
}
