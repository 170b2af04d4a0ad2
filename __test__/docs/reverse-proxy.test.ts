/** examples/reverse-proxy: the real Caddy with that configuration, in front of a real server; and the compose file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer, loadConfig, RemoteIsol8 } from 'isol8';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { CADDY } from '../../scripts/lib/caddy.mjs';
import { collect } from '../support/events.js';
import { ROOT } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { scratch } from '../support/scratch.js';
import { until } from '../support/until.js';

const EXAMPLE = join(ROOT, 'examples/reverse-proxy');
const KEY = 'a-master-key-of-a-test';

const text = (name: string) => readFileSync(join(EXAMPLE, name), 'utf8');

describe('Caddy in front of a server', async () => {
  const { audit: _, ...config } = JSON.parse(text('isol8.config.json'));
  const server = await createServer({ port: 0, host: '127.0.0.1', apiKey: KEY, config });
  afterAll(() => server.shutdown());
  const host = await caddy(server.port);
  const remote = (sessionId?: string) => {
    const isol8 = new RemoteIsol8({ host, apiKey: KEY, ...(sessionId && { sessionId }) });
    onTestFinished(() => isol8.stop());
    return isol8;
  };

  it('passes executions on, and refusals', async () => {
    expect(await remote().execute({ runtime: 'bash', cmd: 'echo out; exit 3' })).toMatchObject({
      stdout: 'out',
      exitCode: 3,
    });
    const stranger = new RemoteIsol8({ host, apiKey: 'a-wrong-key' });
    await expect(stranger.execute({ runtime: 'bash', cmd: 'true' })).rejects.toThrow('Invalid API key');
    // What the configuration allows is 1g.
    const greedy = new RemoteIsol8({ host, apiKey: KEY }, { memoryLimit: '2g' });
    await expect(greedy.execute({ runtime: 'bash', cmd: 'true' })).rejects.toThrow(/memoryLimit/);
  });

  it('passes output on as it comes, over a WebSocket with live standard input', async () => {
    const at: number[] = [];
    async function* typed() {
      yield 'first\n';
      await until('the first to come back', 10_000, () => at.length > 0);
      await pause(1000);
      yield 'second\n';
    }
    for await (const { type } of remote().executeStream({ runtime: 'bash', cmd: 'cat', stdin: typed() })) {
      if (type === 'stdout') at.push(performance.now());
    }
    expect(at).toHaveLength(2);
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(700);
  });

  it('does not hold event streams back', async () => {
    const response = await fetch(`${host}/execute/stream`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ request: { runtime: 'bash', cmd: 'echo first; sleep 1; echo second' } }),
    });
    const at: Record<string, number> = {};
    let read = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      read += decoder.decode(chunk, { stream: true });
      for (const word of ['first', 'second']) if (read.includes(word)) at[word] ??= performance.now();
    }
    expect((at.second ?? 0) - (at.first ?? 0)).toBeGreaterThan(700);
  });

  it('passes files of sessions on, and keeps what watches the server inside', async () => {
    const session = remote('work');
    await session.execute({ runtime: 'python', code: 'pass' });
    const content = Buffer.alloc(2 << 20, 'x');
    await session.putFile('large.bin', content);
    expect((await session.getFile('large.bin')).equals(content)).toBe(true);
    expect(await collect(session.executeStream({ runtime: 'python', cmd: 'wc -c < large.bin' }))).toContainEqual({
      type: 'stdout',
      data: `${content.length}\n`,
      phase: 'code',
    });
    expect((await fetch(`${host}/health`)).status).toBe(200);
    expect((await fetch(`${host}/metrics`)).status).toBe(404);
  });
});

describe('the compose file', () => {
  const compose = parse(text('compose.yaml'));

  it('names files that are there, and volumes that it declares', () => {
    for (const service of Object.values<any>(compose.services)) {
      for (const volume of service.volumes) {
        const [source] = volume.split(':');
        if (source.startsWith('./')) expect(existsSync(join(EXAMPLE, source)), source).toBe(true);
        else if (!source.startsWith('/')) expect(compose.volumes).toHaveProperty(source);
      }
      for (const other of service.depends_on ?? []) expect(compose.services).toHaveProperty(other);
    }
    expect(existsSync(join(EXAMPLE, compose.services.isol8.build, 'Dockerfile'))).toBe(true);
  });

  it('has no key in it, and shows nobody the server but the proxy', () => {
    const { isol8, proxy } = compose.services;
    expect(isol8.environment.ISOL8_API_KEY).toMatch(/^\$\{ISOL8_API_KEY:\?/);
    expect(isol8.ports).toBeUndefined();
    // The proxy's configuration says where the server is.
    expect(text('Caddyfile')).toContain(`isol8:${isol8.expose[0]}`);
    expect(isol8.command).toContain(isol8.expose[0]);
    expect(proxy.ports).toContain('443:443');
  });

  it('comes with a configuration that makes sense', () => {
    const directory = scratch();
    cpSync(join(EXAMPLE, 'isol8.config.json'), join(directory, 'isol8.config.json'));
    expect(loadConfig(directory)).toMatchObject(JSON.parse(text('isol8.config.json')));
  });
});

/** Starts Caddy with the example's configuration in front of this port, and resolves with its URL. */
async function caddy(upstream: number): Promise<string> {
  const [port, admin] = [await freePort(), await freePort()];
  const site = `http://127.0.0.1:${port}`;
  const home = join(ROOT, 'node_modules/.cache/isol8-caddy/home');
  const child = spawn(CADDY, ['run', '--config', join(EXAMPLE, 'Caddyfile'), '--adapter', 'caddyfile'], {
    env: {
      SITE: site,
      UPSTREAM: `127.0.0.1:${upstream}`,
      CADDY_ADMIN: `127.0.0.1:${admin}`,
      HOME: home,
      XDG_DATA_HOME: home,
      XDG_CONFIG_HOME: home,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (said) => {
    log += said;
  });
  const ended = once(child, 'exit');
  afterAll(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await until('Caddy to answer', 20_000, async () => {
    if (child.exitCode !== null) throw new Error(`Caddy ended: ${log}`);
    return fetch(`${site}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return site;
}
