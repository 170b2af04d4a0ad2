/** Very many connections, and more requests than can be run. */
import { once } from 'node:events';
import { type Socket as Connection, connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { RemoteIsol8 } from 'isol8';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bash, Caller, jsonOf } from '../support/caller.js';
import { ServerProcess } from '../support/server-process.js';
import { until, within } from '../support/until.js';
import { Socket } from '../support/web-socket.js';

/** Keys of tenants, in the server's own directory. */
const KEYS = ['--auth-db', 'auth.db'];

/** Opens as many connections, a few hundred at a time, each of which sends `text`; they go with the test. */
async function crowd(host: string, count: number, text = ''): Promise<Connection[]> {
  const { hostname, port } = new URL(host);
  const connections: Connection[] = [];
  onTestFinished(() => {
    for (const connection of connections) connection.destroy();
  });
  while (connections.length < count) {
    const more = Array.from({ length: Math.min(500, count - connections.length) }, () => {
      const connection = connect(Number(port), hostname);
      connection.on('error', () => {});
      connections.push(connection);
      return once(connection, 'connect').catch(() => {});
    });
    await Promise.all(more);
  }
  if (text !== '') for (const connection of connections) connection.write(text);
  return connections;
}

const open = (connections: Connection[]) =>
  connections.filter(({ destroyed, readable }) => readable && !destroyed).length;

describe('ten thousand connections that want nothing', () => {
  it('cost little, and nobody else notices', async () => {
    const server = await ServerProcess.start();
    await server.caller.run(':');
    const before = server.memory;
    const connections = await crowd(server.host, 5_000);
    connections.push(...(await crowd(server.host, 5_000, 'GET /health HTTP/1.1\r\nx: ')));
    const served = Array.from({ length: 8 }, () => server.caller.run('echo served'));
    for (const answer of await within('others', 20_000, Promise.all(served))) {
      expect(answer).toMatchObject([200, { stdout: 'served' }]);
    }
    const socket = await Socket.open(server.host);
    socket.execute('echo served');
    expect(await within('a WebSocket', 20_000, socket.closed)).toMatchObject({ code: 1000 });
    expect(open(connections)).toBeGreaterThan(9_900);
    expect(server.memory - before).toBeLessThan(300);
  }, 120_000);
});

