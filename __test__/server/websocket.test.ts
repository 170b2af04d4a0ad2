/** `GET /execute/ws`: one execution over a WebSocket, with live standard input and signals. */
import { setTimeout as pause } from 'node:timers/promises';
import { RemoteIsol8 } from 'isol8';
import { beforeAll, describe, expect, it } from 'vitest';
import { bash, Caller } from '../support/caller.js';
import { collect, text } from '../support/events.js';
import { KEY, liveServer } from '../support/live-server.js';
import { ServerProcess } from '../support/server-process.js';
import { until, within } from '../support/until.js';
import { BINARY, PING, PONG, Socket } from '../support/web-socket.js';

const COMPLETE = { code: 1000, reason: 'Execution complete' };
const BODY_SIZE = 1024 * 1024;

let server: Caller;

beforeAll(async () => {
  const { host } = await liveServer({ maxConcurrent: 2, server: { limits: { bodySize: '1m' } } });
  server = new Caller(host);
});

const open = () => Socket.open(server.host);

/** How a connection has ended, which should not take long. */
const end = (socket: Socket) => within('the connection to end', 20_000, socket.closed);

const idle = () => until('nothing to run', 20_000, async () => (await server.load()).running === 0);

it('sends events and closes when the execution is complete', async () => {
  const socket = await open();
  socket.execute('echo out; echo err >&2; exit 3');
  expect(await end(socket)).toEqual(COMPLETE);
  expect(text(socket.events, 'stdout')).toBe('out\n');
  expect(text(socket.events, 'stderr')).toBe('err\n');
  expect(socket.events.at(-1)).toEqual({ type: 'exit', data: '3', phase: 'code' });
});

it('is complete, too, when nothing could be run: the last event says why', async () => {
  const socket = await open();
  socket.send({ type: 'execute', request: { runtime: 'bash' } });
  expect(await end(socket)).toEqual(COMPLETE);
  expect(socket.events).toEqual([{ type: 'error', data: expect.stringMatching(/\w/), code: 'INVALID_REQUEST' }]);
});

it.each([
  ['text', (socket: Socket) => socket.send('{"type":')],
  ['an empty message', (socket: Socket) => socket.send('')],
  ['bytes', (socket: Socket) => socket.frame(BINARY, '{}')],
])('closes when it is told something that is no JSON: %s', async (_, say) => {
  const before = await open();
  say(before);
  expect(await end(before)).toEqual({ code: 1003, reason: 'Invalid JSON' });
  expect(before.events).toEqual([{ type: 'error', data: 'Invalid JSON message', code: 'INVALID_REQUEST' }]);

  const meanwhile = await open();
  meanwhile.execute('echo begun; sleep 1000');
  await meanwhile.until('the program to begin', ({ stdout }) => stdout === 'begun\n');
  say(meanwhile);
  expect(await end(meanwhile)).toEqual({ code: 1003, reason: 'Invalid JSON' });
  await idle();
});

it.each([
  [{ type: 'resize' }, 'resize'],
  [{ typ: 'execute' }, 'undefined'],
  [{ type: 7 }, 'undefined'],
  [[], 'undefined'],
  [{ type: 'x'.repeat(500) }, 'x'.repeat(100)],
])('answers a message of a type that it does not know, and goes on: %j', async (message, type) => {
  const socket = await open();
  socket.send(message);
  const complaint = { type: 'error', data: `Unknown message type: ${type}`, code: 'INVALID_REQUEST' };
  await socket.until('the answer', ({ events }) => events.length === 1);
  expect(socket.events).toEqual([complaint]);
  socket.execute('echo served');
  expect(await end(socket)).toEqual(COMPLETE);
  expect(socket.stdout).toBe('served\n');
});

it('is not disturbed by input and signals before there is a program', async () => {
  const socket = await open();
  socket.send({ type: 'stdin', data: 'early' });
  socket.send({ type: 'signal', signal: 'SIGINT' });
  socket.execute('cat; echo served');
  expect(await end(socket)).toEqual(COMPLETE);
  expect(socket.events).toEqual([
    { type: 'stdout', data: 'served\n', phase: 'code' },
    { type: 'exit', data: '0', phase: 'code' },
  ]);
});

