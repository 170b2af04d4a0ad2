/** `POST /execute/stream`: output of a program as it comes, as server-sent events. */
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { bash, Caller, eventsOf, framesOf } from '../support/caller.js';
import { liveServer } from '../support/live-server.js';
import { ServerProcess } from '../support/server-process.js';
import { until, within } from '../support/until.js';

let server: Caller;

beforeAll(async () => {
  server = new Caller((await liveServer({ maxConcurrent: 2 })).host);
});

const stream = (body: unknown) => server.ask('POST', '/execute/stream', body);

const events = async (body: unknown) => eventsOf(await stream(body));

it('is an event stream that nobody between is to keep or to hold back', async () => {
  const response = await stream(bash('echo hello'));
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
  });
  const frames = [];
  for await (const frame of framesOf(response)) frames.push(frame);
  expect(frames).toEqual([
    'data: {"type":"stdout","data":"hello\\n","phase":"code"}',
    'data: {"type":"exit","data":"0","phase":"code"}',
  ]);
});

it('has every line on its own event stream line, whatever the program prints', async () => {
  const printed = 'one\n\ntwo\r\n\rdata: {}\n\u2028\u0085end\n';
  const body = { request: { runtime: 'python', code: `import sys; sys.stdout.write(${JSON.stringify(printed)})` } };
  const all = await events(body);
  expect(all.map(({ type, data }) => (type === 'stdout' ? data : '')).join('')).toBe(printed);
});

it('sends output when it is printed', async () => {
  const frames = framesOf(await stream(bash('echo first; read -t 100 < <(sleep 100); echo never')));
  expect((await within('the first event', 20_000, frames.next())).value).toContain('first');
  await frames.return(undefined);
});

it('tells stderr, setup and the exit code from one another', async () => {
  const { request } = bash('echo wrong >&2; exit 3');
  expect(await events({ request: { ...request, setupScript: 'echo ready' } })).toEqual([
    { type: 'stdout', data: 'ready\n', phase: 'setup' },
    { type: 'exit', data: '0', phase: 'setup' },
    { type: 'stderr', data: 'wrong\n', phase: 'code' },
    { type: 'exit', data: '3', phase: 'code' },
  ]);
});

it.each([
  ['a package that is none', { request: { runtime: 'bash', cmd: ':', installPackages: ['; id'] } }, 'INVALID_REQUEST'],
  ['an image that nobody has', { ...bash(':'), options: { image: 'isol8:nobody-has-this' } }, 'IMAGE_NOT_FOUND'],
])('says as its only event why nothing ran: %s', async (_, body, code) => {
  expect(await events(body)).toEqual([{ type: 'error', data: expect.stringMatching(/\w/), code }]);
});

it.each([
  ['no JSON', '{"request":', 'invalid JSON', 'INVALID_REQUEST'],
  ['an array', '[{"runtime":"bash","cmd":":"}]', 'expected an object', 'INVALID_REQUEST'],
  [
    'a member that nobody knows',
    '{"request":{"runtime":"bash","cmd":":"},"optoins":{}}',
    'unknown field `optoins`',
    'INVALID_REQUEST',
  ],
  ['nothing to run', '{"request":{"runtime":"bash"}}', 'exactly one of: code, codeUrl, or cmd', 'INVALID_REQUEST'],
  [
    'options that make no sense',
    '{"request":{"runtime":"bash","cmd":":"},"options":{"memoryLimit":"much"}}',
    'memory',
    'INVALID_OPTIONS',
  ],
  [
    'an agent that could reach nobody',
    '{"request":{"runtime":"agent","code":"hi"},"sessionId":"agent"}',
    'Agent runtime requires network access',
    'INVALID_REQUEST',
  ],
  [
    'a runtime that nobody has',
    '{"request":{"runtime":"cobol","code":"1"}}',
    'Unknown runtime: "cobol"',
    'INVALID_REQUEST',
  ],
])('refuses with a status what is no request at all: %s', async (_, body, error, code) => {
  const headers = { authorization: `Bearer ${server.key}` };
  for (const path of ['/execute', '/execute/stream']) {
    const response = await fetch(server.host + path, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: expect.stringContaining(error), code });
  }
});

