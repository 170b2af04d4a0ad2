/**
 * A Docker socket that shows only what a test has made, so that the test may remove all that it sees.
 *
 * Requests go on to the machine's own engine. Lists are filtered by a label that is the test's alone, and removals
 * can be refused, as a guarded socket would refuse them.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { build, docker, inspect, removeImages } from './docker.js';
import { until } from './until.js';

const ENGINE = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');

/** Small, and on every machine that has our images. */
const BASE = 'debian:trixie-slim';

export class Scope {
  /** Unique: good for tags as well. */
  readonly id = randomUUID();
  /** Targets of the builds that were asked for while an image was hidden. */
  readonly builds: string[] = [];
  readonly #refused = new Set<string>();
  readonly #hidden = new Set<string>();

  private constructor(readonly socket: string) {}

  /** A scope for the test that is running, with nothing in it. At the end, nothing is left of what was made in it. */
  static async open(): Promise<Scope> {
    const directory = await mkdtemp(join(tmpdir(), 'isol8-scope-'));
    const scope = new Scope(join(directory, 'docker.sock'));
    const upgraded = new Set<Duplex>();
    const server = createServer((request, response) => scope.#forward(request, response)).listen(scope.socket);
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      upgraded.add(socket);
      socket.on('close', () => upgraded.delete(socket));
      attach(request, socket, head);
    });
    await once(server, 'listening');
    onTestFinished(async () => {
      try {
        await scope.#discard();
      } finally {
        for (const socket of upgraded) socket.destroy();
        server.close();
        server.closeAllConnections();
        await rm(directory, { recursive: true });
      }
    });
    return scope;
  }

  get label(): string {
    return `isol8.test=${this.id}`;
  }

  /** Environment of a process that is to use this socket. */
  get env(): NodeJS.ProcessEnv {
    return { DOCKER_HOST: `unix://${this.socket}` };
  }

  /** Makes a container that does nothing for a while, and resolves with its id. */
  async container(start: 'running' | 'stopped', labels: string[] = [], image = BASE): Promise<string> {
    const labelled = [this.label, ...labels].flatMap((label) => ['--label', label]);
    const id = await docker(['create', '--network', 'none', ...labelled, '--entrypoint', 'sleep', image, '1000']);
    if (start === 'running') await docker(['start', id]);
    return id;
  }

  /** Makes an image that differs from all others, and resolves with its id. */
  async image(tag: string, labels: string[] = [], base = BASE): Promise<string> {
    const lines = [this.label, `isol8.test.image=${randomUUID()}`, ...labels].map((label) => `LABEL ${label}`);
    await build(tag, [`FROM ${base}`, ...lines, ''].join('\n'));
    return (await inspect(tag)).Id;
  }

  /** Ids of its containers. */
  containers(): Promise<string[]> {
    return this.#ids('ps', '--all');
  }

  /** Ids of its images, each once. */
  async images(): Promise<string[]> {
    return [...new Set(await this.#ids('images'))];
  }

  /** Has the removal of this container fail. */
  refuseToRemove(id: string): void {
    this.#refused.add(id);
  }

  /** Has this image not be there. From then on, nothing can be built. */
  hide(image: string): void {
    this.#hidden.add(image);
  }

  async #ids(...listing: string[]): Promise<string[]> {
    const ids = await docker([...listing, '--no-trunc', '--quiet', '--filter', `label=${this.label}`]);
    return ids.split('\n').filter(Boolean);
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const { method, headers } = request;
    const url = new URL(request.url ?? '/', 'http://docker');
    if (method === 'DELETE' && this.#refused.has(url.pathname.split('/').at(-1) ?? '')) {
      response.writeHead(403, { 'content-type': 'application/json' }).end('{"message":"removal is not allowed here"}');
      return;
    }
    if (this.#hidden.has(decodeURIComponent(/\/images\/(.+)\/json$/.exec(url.pathname)?.[1] ?? ''))) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"no such image here"}');
      return;
    }
    if (this.#hidden.size > 0 && url.pathname.endsWith('/build')) {
      this.builds.push(url.searchParams.get('target') ?? '');
      request.resume();
      response.writeHead(500, { 'content-type': 'application/json' }).end('{"message":"nothing is built here"}');
      return;
    }
    if (/\/(containers|images)\/json$/.test(url.pathname)) {
      const filters = JSON.parse(url.searchParams.get('filters') ?? '{}');
      // Also in the older form, where a set of labels has them as keys.
      const labels = Array.isArray(filters.label) ? filters.label : Object.keys(filters.label ?? {});
      url.searchParams.set('filters', JSON.stringify({ ...filters, label: [...labels, this.label] }));
    }
    const path = url.pathname + url.search;
    const forwarded = send({ socketPath: ENGINE, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on('error', (error) => response.destroy(error));
    request.pipe(forwarded);
  }

  async #discard(): Promise<void> {
    await until('the containers of a test to go', 10_000, async () => {
      const containers = await this.containers();
      // Fails for those that are going already, because their process has ended.
      if (containers.length > 0) await docker(['rm', '--force', ...containers]).catch(() => {});
      return containers.length === 0;
    });
    await removeImages(this.label);
  }
}

/** Passes a connection that stops being HTTP on to the engine, both ways: the standard streams of a container. */
function attach({ method, url, rawHeaders }: IncomingMessage, client: Duplex, head: Buffer): void {
  const engine = connect(ENGINE);
  const headers = rawHeaders.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('');
  engine.write(`${method} ${url} HTTP/1.1\r\n${headers}\r\n`);
  engine.write(head);
  for (const [from, to] of [
    [client, engine],
    [engine, client],
  ] as const) {
    from.on('error', () => to.destroy());
    from.pipe(to);
  }
}