describe('standard input', () => {
  it('reaches the program as it is sent, up to its end', async () => {
    const socket = await open();
    socket.execute('while read -r line; do echo "<$line>"; done; echo end', { liveStdin: true });
    socket.send({ type: 'stdin', data: 'one\n' });
    await socket.until('the first line', ({ stdout }) => stdout === '<one>\n');
    socket.send({ type: 'stdin', data: 'two\n', end: true });
    expect(await end(socket)).toEqual(COMPLETE);
    expect(socket.stdout).toBe('<one>\n<two>\nend\n');
  });

  it('is what the request says for a client that has announced no other', async () => {
    const socket = await open();
    socket.send({ type: 'execute', request: { runtime: 'bash', cmd: 'cat', stdin: 'asked\n' } });
    socket.send({ type: 'stdin', data: 'more\n' });
    expect(await end(socket)).toEqual(COMPLETE);
    expect(socket.stdout).toBe('asked\n');
  });

  it('holds a client up whose program does not read', async () => {
    const socket = await open();
    socket.execute('read -r; read -r -t 0.5 < /dev/null; wc -c', { liveStdin: true });
    const block = `${'x'.repeat(BODY_SIZE / 2)}\n`;
    for (let n = 0; n < 32; n++) socket.send({ type: 'stdin', data: block });
    socket.send({ type: 'stdin', end: true });
    expect(await end(socket)).toEqual(COMPLETE);
    expect(Number(socket.stdout)).toBe(31 * block.length);
  });
});

it.each(['SIGINT', 'SIGTERM'])('passes on %s', async (signal) => {
  const socket = await open();
  socket.execute(`trap 'echo caught; exit 7' ${signal}; echo ready; while :; do sleep 0.05; done`);
  await socket.until('the program to be ready', ({ stdout }) => stdout === 'ready\n');
  socket.send({ type: 'signal', signal });
  expect(await end(socket)).toEqual(COMPLETE);
  expect(socket.stdout).toBe('ready\ncaught\n');
  expect(socket.events.at(-1)).toMatchObject({ type: 'exit', data: '7' });
});

it('passes on no other signal', async () => {
  const socket = await open();
  socket.execute('read -r line; echo "$line"', { liveStdin: true });
  socket.send({ type: 'signal', signal: 'SIGKILL' });
  await socket.until('the answer', ({ events }) => events.some(({ type }) => type === 'error'));
  socket.send({ type: 'stdin', data: 'alive\n' });
  expect(await end(socket)).toEqual(COMPLETE);
  expect(socket.stdout).toBe('alive\n');
});

// W107: several executions on one connection ran at once, and the first to end closed it.
it('is for one execution: another is refused, and the first goes on (W107)', async () => {
  const socket = await open();
  socket.execute('echo first; read -r line; echo "$line"', { liveStdin: true });
  await socket.until('the program to begin', ({ stdout }) => stdout === 'first\n');
  socket.execute('echo second');
  await socket.until('the refusal', ({ events }) => events.some(({ type }) => type === 'error'));
  socket.send({ type: 'stdin', data: 'still here\n' });
  expect(await end(socket)).toEqual(COMPLETE);
  expect(socket.stdout).toBe('first\nstill here\n');
  expect(text(socket.events, 'error')).toBe('a connection is for one execution');
});

it('has the options that it was given, and says so where a request may not have them', async () => {
  const socket = await open();
  const options = { secrets: { KEY: 'hunter2-hunter2' }, maxOutputSize: 4096 };
  socket.execute('echo $KEY; yes | head -c 100000', { options });
  expect(await end(socket)).toEqual(COMPLETE);
  expect(socket.stdout).toMatch(/^\*\*\*\ny\n/);
  expect(socket.stdout.length).toBeLessThan(5000);

  const refused = await open();
  refused.execute(':', { options: { memoryLimit: '1000g' } });
  expect(await end(refused)).toEqual(COMPLETE);
  expect(refused.events).toMatchObject([{ type: 'error', code: 'FORBIDDEN' }]);
});

