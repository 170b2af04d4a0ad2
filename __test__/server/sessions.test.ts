/** Sessions: sandboxes of a server that last from one execution to the next. */
import { setTimeout as pause } from 'node:timers/promises';
import { createServer, type Isol8UserConfig, RemoteIsol8 } from 'isol8';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { bash, Caller, eventsOf, jsonOf } from '../support/caller.js';
import { docker } from '../support/docker.js';
import { KEY, liveServer } from '../support/live-server.js';
import { until, within } from '../support/until.js';

let server: Caller;

beforeAll(async () => {
  server = new Caller((await liveServer({ maxConcurrent: 4 })).host);
});

/** A server of the test's own. */
async function ownServer(config: Isol8UserConfig): Promise<Caller> {
  const own = await createServer({ port: 0, host: '127.0.0.1', apiKey: KEY, config });
  onTestFinished(() => own.shutdown());
  return new Caller(`http://127.0.0.1:${own.port}`);
}

const end = (id: string, caller = server) => caller.answer('DELETE', `/session/${encodeURIComponent(id)}`);

const named = async (id: string, caller = server) => (await caller.sessions()).find((session) => session.id === id);

const running = (id: string, caller = server) =>
  until('the session to be active', 20_000, async () => (await named(id, caller))?.isActive);

const exists = async (container: string) =>
  (await docker(['ps', '--all', '--quiet', '--no-trunc', '--filter', `id=${container}`])) !== '';

it('keep files and processes from one execution to the next, whatever the route', async () => {
  const [, { containerId }] = await server.run('echo kept > file; sleep 1000 & disown', 'routes');
  expect(await eventsOf(await server.ask('POST', '/execute/stream', bash('cat file', 'routes')))).toMatchObject([
    { type: 'stdout', data: 'kept\n' },
    { type: 'exit', data: '0' },
  ]);
  const [, after] = await server.run('cat /proc/[1-9]*/comm', 'routes');
  expect(after.stdout).toContain('sleep');
  expect(after.containerId).toBe(containerId);
  expect(await end('routes')).toEqual([200, { ok: true }]);
  expect(await exists(containerId)).toBe(false);
});

it('are listed, each as long as it lasts', async () => {
  const began = Date.now();
  await server.run(':', 'one');
  await server.run(':', 'another/one');
  const listed = await server.sessions();
  expect(listed.map(({ id }) => id).sort()).toEqual(['another/one', 'one']);
  for (const { isActive, lastAccessedAt } of listed) {
    expect(isActive).toBe(false);
    expect(new Date(lastAccessedAt).toISOString()).toBe(new Date(Date.parse(lastAccessedAt)).toISOString());
    expect(Date.parse(lastAccessedAt)).toBeGreaterThanOrEqual(began - 1000);
  }
  await end('one');
  expect((await server.sessions()).map(({ id }) => id)).toEqual(['another/one']);
  // It is gone already, and that is what was asked for.
  expect(await end('one')).toEqual([200, { ok: true }]);
  expect(await end('never-there')).toEqual([200, { ok: true }]);
  await end('another/one');
  expect(await server.sessions()).toEqual([]);
});

it('are active while something runs in them, and were last used when it began, when it ended, and by files', async () => {
  const at = async () => Date.parse((await named('used'))?.lastAccessedAt ?? '');
  const client = server.start('until [ -e go ]; do sleep 0.05; done', 'used');
  await running('used');
  const begun = await at();
  await pause(50);
  await until('the file to be taken', 20_000, async () => {
    const body = { sessionId: 'used', path: 'go', content: '' };
    return (await server.answer('POST', '/file', body))[0] === 200;
  });
  await client.response;
  await until('it to be idle', 20_000, async () => (await named('used'))?.isActive === false);
  const ended = await at();
  expect(ended).toBeGreaterThan(begun);
  await pause(50);
  expect((await server.answer('GET', '/file?sessionId=used&path=go'))[0]).toBe(200);
  expect(await at()).toBeGreaterThan(ended);
  await end('used');
});

