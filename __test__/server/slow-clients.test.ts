/**
 * Clients that take their time, or all the time there is. All of them come at once, to one server, before the first
 * test: so together they take no longer than the one that is waited for longest.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bash, Caller, framesOf } from '../support/caller.js';
import { liveServer } from '../support/live-server.js';
import { head, RawClient } from '../support/raw-http.js';
import { until, within } from '../support/until.js';
import { PING, Socket } from '../support/web-socket.js';

/** Nobody is waited for any longer, and that on a busy machine. */
const LONGEST_MS = 150_000;

const ends: (() => void)[] = [];
const atEnd = (end: () => void) => void ends.push(end);

let server: Caller;
let began: number;

const clients: Record<string, RawClient> = {};
const sockets: Record<string, Socket> = {};

/** When the connections were closed, in milliseconds since the beginning. */
const closed: Record<string, Promise<number>> = {};

function client(name: string, text: string): RawClient {
  const made = new RawClient(server.host, text, atEnd);
  clients[name] = made;
  closed[name] = made.closed;
  return made;
}

async function socket(name: string, pongs = true): Promise<Socket> {
  const made = await Socket.open(server.host, { pongs, atEnd });
  sockets[name] = made;
  closed[name] = made.closed.then(() => performance.now() - began);
  return made;
}

/** Some of what a program prints for ever, to a client that reads nothing. */
const ENDLESS = { ...bash('yes | head -c 60000000'), options: { maxOutputSize: 64 << 20, timeoutMs: 300_000 } };

let beats: Promise<string[]>;

beforeAll(async () => {
  server = new Caller((await liveServer({ maxConcurrent: 10 })).host);
  await server.run(':');
  began = performance.now();

  client('says nothing', '');
  client('begins a head', 'GET /health HTTP/1.1\r\nhost:');
  client('drips a head', 'GET /health HTTP/1.1\r\n').drip('x-drop: y\r\n', 1000);
  client('asks once', 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n');
  client('begins a body', `${head('/execute', 1000)}{"request":`);
  client('begins a file', `${head('/file', 1 << 20)}{`);
  client('drips a body', `${head('/execute', 1000)}{"request":`).drip(' ', 1000);
  const chunked = head('/execute', 0).replace('content-length: 0', 'transfer-encoding: chunked');
  client('drips chunks', `${chunked}1\r\n{\r\n`).drip('1\r\n \r\n', 1000);

  const text = JSON.stringify(ENDLESS);
  client('does not read its answer', head('/execute', text.length) + text).pause();
  client('does not read a stream', head('/execute/stream', text.length) + text).pause();

  const stream = await server.ask('POST', '/execute/stream', bash('sleep 18'));
  beats = (async () => {
    const frames = [];
    for await (const frame of framesOf(stream)) frames.push(frame);
    return frames;
  })();

  const patient = { options: { timeoutMs: 300_000 } };
  (await socket('is there')).execute('echo begun; sleep 1000', patient);
  (await socket('is deaf', false)).execute('echo begun; sleep 1000', patient);
  await socket('asks for nothing, and is deaf', false);
  const reader = await socket('does not read');
  reader.execute(ENDLESS.request.cmd, { options: ENDLESS.options });
  await reader.until('output', ({ events }) => events.length > 0);
  reader.pause();
});

afterAll(() => {
  for (const end of ends) end();
});

const served = () => within('another client', 20_000, server.run('echo served'));

it('do not keep others from being served', async () => {
  expect(await served()).toMatchObject([200, { stdout: 'served' }]);
  expect(clients['asks once']?.status).toBe(200);
});

describe('a body that does not come', () => {
  it.each(['begins a body', 'begins a file'])(
    'is waited for a while: a client that %s',
    async (name) => {
      const open = await within('the end', LONGEST_MS, closed[name] as Promise<number>);
      expect(open).toBeGreaterThan(10_000);
      expect(open).toBeLessThan(60_000);
      expect([clients[name]?.status, clients[name]?.body]).toEqual([
        408,
        { error: 'the body took too long to arrive', code: 'TOO_SLOW' },
      ]);
    },
    LONGEST_MS,
  );

  it.each(['drips a body', 'drips chunks'])(
    'has to come at some speed: not as from one that %s',
    async (name) => {
      const open = await within('the end', LONGEST_MS, closed[name] as Promise<number>);
      expect(open).toBeGreaterThan(25_000);
      expect(open).toBeLessThan(90_000);
      expect(clients[name]?.status).toBe(408);
    },
    LONGEST_MS,
  );
});

describe('a head that does not come', () => {
  it.each(['begins a head', 'drips a head'])(
    'is waited for a while: a client that %s',
    async (name) => {
      const open = await within('the end', LONGEST_MS, closed[name] as Promise<number>);
      expect(open).toBeGreaterThan(25_000);
      expect(open).toBeLessThan(90_000);
      expect([clients[name]?.status, clients[name]?.body]).toEqual([
        408,
        { error: 'the request took too long to arrive', code: 'TOO_SLOW' },
      ]);
    },
    LONGEST_MS,
  );

  it.each([
    ['says nothing', ''],
    ['asks once', expect.stringMatching(/^HTTP\/1.1 200 [\s\S]*\}$/)],
  ])(
    'is no fault if there is none: a client that %s is told nothing',
    async (name, received) => {
      const open = await within('the end', LONGEST_MS, closed[name] as Promise<number>);
      expect(open).toBeGreaterThan(25_000);
      expect(clients[name]?.received).toEqual(received);
    },
    LONGEST_MS,
  );
});