// W122: the session was not sent over the WebSocket, so that such executions were silently ephemeral.
it('runs in a session, also that of RemoteIsol8 (W122)', async () => {
  const socket = await open();
  socket.execute('echo kept > file', { sessionId: 'over-a-socket' });
  expect(await end(socket)).toEqual(COMPLETE);
  const client = new RemoteIsol8({ host: server.host, apiKey: KEY, sessionId: 'over-a-socket' });
  expect(text(await collect(client.executeStream({ runtime: 'bash', cmd: 'cat file' })), 'stdout')).toBe('kept\n');
  expect((await server.sessions()).map(({ id }) => id)).toEqual(['over-a-socket']);
  await client.stop();
});

it('takes several streams of one client, one after the other and at once', async () => {
  const client = new RemoteIsol8({ host: server.host, apiKey: KEY });
  const run = async (n: number) =>
    text(await collect(client.executeStream({ runtime: 'bash', cmd: `echo ${n}` })), 'stdout');
  for (let n = 0; n < 3; n++) expect(await run(n)).toBe(`${n}\n`);
  expect(await Promise.all([1, 2, 3, 4].map(run))).toEqual(['1\n', '2\n', '3\n', '4\n']);
});

describe('what the protocol asks for', () => {
  it('is done: pings are answered, fragments put together', async () => {
    const socket = await open();
    socket.frame(PING, 'are you there?');
    await socket.until('a pong', ({ frames }) => frames.some(({ opcode }) => opcode === PONG));
    expect(socket.frames.map(({ payload }) => payload.toString())).toEqual(['are you there?']);
    const message = JSON.stringify({ type: 'execute', ...bash('echo served') });
    socket.frame(1, message.slice(0, 10), { fin: false });
    socket.frame(0, message.slice(10));
    expect(await end(socket)).toEqual(COMPLETE);
    expect(socket.stdout).toBe('served\n');
  });

  it.each([
    ['a frame without a mask', (socket: Socket) => socket.frame(1, '{}', { masked: false })],
    ['an unknown kind of frame', (socket: Socket) => socket.frame(5, '{}')],
    ['text that is no UTF-8', (socket: Socket) => socket.frame(1, Buffer.from([0x22, 0xff, 0x22]))],
  ])('is asked of clients: %s ends the connection, and with it the program', async (_, say) => {
    const socket = await open();
    socket.execute('echo begun; sleep 1000');
    await socket.until('the program to begin', ({ stdout }) => stdout === 'begun\n');
    say(socket);
    await end(socket);
    await idle();
  });
});

describe('a message that is too long', () => {
  it.each([
    ['in one frame', (socket: Socket) => socket.send(`"${'x'.repeat(BODY_SIZE)}"`)],
    [
      'in fragments',
      (socket: Socket) => {
        socket.frame(1, `"${'x'.repeat(BODY_SIZE / 2)}`, { fin: false });
        socket.frame(0, 'x'.repeat(BODY_SIZE / 2), { fin: false });
        socket.frame(0, '"');
      },
    ],
  ])('closes the connection, with a code that says so: %s', async (_, say) => {
    const opening = await open();
    say(opening);
    expect(await end(opening)).toMatchObject({ code: 1009 });

    const running = await open();
    running.execute('echo begun; sleep 1000');
    await running.until('the program to begin', ({ stdout }) => stdout === 'begun\n');
    say(running);
    expect(await end(running)).toMatchObject({ code: 1009 });
    await idle();
  });

  it('is longer than what a body may be: one that is not is read', async () => {
    const socket = await open();
    const files = { text: 'x'.repeat(BODY_SIZE - 1000) };
    socket.send({ type: 'execute', request: { runtime: 'bash', cmd: 'wc -c < text', files } });
    expect(await end(socket)).toEqual(COMPLETE);
    expect(socket.stdout).toBe(`${BODY_SIZE - 1000}\n`);
  });
});

