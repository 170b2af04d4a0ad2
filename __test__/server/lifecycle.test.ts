/** How a server ends: when it is asked to, when it is asked again, and when it is killed. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createServer, RemoteIsol8 } from 'isol8';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bash, Caller, eventsOf } from '../support/caller.js';
import { build, containersOf, docker, inspect, noContainersOf, runningContainersOf } from '../support/docker.js';
import { ownEngine, PERSISTENT } from '../support/engine.js';
import { KEY } from '../support/live-server.js';
import { Process } from '../support/process.js';
import { head, RawClient } from '../support/raw-http.js';
import { scratch } from '../support/scratch.js';
import { ServerProcess } from '../support/server-process.js';
import { until, within } from '../support/until.js';
import { Socket } from '../support/web-socket.js';

const exists = async (container: string) =>
  (await docker(['ps', '--all', '--quiet', '--no-trunc', '--filter', `id=${container}`])) !== '';

/** A server in this process. */
async function ownServer(): Promise<{ caller: Caller; shutdown(): Promise<void> }> {
  const server = await createServer({ port: 0, host: '127.0.0.1', apiKey: KEY, config: {} });
  onTestFinished(() => server.shutdown());
  return { caller: new Caller(`http://127.0.0.1:${server.port}`), shutdown: () => server.shutdown() };
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  it('lets what was accepted be done, answers all of it, and leaves nothing', async () => {
    const server = await ServerProcess.start({ config: { maxConcurrent: 3 } });
    const { caller } = server;
    const runs = Array.from({ length: 9 }, (_, n) => caller.run(`sleep 2; echo ${n}`));
    const stream = caller.ask('POST', '/execute/stream', bash('sleep 2; echo streamed'));
    const socket = await Socket.open(server.host);
    socket.execute('sleep 2; echo over a socket');
    await server.busy(3, 8);
    server.process.kill(signal);

    const answers = await Promise.all(runs);
    expect(answers.map(([status, { stdout }]) => [status, stdout])).toEqual(answers.map((_, n) => [200, `${n}`]));
    expect(await eventsOf(await stream)).toMatchObject([{ data: 'streamed\n' }, { type: 'exit', data: '0' }]);
    expect(await socket.closed).toEqual({ code: 1000, reason: 'Execution complete' });
    expect(socket.stdout).toBe('over a socket\n');
    expect(await within('the end', 20_000, server.process.ended)).toMatchObject({ code: 0 });
    expect(await containersOf(server.pid)).toEqual([]);
  });
});