it('run one execution at a time, in the order in which they came', async () => {
  const cmd = (n: number) => `echo begin ${n} >> log; echo end ${n} >> log`;
  const runs = [server.run(`until [ -e go ]; do sleep 0.02; done; ${cmd(0)}`, 'serial')];
  await running('serial');
  for (let n = 1; n < 5; n++) {
    runs.push(server.run(cmd(n), 'serial'));
    await until('it to be in line', 20_000, async () => (await server.load()).waiting === n);
  }
  await until('the file to be taken', 20_000, async () => {
    return (await server.answer('POST', '/file', { sessionId: 'serial', path: 'go', content: '' }))[0] === 200;
  });
  await Promise.all(runs);
  const [, { stdout }] = await server.run('cat log', 'serial');
  expect(stdout.split('\n')).toEqual([0, 1, 2, 3, 4].flatMap((n) => [`begin ${n}`, `end ${n}`]));
  await end('serial');
});

it('do not wait for one another, and what waits for one takes no permit from others', async () => {
  const held = server.start('sleep 1000', 'held');
  await running('held');
  // More than may run at a time.
  const waiting = Array.from({ length: 6 }, () => server.start(':', 'held'));
  await until('them to wait', 20_000, async () => (await server.load()).waiting === 6);
  expect(await within('another session', 20_000, server.run('echo served', 'free'))).toMatchObject([
    200,
    { stdout: 'served' },
  ]);
  expect(await within('no session', 20_000, server.run('echo served'))).toMatchObject([200, { stdout: 'served' }]);
  for (const { abort } of [...waiting, held]) abort();
  await until('nothing to be left', 20_000, async () => {
    const { running, waiting } = await server.load();
    return running + waiting === 0;
  });
  await Promise.all(['held', 'free'].map((id) => end(id)));
});

// W110: first executions that came at once made two engines, and one of them leaked.
it('are made once, however many executions come first (W110)', async () => {
  const runs = await Promise.all(Array.from({ length: 8 }, (_, n) => server.run(`echo ${n} >> log`, 'new')));
  expect(new Set(runs.map(([, { containerId }]) => containerId)).size).toBe(1);
  const [, { stdout }] = await server.run('sort log', 'new');
  expect(stdout).toBe('0\n1\n2\n3\n4\n5\n6\n7');
  await end('new');
});

it('end when they are deleted, with what runs and waits in them', async () => {
  const [, { containerId }] = await server.run('echo old > file', 'ended');
  const runs = [server.run('sleep 1000', 'ended'), server.run('sleep 1000', 'ended')];
  await running('ended');
  await until('one to wait', 20_000, async () => (await server.load()).waiting === 1);
  expect(await within('the end', 20_000, end('ended'))).toEqual([200, { ok: true }]);
  expect(await exists(containerId)).toBe(false);
  for (const [status, body] of await Promise.all(runs)) {
    expect([status, body.code]).toEqual([503, 'STOPPED']);
  }
  // Another of that name has nothing of it.
  expect(await server.run('cat file', 'ended')).toMatchObject([200, { exitCode: 1 }]);
  await end('ended');
});

it('are not there after a first execution that could not begin', async () => {
  const nobody = { ...bash(':', 'stillborn'), options: { image: 'isol8:nobody-has-this' } };
  expect(await server.answer('POST', '/execute', nobody)).toMatchObject([422, { code: 'IMAGE_NOT_FOUND' }]);
  expect(
    await server.answer('POST', '/execute', { request: { runtime: 'bash' }, sessionId: 'stillborn' }),
  ).toMatchObject([400, {}]);
  await until('it to be gone', 20_000, async () => (await named('stillborn')) === undefined);
  const file = await server.answer('GET', '/file?sessionId=stillborn&path=file');
  expect(file).toMatchObject([404, { error: 'Session not found' }]);
});