// C14: streaming was always ephemeral.
it('runs in a session as well (C14)', async () => {
  await events(bash('echo kept > /sandbox/file', 'streamed'));
  expect(await events(bash('cat /sandbox/file', 'streamed'))).toMatchObject([{ data: 'kept\n' }, { data: '0' }]);
});

// W106: an execution went on until its time limit when its client had left.
describe('W106: a client that goes away', () => {
  it.each(['/execute', '/execute/stream'])('loses its program: %s', async (path) => {
    const clients = [1, 2].map(() => server.start('sleep 1000', undefined, path));
    await until('both to run', 20_000, async () => (await server.load()).running === 2);
    const waiting = server.run('echo served');
    await until('one to wait', 20_000, async () => (await server.load()).waiting === 1);
    for (const { abort } of clients) abort();
    expect(await within('a permit', 20_000, waiting)).toMatchObject([200, { stdout: 'served' }]);
    await until('nothing to run', 20_000, async () => (await server.load()).running === 0);
  });

  it.each(['/execute', '/execute/stream'])('leaves its place in the line: %s', async (path) => {
    const running = [1, 2].map(() => server.start('sleep 1000'));
    await until('both to run', 20_000, async () => (await server.load()).running === 2);
    const waiting = server.start('echo never', undefined, path);
    await until('one to wait', 20_000, async () => (await server.load()).waiting === 1);
    waiting.abort();
    await until('none to wait', 20_000, async () => (await server.load()).waiting === 0);
    for (const { abort } of running) abort();
    await until('nothing to run', 20_000, async () => (await server.load()).running === 0);
  });

  it('leaves its session, without the program', async () => {
    const client = server.start('echo kept > file; exec sleep 1000', 'left', '/execute/stream');
    await until(
      'the file',
      20_000,
      async () => (await server.answer('GET', '/file?sessionId=left&path=file'))[0] === 200,
    );
    client.abort();
    await until('it to be idle', 20_000, async () =>
      (await server.sessions()).some((it) => it.id === 'left' && !it.isActive),
    );
    const [, { stdout }] = await server.run('cat file /proc/[1-9]*/comm', 'left');
    expect(stdout).toMatch(/^kept\n/);
    expect(stdout).not.toContain('sleep');
  });
});

// W108: whatever a program printed was kept until the client read it.
describe('W108: a client that does not read', () => {
  const MIB = 1024 * 1024;
  const PRINTED = 48;
  const options = { maxOutputSize: 64 * MIB, timeoutMs: 50_000 };

  it('holds its program up, and misses nothing', { timeout: 60_000 }, async () => {
    const progress = async () => {
      const [status, { content }] = await server.answer('GET', '/file?sessionId=held&path=progress');
      return status === 200 ? Number(Buffer.from(content, 'base64')) : 0;
    };
    const code = [
      'import sys',
      `for n in range(${PRINTED}):`,
      `    sys.stdout.write("x" * ${MIB})`,
      '    sys.stdout.flush()',
      '    open("/sandbox/progress", "w").write(str(n + 1))',
    ].join('\n');
    const response = await stream({ request: { runtime: 'python', code }, sessionId: 'held', options });
    let seen = -1;
    const held = await until('the program to be held up', 30_000, async () => {
      const before = seen;
      seen = await progress();
      await pause(1000);
      return seen > 0 && seen === before && seen;
    });
    expect(held).toBeLessThan(PRINTED / 2);
    let bytes = 0;
    for (const event of await eventsOf(response)) {
      if (event.type === 'stdout') bytes += event.data.length;
      else expect(event).toEqual({ type: 'exit', data: '0', phase: 'code' });
    }
    expect(bytes).toBe(PRINTED * MIB);
  });

  it('costs the server next to nothing', async () => {
    const own = await ServerProcess.start();
    await own.caller.run(':');
    const before = own.memory;
    const body = { ...bash(`yes | head -c ${PRINTED * MIB}`), options };
    const unread = await Promise.all(Array.from({ length: 8 }, () => own.caller.ask('POST', '/execute/stream', body)));
    await own.busy(8);
    await pause(5000);
    expect((await own.caller.load()).running).toBe(8);
    // All that they print would be eight times 48 MiB.
    expect(own.memory - before).toBeLessThan(96);
    for (const response of unread) await response.body?.cancel();
    await own.busy(0);
  });
});