describe('a server that is asked to end', () => {
  it('ends what takes longer than it may, and says so to everybody who waits', async () => {
    const server = await ServerProcess.start({ config: { maxConcurrent: 3, server: { shutdownTimeoutMs: 500 } } });
    const { caller } = server;
    const runs = [caller.run('sleep 1000'), caller.run('sleep 1000', 'a-session')];
    const stream = caller.ask('POST', '/execute/stream', bash('echo begun; sleep 1000'));
    await server.busy(3);
    const waiting = caller.run('echo never');
    const socket = await Socket.open(server.host);
    socket.execute('echo never');
    await server.busy(3, 2);
    server.process.kill('SIGTERM');

    for (const answer of [...runs, waiting]) expect(await answer).toMatchObject([503, { code: 'STOPPED' }]);
    expect((await eventsOf(await stream)).at(-1)).toMatchObject({ type: 'error', code: 'STOPPED' });
    expect(await socket.closed).toEqual({ code: 1000, reason: 'Execution complete' });
    expect(socket.events).toMatchObject([{ type: 'error', code: 'STOPPED' }]);
    expect(await within('the end', 20_000, server.process.ended)).toMatchObject({ code: 0 });
    expect(await containersOf(server.pid)).toEqual([]);
  });

  it('answers all requests that it has accepted, however many come', async () => {
    const server = await ServerProcess.start();
    const outcomes: string[] = [];
    const body = JSON.stringify(bash('echo served'));
    let isOver = false;
    const clients = Array.from({ length: 16 }, async () => {
      while (!isOver) {
        // A connection of its own: what is sent over one that the server is closing has not been accepted.
        const client = new RawClient(server.host, head('/execute', body.length, 'connection: close\r\n') + body);
        await client.closed;
        outcomes.push(
          client.status ? `${client.status} ${client.body.stdout ?? client.body.code}` : (client.error ?? 'nothing'),
        );
        isOver ||= client.error === 'ECONNREFUSED';
      }
    });
    await until('some answers', 30_000, () => outcomes.length > 50);
    server.process.kill('SIGTERM');
    await Promise.all(clients);
    expect(await server.process.ended).toMatchObject({ code: 0 });
    expect([...new Set(outcomes)].sort()).toEqual(['200 served', 'ECONNREFUSED']);
    expect(await containersOf(server.pid)).toEqual([]);
  });

  it('does not wait for those who want nothing', async () => {
    const server = await ServerProcess.start({ config: { server: { shutdownTimeoutMs: 60_000 } } });
    const socket = await Socket.open(server.host);
    const { hostname, port } = new URL(server.host);
    const silent = connect(Number(port), hostname);
    onTestFinished(() => void silent.destroy());
    await once(silent, 'connect');
    await server.caller.load();
    server.process.kill('SIGTERM');
    expect(await within('the end', 20_000, server.process.ended)).toMatchObject({ code: 0 });
    expect(await socket.closed).toEqual({ code: 1001, reason: 'Server is shutting down' });
  });

  it('ends at once when it is asked again, and its containers with it', async () => {
    const server = await ServerProcess.start({ config: { server: { shutdownTimeoutMs: 600_000 } } });
    const run = server.caller.run('sleep 1000').catch(() => 'cut off');
    await server.busy(1);
    await until('its sandbox', 20_000, async () => (await runningContainersOf(server.pid)).length > 0);
    server.process.kill('SIGTERM');
    await pause(500);
    expect(await Promise.race([server.process.ended, pause(0, 'waits')])).toBe('waits');
    server.process.kill('SIGTERM');
    expect(await within('the end', 20_000, server.process.ended)).toMatchObject({ code: 1 });
    expect(await run).toBe('cut off');
    await noContainersOf(server.pid, 3_000);
  });

  // C6: `persist` leaves containers running to be looked into. They are the server's all the same.
  it('removes containers that were left running, too', async () => {
    const server = await ServerProcess.start();
    const body = (sessionId?: string) => ({ ...bash(':', sessionId), options: { persist: true } });
    const [, alone] = await server.caller.answer('POST', '/execute', body());
    const [, session] = await server.caller.answer('POST', '/execute', body('left'));
    await server.caller.answer('DELETE', '/session/left');
    const [, kept] = await server.caller.answer('POST', '/execute', body('kept'));
    const containers = [alone, session, kept].map(({ containerId }) => containerId as string);
    expect(await Promise.all(containers.map(exists))).toEqual([true, true, true]);
    server.process.kill('SIGTERM');
    expect(await within('the end', 20_000, server.process.ended)).toMatchObject({ code: 0 });
    expect(await Promise.all(containers.map(exists))).toEqual([false, false, false]);
  });
});

// W113: a shutdown removed all containers of isol8 on the host, and all images.
it('ends with what is its own: other servers and engines go on, and images stay (W113)', async () => {
  const [ending, other] = [await ownServer(), await ownServer()];
  const engine = ownEngine(PERSISTENT);
  await engine.execute({ runtime: 'bash', cmd: 'echo kept > file' });
  await Promise.all([ending, other].map(({ caller }) => caller.run('echo kept > file', 'a-session')));
  // One that nobody uses, and that no other test touches.
  const image = `isol8:lifecycle-test-${randomUUID()}`;
  await build(image, `FROM debian:trixie-slim\nLABEL isol8.test.image=${image}\n`);
  onTestFinished(async () => void (await docker(['rmi', image])));
  await ending.shutdown();
  for (const tag of [image, 'isol8:bash']) expect((await inspect(tag)).RepoTags).toContain(tag);
  expect(await other.caller.run('cat file', 'a-session')).toMatchObject([200, { stdout: 'kept' }]);
  expect((await engine.execute({ runtime: 'bash', cmd: 'cat file' })).stdout).toBe('kept');
  // Whoever asks what has ended hears nothing.
  await expect(ending.caller.load()).rejects.toThrow('fetch failed');
});