// W106: an execution went on until its time limit when its client had left.
describe('W106: a client that goes away', () => {
  it('loses its program', async () => {
    const sockets = await Promise.all([open(), open()]);
    for (const socket of sockets) {
      socket.execute('echo begun; sleep 1000');
      await socket.until('the program to begin', ({ stdout }) => stdout === 'begun\n');
    }
    const waiting = server.run('echo served');
    for (const socket of sockets) socket.vanish();
    expect(await within('a permit', 20_000, waiting)).toMatchObject([200, { stdout: 'served' }]);
    await idle();
  });

  it('loses its program also when that has not read what it was sent', async () => {
    const socket = await open();
    socket.execute('echo begun; sleep 1000', { liveStdin: true });
    await socket.until('the program to begin', ({ stdout }) => stdout === 'begun\n');
    for (let n = 0; n < 64; n++) socket.send({ type: 'stdin', data: 'x'.repeat(BODY_SIZE / 2) });
    await pause(1000);
    expect((await server.load()).running).toBe(1);
    socket.vanish();
    await idle();
  });

  it('leaves its place in the line', async () => {
    const running = await Promise.all([open(), open()]);
    for (const socket of running) socket.execute('sleep 1000');
    await until('both to run', 20_000, async () => (await server.load()).running === 2);
    const waiting = await open();
    waiting.execute('echo never');
    await until('one to wait', 20_000, async () => (await server.load()).waiting === 1);
    waiting.vanish();
    await until('none to wait', 20_000, async () => (await server.load()).waiting === 0);
    for (const socket of running) socket.vanish();
    await idle();
  });

  it('leaves its session, without the program', async () => {
    const socket = await open();
    socket.execute('echo kept > file; echo begun; exec sleep 1000', { sessionId: 'left' });
    await socket.until('the program to begin', ({ stdout }) => stdout === 'begun\n');
    socket.vanish();
    await idle();
    const [, { stdout }] = await server.run('cat file /proc/[1-9]*/comm', 'left');
    expect(stdout).toMatch(/^kept\n/);
    expect(stdout).not.toContain('sleep');
  });

  it.each(['a client that closes', 'a client that says goodbye'])('as does %s', async (which) => {
    const socket = await open();
    socket.execute('echo begun; sleep 1000');
    await socket.until('the program to begin', ({ stdout }) => stdout === 'begun\n');
    socket.frame(8, which.endsWith('closes') ? '' : Buffer.from([0x03, 0xe8]));
    await end(socket);
    await idle();
  });
});

// W108: whatever a program printed was kept until the client read it.
describe('W108: a client that does not read', () => {
  const MIB = 1024 * 1024;
  const PRINTED = 32 * MIB;
  const options = { maxOutputSize: 64 * MIB, timeoutMs: 110_000 };

  it('holds its program up, costs the server next to nothing, and misses nothing', { timeout: 120_000 }, async () => {
    const own = await ServerProcess.start();
    await own.caller.run(':');
    const before = own.memory;
    const sockets = await Promise.all(Array.from({ length: 8 }, () => Socket.open(own.host)));
    for (const socket of sockets) {
      socket.execute(`yes | head -c ${PRINTED}`, { options });
      await socket.until('the program to begin', ({ events }) => events.length > 0);
      socket.pause();
    }
    await own.busy(8);
    await pause(5000);
    expect((await own.caller.load()).running).toBe(8);
    // All that they print would be eight times 32 MiB.
    expect(own.memory - before).toBeLessThan(96);
    const [first, ...others] = sockets;
    for (const socket of others) socket.vanish();
    first?.resume();
    expect(await within('the connection to end', 60_000, first?.closed ?? Promise.reject())).toEqual(COMPLETE);
    expect(first?.stdout.length).toBe(PRINTED);
    await own.busy(0);
  });
});

it('does not begin without a key, or with a wrong one', async () => {
  await expect(Socket.open(server.host, { key: 'wrong' })).rejects.toMatchObject({
    status: 403,
    body: { error: 'Invalid API key' },
  });
  const response = await fetch(`${server.host}/execute/ws`);
  expect([response.status, await response.json()]).toMatchObject([401, { error: 'Missing Authorization header' }]);
});

// W123: a refused upgrade was an empty stream without an error.
it('is an error of RemoteIsol8 if it does not begin (W123)', async () => {
  const client = new RemoteIsol8({ host: server.host, apiKey: 'wrong' });
  const stream = client.executeStream({ runtime: 'bash', cmd: 'echo never' });
  await expect(collect(stream)).rejects.toThrow('Stream failed: Invalid API key');
});