it('keep the options that they were made with, and say so', async () => {
  const body = (maxOutputSize: number) => ({ ...bash('yes | head -c 5000', 'made'), options: { maxOutputSize } });
  const first = await server.ask('POST', '/execute', body(1024));
  expect([first.headers.get('isol8-warning'), (await jsonOf(first)).truncated]).toEqual([null, true]);
  const second = await server.ask('POST', '/execute', body(1024 * 1024));
  expect([second.headers.get('isol8-warning'), (await jsonOf(second)).truncated]).toEqual([
    expect.stringContaining('the session was made with other options'),
    true,
  ]);
  const stream = await server.ask('POST', '/execute/stream', body(1024 * 1024));
  expect(stream.headers.get('isol8-warning')).toBe(second.headers.get('isol8-warning'));
  await stream.text();
  await end('made');
});

it.each(['x'.repeat(128), 'with space', 'ü/%2F?#&', '日本語', "'; rm -rf /"])('may be called %j', async (id) => {
  const client = new RemoteIsol8({ host: server.host, apiKey: KEY, sessionId: id });
  await client.execute({ runtime: 'bash', cmd: 'echo kept > file' });
  expect((await client.getFile('file')).toString()).toBe('kept\n');
  expect((await server.sessions()).map((session) => session.id)).toEqual([id]);
  await client.deleteSession(id);
  expect(await server.sessions()).toEqual([]);
});

it.each(['', 'x'.repeat(129), 'line\nbreak', '\u0000'])('may not be called %j', async (id) => {
  expect(await server.run(':', id)).toEqual([
    400,
    { error: expect.stringContaining('invalid sessionId'), code: 'INVALID_REQUEST' },
  ]);
  expect(await server.sessions()).toEqual([]);
});

it('are as many as the operator allows', async () => {
  const few = await ownServer({ server: { limits: { sessions: 2 } } });
  await Promise.all(['a', 'b'].map((id) => few.run(':', id)));
  const response = await few.ask('POST', '/execute', bash(':', 'c'));
  expect([response.status, Number(response.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
  expect((await jsonOf(response)).error).toContain('server.limits.sessions');
  // Those that there are go on, and one that ends makes room.
  expect((await few.run(':', 'a'))[0]).toBe(200);
  await end('b', few);
  expect((await few.run(':', 'c'))[0]).toBe(200);
});

// W112: sessions belonged to the process, so that its servers shared them.
it('are those of one server, not of others in the process (W112)', async () => {
  const [one, other] = [await ownServer({}), await ownServer({})];
  await one.run('echo one > file', 'same');
  expect(await other.sessions()).toEqual([]);
  expect(await other.run('cat file', 'same')).toMatchObject([200, { exitCode: 1 }]);
  await end('same', other);
  expect(await one.run('cat file', 'same')).toMatchObject([200, { stdout: 'one' }]);
});

describe('that nobody uses', () => {
  const AGE_MS = 1000;
  const pruning = { cleanup: { autoPrune: true, maxContainerAgeMs: AGE_MS } };

  it('are ended after a while, with their containers', async () => {
    const own = await ownServer(pruning);
    const [, { containerId }] = await own.run(':', 'idle');
    await until('it to be ended', 20_000, async () => (await own.sessions()).length === 0);
    await until('its container to go', 20_000, async () => !(await exists(containerId)));
  });

  // W111: a flag said whether a session was in use, and the first execution to end cleared it.
  it('are not those in which something runs or waits (W111)', async () => {
    const own = await ownServer(pruning);
    const runs = ['first', 'second'].map((name) => own.run(`sleep ${(2 * AGE_MS) / 1000}; echo ${name}`, 'busy'));
    const stream = own.ask('POST', '/execute/stream', bash(`sleep ${(2 * AGE_MS) / 1000}; echo third`, 'busy'));
    const answers = await Promise.all(runs);
    expect(answers.map(([, { stdout }]) => stdout).sort()).toEqual(['first', 'second']);
    expect(await eventsOf(await stream)).toMatchObject([{ data: 'third\n' }, { data: '0' }]);
    expect(new Set(answers.map(([, { containerId }]) => containerId)).size).toBe(1);
  });

  it('stay where the operator does not want them ended', async () => {
    const own = await ownServer({ cleanup: { autoPrune: false, maxContainerAgeMs: 1 } });
    await own.run(':', 'kept');
    await pause(2 * AGE_MS);
    expect(await own.sessions()).toHaveLength(1);
  });
});