// W108: nothing was sent while a program said nothing, and what it said was kept for clients that did not read.
describe('W108: a stream', () => {
  it(
    'shows that it is alive while the program says nothing',
    async () => {
      const frames = await within('the end', LONGEST_MS, beats);
      expect(frames.at(-1)).toContain('"exit"');
      expect(frames.filter((frame) => frame.startsWith(':')).length).toBeGreaterThanOrEqual(1);
    },
    LONGEST_MS,
  );

  it(
    'over a WebSocket asks whether the client is there, and goes on if it is',
    async () => {
      const there = sockets['is there'] as Socket;
      await there.until(
        'pings',
        ({ frames }) => frames.filter(({ opcode }) => opcode === PING).length >= 4,
        LONGEST_MS,
      );
      expect(there.stdout).toBe('begun\n');
      there.vanish();
    },
    LONGEST_MS,
  );

  it.each(['is deaf', 'asks for nothing, and is deaf'])(
    'over a WebSocket ends if the client %s',
    async (name) => {
      const open = await within('the end', LONGEST_MS, closed[name] as Promise<number>);
      expect(open).toBeGreaterThan(40_000);
    },
    LONGEST_MS,
  );

  it(
    'ends when its client has not read for a while, and so does an answer',
    async () => {
      await until('the programs to end', LONGEST_MS, async () => (await server.load()).running === 0);
      await pause(Math.max(0, began + 80_000 - performance.now()));
      for (const name of ['does not read its answer', 'does not read a stream']) {
        const late = clients[name] as RawClient;
        late.resume();
        await within('the end', 20_000, late.closed);
        expect(late.status).toBe(200);
        expect(late.received.length).toBeLessThan(30_000_000);
      }
      const late = sockets['does not read'] as Socket;
      late.resume();
      await within('the end', 20_000, late.closed);
      expect(late.events.every(({ type }) => type === 'stdout')).toBe(true);
    },
    LONGEST_MS,
  );

  it('leaves the server as it was', async () => {
    await pause(100);
    expect(await server.load()).toMatchObject({ running: 0, waiting: 0 });
    expect(await served()).toMatchObject([200, { stdout: 'served' }]);
  });
});