// W115: timers went on when the server had ended.
it('holds nothing up when it has ended (W115)', async () => {
  const code = `
    import { createServer } from 'isol8';
    const authDbPath = ${JSON.stringify(join(scratch(), 'auth.db'))};
    const server = await createServer({ port: 0, host: '127.0.0.1', apiKey: 'key', authDbPath, config: {} });
    const body = JSON.stringify({ request: { runtime: 'bash', cmd: 'echo served' }, sessionId: 'a' });
    const headers = { authorization: 'Bearer key' };
    const answer = await fetch('http://127.0.0.1:' + server.port + '/execute', { method: 'POST', headers, body });
    console.log((await answer.json()).stdout);
    await Promise.all([server.shutdown(), server.shutdown(), server.close()]);
    console.log('over');
  `;
  const { ended } = new Process(process.execPath, ['--input-type=module', '-e', code]);
  expect(await within('the process', 25_000, ended)).toEqual({ code: 0, stdout: 'served\nover\n', stderr: '' });
});

describe('a server that is killed', () => {
  it('leaves no container, whatever was going on', async () => {
    const server = await ServerProcess.start();
    await server.caller.run(':', 'idle-session');
    const path = (n: number) => (n % 2 ? '/execute' : '/execute/stream');
    for (let n = 0; n < 12; n++) server.caller.start('sleep 1000', undefined, path(n));
    await server.busy(10, 2);
    // One that is created and not started yet goes when isol8 is used the next time.
    // Those in use, that of the session, and the one that is kept ready.
    await until('all sandboxes to have started', 20_000, async () => {
      const running = await runningContainersOf(server.pid);
      return running.length === 12 && (await containersOf(server.pid)).length === 12;
    });
    server.process.kill('SIGKILL');
    await server.process.ended;
    await noContainersOf(server.pid, 3_000);
  });

  it('has kept every key that it has given out, and no half of one', async () => {
    const database = join(scratch(), 'auth.db');
    const server = await ServerProcess.start({ flags: ['--auth-db', database] });
    const given: string[] = [];
    const clients = Array.from({ length: 8 }, async (_, n) => {
      for (let m = 0; ; m++) {
        const [status, { key }] = await server.caller.answer('POST', '/auth/keys', {
          name: `${n}/${m}`,
          tenantId: `t${n}`,
        });
        expect(status).toBe(201);
        given.push(key);
      }
    });
    const ended = Promise.allSettled(clients);
    await until('some keys', 30_000, () => given.length >= 50);
    server.process.kill('SIGKILL');
    await Promise.all([ended, server.process.ended]);

    const again = await ServerProcess.start({ flags: ['--auth-db', database] });
    const [, { keys }] = await again.caller.answer('GET', '/auth/keys');
    expect(keys.length).toBeGreaterThanOrEqual(given.length);
    for (const key of keys) {
      expect(key).toEqual({
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        name: expect.stringMatching(/^\d\/\d+$/),
        keyPrefix: expect.stringMatching(/^isol8_[0-9a-f]{4}\.\.\.$/),
        tenantId: expect.stringMatching(/^t\d$/),
        createdAt: expect.any(String),
        expiresAt: expect.any(String),
        lastUsedAt: null,
        revoked: false,
      });
    }
    for (const key of given) {
      const client = new RemoteIsol8({ host: again.host, apiKey: key });
      expect(await client.listSessions()).toEqual([]);
    }
  });
});