describe('more connections than there may be', () => {
  it('close those that want nothing, the oldest first, and none of the others', async () => {
    const server = await ServerProcess.start({ config: { server: { maxConnections: 100 } } });
    const running = server.caller.run('sleep 3; echo served');
    const socket = await Socket.open(server.host);
    socket.execute('echo begun; sleep 3; echo served');
    await socket.until('the program to begin', ({ stdout }) => stdout === 'begun\n');
    const undecided = await Socket.open(server.host);
    const first = await crowd(server.host, 90);
    expect(open(first)).toBe(90);
    const second = await crowd(server.host, 300);
    await until('the first to be closed', 20_000, () => open(first) === 0);
    expect(await undecided.closed).toEqual({ code: 1013, reason: 'Too many connections' });
    await until('most of the second to be closed', 20_000, () => open(second) <= 100);
    expect(await server.caller.run('echo more')).toMatchObject([200, { stdout: 'more' }]);
    expect(await running).toMatchObject([200, { stdout: 'served' }]);
    expect(await socket.closed).toMatchObject({ code: 1000 });
    expect(socket.stdout).toBe('begun\nserved\n');
  });

  it('turn others away when all of them are busy', async () => {
    const server = await ServerProcess.start({ config: { maxConcurrent: 4, server: { maxConnections: 4 } } });
    const busy = Array.from({ length: 4 }, () => server.caller.start('sleep 1000', undefined, '/execute/stream'));
    // Until then each of them is a connection that wants nothing yet.
    await Promise.all(busy.map(({ response }) => response));
    let turnedAway: [number, string | null, any] | undefined;
    await until('somebody to be turned away', 20_000, async () => {
      const response = await fetch(`${server.host}/health`, { headers: { connection: 'close' } }).catch(
        () => undefined,
      );
      if (response?.status !== 503) return false;
      turnedAway = [503, response.headers.get('retry-after'), await jsonOf(response)];
      return true;
    });
    expect(turnedAway).toEqual([503, '1', { error: 'too many connections', code: 'RATE_LIMITED' }]);
    busy[0]?.abort();
    await until('room', 20_000, () =>
      fetch(`${server.host}/health`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
  });

  it('are more than a process may have files, too, and leave some of these for its work', async () => {
    const server = await ServerProcess.start({ files: 200 });
    const connections = await crowd(server.host, 1_000);
    const served = Array.from({ length: 10 }, () => server.caller.run('echo served'));
    for (const answer of await within('others', 25_000, Promise.all(served))) {
      expect(answer).toMatchObject([200, { stdout: 'served' }]);
    }
    await until('most to be closed', 20_000, () => open(connections) <= 150);
  });

  it('do not keep others out by not reading what they are told', async () => {
    const server = await ServerProcess.start({ files: 200 });
    // More than the system keeps for them. These are the oldest, and so the first to be told to go.
    await crowd(server.host, 30, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2000));
    await until('the server to be held up', 20_000, async () => {
      const before = server.cpuTicks;
      await pause(300);
      return server.cpuTicks === before;
    });
    const others = await crowd(server.host, 400);
    const served = Array.from({ length: 10 }, () => server.caller.run('echo served'));
    for (const answer of await within('others', 25_000, Promise.all(served))) {
      expect(answer).toMatchObject([200, { stdout: 'served' }]);
    }
    await until('most to be closed', 20_000, () => open(others) <= 150);
    for (const connection of others) connection.destroy();
    await until('those that do not read to be closed as well', 15_000, async () => {
      const metrics = await (await server.caller.ask('GET', '/metrics')).text();
      return Number(/^isol8_connections (\d+)$/m.exec(metrics)?.[1]) < 20;
    });
  }, 60_000);
});

describe('more requests than can be run', () => {
  /** A server that runs one program at a time, and its clients of these tenants. */
  async function oneAtATime(queue: number, ...tenants: string[]) {
    const config = { maxConcurrent: 1, server: { limits: { queue } } };
    const server = await ServerProcess.start({ config, flags: KEYS });
    const callers = tenants.map(async (tenantId) => {
      const [, { key }] = await server.caller.answer('POST', '/auth/keys', { name: tenantId, tenantId });
      return new Caller(server.host, key);
    });
    return { server, callers: await Promise.all(callers) };
  }

  it('wait in a line that has an end; there, a client is told when to come back', async () => {
    const { server, callers } = await oneAtATime(3, 'greedy', 'modest');
    const [greedy, modest] = callers as [Caller, Caller];
    expect(await server.caller.load()).toEqual({ running: 0, waiting: 0, capacity: 1, saturated: false });
    const held = greedy.start('sleep 1000');
    await server.busy(1);
    const waiting = Array.from({ length: 3 }, () => greedy.start(':'));
    await server.busy(1, 3);
    expect(await server.caller.load()).toEqual({ running: 1, waiting: 3, capacity: 1, saturated: true });

    for (const path of ['/execute', '/execute/stream']) {
      const response = await greedy.ask('POST', path, bash(':'));
      expect([response.status, Number(response.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(await response.json()).toEqual({
        error: 'too many executions wait already (server.limits.queue)',
        code: 'RATE_LIMITED',
      });
    }
    const socket = await Socket.open(server.host, { key: greedy.key });
    socket.execute(':');
    expect(await socket.closed).toMatchObject({ code: 1000 });
    const soon = { code: 'RATE_LIMITED', retryAfterMs: expect.toSatisfy((wait: number) => wait >= 1000) };
    expect(socket.events).toMatchObject([{ type: 'error', ...soon }]);
    const remote = new RemoteIsol8({ host: server.host, apiKey: greedy.key });
    await expect(remote.executeStream({ runtime: 'bash', cmd: ':' }).next()).rejects.toMatchObject(soon);
    // What needs no turn is answered all the same.
    expect(await greedy.sessions()).toEqual([]);

    const other = modest.run('echo served');
    await server.busy(1, 4);
    held.abort();
    expect(await within('the other', 20_000, other)).toMatchObject([200, { stdout: 'served' }]);
    for (const { response } of waiting) expect((await response).status).toBe(200);
    await server.busy(0);
    expect((await greedy.run(':'))[0]).toBe(200);
  });

  it('take turns by tenant, however many one of them has', async () => {
    const { server, callers } = await oneAtATime(100, 'greedy', 'modest', 'third');
    const [greedy, modest, third] = callers as [Caller, Caller, Caller];
    const order: string[] = [];
    const held = greedy.start('sleep 1000');
    await server.busy(1);
    const run = async (caller: Caller, name: string) => {
      expect((await caller.run('sleep 0.05'))[0]).toBe(200);
      order.push(name);
    };
    const runs = Array.from({ length: 20 }, () => run(greedy, 'greedy'));
    await server.busy(1, 20);
    runs.push(run(modest, 'modest'), run(modest, 'modest'), run(third, 'third'));
    await server.busy(1, 23);
    held.abort();
    await Promise.all(runs);
    // Everybody has had a turn before anybody has had a second, and then again.
    expect(order.slice(0, 3).sort()).toEqual(['greedy', 'modest', 'third']);
    expect(order.slice(3, 5).sort()).toEqual(['greedy', 'modest']);
    expect(order.slice(5)).toEqual(Array(18).fill('greedy'));
  });

  it('are two thousand of one tenant, and another does not wait for them', async () => {
    const { server, callers } = await oneAtATime(4096, 'greedy', 'modest');
    const [greedy, modest] = callers as [Caller, Caller];
    const waiting = Array.from({ length: 2_000 }, () => greedy.start('sleep 0.05'));
    await until('most of them to wait', 60_000, async () => (await server.caller.load()).waiting > 1_500);
    for (let n = 0; n < 5; n++) {
      expect(await within('its turn', 20_000, modest.run('echo served'))).toMatchObject([200, { stdout: 'served' }]);
    }
    expect((await server.caller.load()).waiting).toBeGreaterThan(1_000);
    for (const { abort } of waiting) abort();
    await server.busy(0);
  }, 120_000);
});

describe('more than a server holds in memory', () => {
  const MIB = 1024 * 1024;
  const large = { request: { runtime: 'bash', cmd: 'sleep 1000', files: { large: 'x'.repeat(3 * MIB) } } };

  async function small() {
    const limits = { bodySize: '4m', heldSize: '10m' };
    return ServerProcess.start({ config: { maxConcurrent: 2, server: { limits } }, flags: KEYS });
  }

  it('are bodies of requests that wait: what does not fit beside them is refused, and fits when they are gone', async () => {
    const server = await small();
    const clients = Array.from({ length: 3 }, () => {
      const client = new AbortController();
      server.caller.ask('POST', '/execute', large, { signal: client.signal }).catch(() => {});
      return client;
    });
    await server.busy(2, 1);
    for (const path of ['/execute', '/execute/stream', '/file']) {
      const body = path === '/file' ? { sessionId: 'x', path: 'x', content: 'x'.repeat(3 * MIB) } : large;
      const response = await server.caller.ask('POST', path, body);
      expect([response.status, response.headers.get('retry-after')]).toEqual([429, '5']);
      expect(await response.json()).toMatchObject({ code: 'RATE_LIMITED', error: expect.stringContaining('heldSize') });
    }
    const socket = await Socket.open(server.host);
    socket.send({ type: 'execute', ...large });
    expect(await socket.closed).toMatchObject({ code: 1013 });
    // What is small fits, and so does what others send.
    const [, { key }] = await server.caller.answer('POST', '/auth/keys', { name: 'other', tenantId: 'other' });
    const other = new Caller(server.host, key).ask('POST', '/execute', {
      request: { ...large.request, cmd: 'wc -c < large' },
    });
    await server.busy(2, 2);
    for (const client of clients) client.abort();
    expect(await jsonOf(await other)).toMatchObject({ stdout: String(3 * MIB) });
    await server.busy(0);
    const again = await server.caller.answer('POST', '/execute', {
      request: { ...large.request, cmd: 'wc -c < large' },
    });
    expect(again).toMatchObject([200, { stdout: String(3 * MIB) }]);
  });

  it('are answers that nobody reads', async () => {
    const server = await small();
    const body = { ...bash('yes | head -c 30000000'), options: { maxOutputSize: 32 * MIB } };
    const unread = await server.caller.ask('POST', '/execute', body);
    const refused = await server.caller.ask('POST', '/execute', bash(':'));
    expect([refused.status, await refused.json()]).toMatchObject([429, { code: 'RATE_LIMITED' }]);
    expect((await jsonOf(unread)).stdout).toHaveLength(29_999_999);
    expect((await server.caller.run(':'))[0]).toBe(200);
  });
});
