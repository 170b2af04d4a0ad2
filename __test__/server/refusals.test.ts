/**
 * Whatever a client does wrong is answered with a status that says so and a body of JSON (W99), and leaves everything
 * else as it was.
 */
import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { bash, Caller } from '../support/caller.js';
import { type Answer, request, told } from '../support/http.js';
import { KEY, liveServer } from '../support/live-server.js';

let server: Caller;

/** What comes of bodies that stop in their middle, by route: it takes a while. */
let slow: [path: string, answer: Promise<Answer>][];

beforeAll(async () => {
  server = new Caller((await liveServer({ server: { limits: { bodySize: '64k' } } })).host);
  slow = ['/execute', '/execute/stream', '/file', '/cleanup'].map((path) => [
    path,
    say(request(`POST ${path}`, { authorization, 'content-length': 100 }, '{"request":')),
  ]);
  for (const [, answer] of slow) answer.catch(() => {});
});

const authorization = `Bearer ${KEY}`;
const say = (...batches: (string | Buffer)[]) => told(server.host, ...batches);

/** What any refusal looks like, and nothing more. */
function refusal(answer: Answer): [status: number, error: string, code: string] {
  expect(answer.headers['content-type']).toBe('application/json');
  expect(Object.keys(answer.json).sort()).toEqual(['code', 'error']);
  return [answer.status, answer.json.error, answer.json.code];
}

const ROUTES = [
  ['GET', '/metrics'],
  ['POST', '/execute'],
  ['POST', '/execute/stream'],
  ['GET', '/execute/ws'],
  ['POST', '/file'],
  ['GET', '/file'],
  ['GET', '/sessions'],
  ['DELETE', '/session/any'],
  ['POST', '/cleanup'],
  ['POST', '/auth/keys'],
  ['GET', '/auth/keys'],
  ['DELETE', '/auth/keys/any'],
  ['POST', '/auth/login'],
  ['GET', '/network'],
  ['GET', '/nowhere'],
  ['POST', '/nowhere'],
  ['DELETE', '/execute'],
] as const;

describe('without a good key nobody gets anywhere, nor learns what is there', () => {
  it.each(ROUTES)('%s %s', async (method, path) => {
    const missing = await say(request(`${method} ${path}`));
    expect(refusal(missing)).toEqual([401, 'Missing Authorization header', 'UNAUTHORIZED']);
    expect(missing.headers['www-authenticate']).toBe('Bearer');
    for (const wrong of ['Bearer wrong', `Bearer isol8_${'0'.repeat(64)}`, '', 'Bearer', `Bearer ${KEY}x`]) {
      const answer = await say(request(`${method} ${path}`, { authorization: wrong }));
      expect(refusal(answer)).toEqual([403, 'Invalid API key', 'UNAUTHORIZED']);
    }
  });

  it.each(['key', 'apiKey', 'api_key', 'token', 'access_token', 'authorization'])(
    'a key in the query counts for nothing: %s',
    async (name) => {
      for (const path of ['/sessions', '/execute/ws']) {
        const [status, error] = refusal(await say(request(`GET ${path}?${name}=${KEY}`)));
        expect([status, error]).toEqual([401, 'Missing Authorization header']);
      }
    },
  );

  it('nor in a cookie, another header, the user of a URL, or the body', async () => {
    const body = JSON.stringify({ ...bash(':'), apiKey: KEY });
    for (const headers of [
      { cookie: `authorization=${KEY}; token=${KEY}` },
      { 'x-api-key': KEY },
      { 'proxy-authorization': authorization },
      { 'content-length': body.length },
    ]) {
      expect(
        (await say(request('POST /execute', headers as never, 'content-length' in headers ? body : ''))).status,
      ).toBe(401);
    }
    const basic = `Basic ${Buffer.from(`${KEY}:${KEY}`).toString('base64')}`;
    expect((await say(request('GET /sessions', { authorization: basic }))).status).toBe(403);
  });

  it('two keys are as good as none', async () => {
    const twice = (first: string, second: string) =>
      request('GET /sessions', { Authorization: `Bearer ${first}`, authorization: `Bearer ${second}` });
    for (const [first, second] of [
      [KEY, 'wrong'],
      ['wrong', KEY],
      [KEY, KEY],
    ] as const) {
      expect(refusal(await say(twice(first, second)))[1]).toBe('Invalid API key');
    }
    const protocol = `isol8, isol8.bearer.${Buffer.from(KEY).toString('base64url')}`;
    const both = request('GET /sessions', { authorization, 'sec-websocket-protocol': protocol });
    expect(refusal(await say(both))[1]).toBe('Invalid API key');
  });

  it.each([`Bearer ${KEY}`, `bearer ${KEY}`, `BEARER   ${KEY}  `, KEY])(
    'the key may be written as %j',
    async (written) => {
      expect((await say(request('GET /sessions', { authorization: written }))).status).toBe(200);
    },
  );
});

describe('what is not there', () => {
  it.each([
    '/nowhere',
    '/console',
    '/execute/',
    '//execute',
    '/Execute',
    '/%65xecute',
    '/sessions/a',
    '/session',
    '/session/a/b',
    '/../health',
  ])('%s', async (path) => {
    const answer = await say(request(`GET ${path}`, { authorization }));
    expect(refusal(answer)).toEqual([404, `there is nothing at ${path}`, 'NOT_FOUND']);
  });

  it('is not shown to be anything by an address of another form', async () => {
    expect(refusal(await say(request('CONNECT server:1', { authorization })))[0]).toBe(404);
    expect(refusal(await say(request('OPTIONS *', { authorization })))[0]).toBe(404);
    expect((await say(request('GET http://elsewhere/health'))).status).toBe(200);
  });

  it.each([
    ['PUT', '/health', 'GET,HEAD'],
    ['GET', '/execute', 'POST'],
    ['DELETE', '/execute/stream', 'POST'],
    ['POST', '/execute/ws', 'GET,HEAD'],
    ['PATCH', '/file', 'POST,GET,HEAD'],
    ['POST', '/sessions', 'GET,HEAD'],
    ['GET', '/session/a', 'DELETE'],
    ['GET', '/cleanup', 'POST'],
    ['DELETE', '/auth/keys', 'POST,GET,HEAD'],
    ['TRACE', '/health', 'GET,HEAD'],
    ['BREW', '/health', 'GET,HEAD'],
  ])('no %s of %s', async (method, path, allowed) => {
    const answer = await say(request(`${method} ${path}`, { authorization }));
    expect(refusal(answer)).toEqual([405, `not a method of ${path}`, 'METHOD_NOT_ALLOWED']);
    expect(answer.headers.allow?.split(',').sort()).toEqual(allowed.split(',').sort());
  });

  it('a WebSocket where none is asked for', async () => {
    const [status, error] = refusal(await say(request('GET /execute/ws', { authorization })));
    expect([status, error]).toEqual([400, expect.stringMatching(/^expected a WebSocket: /)]);
    const upgrade = { connection: 'upgrade', upgrade: 'h2c', 'sec-websocket-version': 13, 'sec-websocket-key': 'x' };
    expect(
      refusal(await say(request('GET /execute/ws', { authorization, ...upgrade, connection: 'close, upgrade' })))[0],
    ).toBe(400);
  });
});

const posted = (body: string | Buffer, headers: Record<string, string | number> = {}, path = '/execute') =>
  say(request(`POST ${path}`, { authorization, 'content-length': Buffer.byteLength(body), ...headers }), body);

describe('W99: a body that makes no sense', () => {
  const fine = JSON.stringify(bash(':'));

  it.each([
    ['', 'invalid JSON in body: EOF while parsing a value'],
    ['{', 'invalid JSON in body: EOF while parsing an object'],
    ['hello', 'invalid JSON in body: expected value'],
    [`${fine}${fine}`, 'invalid JSON in body: trailing characters'],
    [`${fine.slice(0, -1)},}`, 'invalid JSON in body: '],
    ["{'request':{}}", 'invalid JSON in body: '],
    ['{"request":{"runtime":"bash","cmd":":","timeoutMs":NaN}}', 'invalid JSON in body: expected value'],
    ['{"request":{"runtime":"bash","cmd":":","timeoutMs":Infinity}}', 'invalid JSON in body: expected value'],
    ['{"request":{"runtime":"bash","cmd":":","timeoutMs":1e999}}', 'invalid JSON in body: number out of range'],
    ['{"request":{"runtime":"bash","cmd":"\\ud800"}}', 'invalid JSON in body: '],
    [`{"request":${'['.repeat(30_000)}`, 'malformed body: invalid type: sequence'],
    [`{"request":${'{"a":'.repeat(10_000)}`, 'unknown field `a`'],
    [`{"request":{"runtime":"bash","cmd":":","files":{"a":${'['.repeat(30_000)}`, 'invalid type: sequence'],
    ['null', 'malformed body: invalid type: null'],
    ['[]', 'malformed body: '],
    ['{}', 'malformed body: missing field `request`'],
    ['{"request":null}', 'malformed body: invalid type: null'],
    ['{"request":{}}', 'malformed body: missing field `runtime`'],
    ['{"request":{"runtime":1,"cmd":":"}}', 'malformed body: invalid type: integer `1`, expected a string'],
    ['{"request":{"runtime":"bash","cmd":["a"]}}', 'malformed body: invalid type: sequence, expected a string'],
    ['{"request":{"runtime":"bash","cmd":":","env":{"A":1}}}', 'malformed body: invalid type: integer `1`'],
    ['{"request":{"runtime":"bash","cmd":":"},"sessionId":{}}', 'malformed body: invalid type: map, expected a string'],
  ])('is refused: %.60s', async (body, error) => {
    for (const path of ['/execute', '/execute/stream']) {
      const answer = refusal(await posted(body, {}, path));
      expect(answer).toEqual([400, expect.stringContaining(error), 'INVALID_REQUEST']);
    }
  });

  it('is refused when it is not UTF-8', async () => {
    const [status, error] = refusal(await posted(Buffer.from('{"request":{"runtime":"bash","cmd":"\xff"}}', 'latin1')));
    expect([status, error]).toEqual([400, expect.stringMatching(/^invalid JSON in body: /)]);
    const wide = Buffer.from(fine, 'utf16le');
    expect(refusal(await posted(wide, { 'content-type': 'application/json; charset=utf-16' }))[0]).toBe(400);
  });

  it.each(['/cleanup', '/auth/login', '/auth/keys', '/file'])('is refused by %s, too', async (path) => {
    const [status, error, code] = refusal(await posted('{"a', {}, path));
    expect([status, code]).toEqual([400, 'INVALID_REQUEST']);
    // Without a database of keys it does not come to that.
    expect(error).toMatch(path.startsWith('/auth') ? 'DB-backed auth is not enabled' : /^invalid JSON in body: /);
  });

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    'application/x-www-form-urlencoded',
    '',
  ])('is none because it is called %j', async (type) => {
    const answer = await posted(fine, { 'content-type': type });
    expect([answer.status, answer.json.exitCode]).toEqual([200, 0]);
  });

  it('is refused when it is compressed, without being unpacked', async () => {
    for (const encoding of ['gzip', 'br', 'identity, gzip', 'GZIP']) {
      const answer = refusal(await posted(gzipSync(fine), { 'content-encoding': encoding }));
      expect(answer).toEqual([415, 'the body must not be compressed (Content-Encoding)', 'INVALID_REQUEST']);
    }
    expect((await posted(fine, { 'content-encoding': 'identity' })).status).toBe(200);
  });

  it('is refused when it stops in its middle', async () => {
    const chunked = { authorization, 'transfer-encoding': 'chunked' };
    const [status, error] = refusal(await say(request('POST /execute', chunked), '5\r\n{"req\r\nzz\r\n'));
    expect([status, error]).toEqual([400, expect.stringMatching(/^broken body: /)]);
  });
});

describe('W100: a body that is too long', () => {
  const tooLong = [413, 'the body is longer than 65536 bytes (server.limits.bodySize)', 'TOO_LARGE'];

  it.each(['/execute', '/execute/stream', '/file', '/cleanup'])('is refused by %s, announced or not', async (path) => {
    const body = Buffer.alloc(65_537, ' ');
    expect(refusal(await posted(body, {}, path))).toEqual(tooLong);
    const chunked = request(`POST ${path}`, { authorization, 'transfer-encoding': 'chunked' });
    const chunk = Buffer.concat([Buffer.from('4000\r\n'), Buffer.alloc(0x4000, ' '), Buffer.from('\r\n')]);
    expect(refusal(await say(chunked, ...Array.from({ length: 5 }, () => chunk), '0\r\n\r\n'))).toEqual(tooLong);
  });

  it('is refused when it is only announced', async () => {
    const announced = request('POST /execute', { authorization, 'content-length': '9007199254740993' });
    expect(refusal(await say(announced))).toEqual(tooLong);
  });

  it('and one that just fits is not', async () => {
    const body = JSON.stringify(bash('echo $0'));
    const answer = await posted(body + ' '.repeat(65_536 - body.length));
    expect([answer.status, answer.json.exitCode]).toEqual([200, 0]);
  });

  it('is not read from whoever has no key', async () => {
    const answer = await say(request('POST /execute', { 'content-length': 1 << 30 }));
    expect(refusal(answer)[0]).toBe(401);
  });
});

describe('W99: what is no request at all', () => {
  const malformed = [400, 'malformed HTTP request', 'INVALID_REQUEST'];

  it.each([
    'hello\r\n\r\n',
    'GET / HTTP/1.1\r\nno colon\r\n\r\n',
    'GET /health HTTP/9.9\r\n\r\n',
    'GET /he alth HTTP/1.1\r\n\r\n',
    'G\0T /health HTTP/1.1\r\n\r\n',
    request('POST /execute', { authorization, 'content-length': -1 }),
    request('POST /execute', { authorization, 'content-length': '1, 2' }),
    request('POST /execute', { authorization, 'Content-Length': 5, 'content-length': 6 }, 'hello'),
    request('POST /execute', { authorization, 'transfer-encoding': 'gzip' }, 'hello'),
    request('GET /health', { 'x y': 'z' }),
    request('GET /health', { x: 'a\0b' }),
  ])('is refused: %j', async (bytes) => {
    expect(refusal(await say(bytes))).toEqual(malformed);
  });

  it('is refused when its head is too long, however long it is', async () => {
    for (const length of [300_000, 3_000_000]) {
      const answer = refusal(await say(request('GET /health', { x: 'a'.repeat(length) })));
      expect(answer).toEqual([431, 'the headers of the request are too long, or too many', 'TOO_LARGE']);
    }
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`x-${n}`, n]));
    expect(refusal(await say(request('GET /health', many)))[0]).toBe(431);
    const [status, error] = refusal(await say(request(`GET /${'a'.repeat(65_600)}`)));
    expect([status, error]).toEqual([414, 'the address of the request is too long']);
  });

  it('does not become one by what is said after it', async () => {
    const [first, ...others] = (await say('hello\r\n\r\n', request('GET /sessions', { authorization }))).text.split(
      'HTTP/1.1',
    );
    expect([first?.includes('malformed'), others]).toEqual([true, []]);
  });

  it('and two lengths of a body do not hide another request', async () => {
    const hidden = request('DELETE /session/any', { authorization });
    const both = {
      authorization,
      'content-length': hidden.length,
      'transfer-encoding': 'chunked',
      connection: 'keep-alive',
    };
    const { text } = await say(request('POST /execute', both, `0\r\n\r\n${hidden}`), request('GET /health'));
    // The chunks count, and after such a request the connection is not trusted with another.
    expect(text).toContain('invalid JSON in body');
    expect(text).not.toMatch(/"ok":true/);
  });
});

it('W100: a body that does not go on is not waited for without end', async () => {
  for (const [path, answer] of slow) {
    expect([path, ...refusal(await answer)]).toEqual([path, 408, 'the body took too long to arrive', 'TOO_SLOW']);
  }
});

it('shows nothing of itself, and has an id for every request', async () => {
  const answers = await Promise.all([
    say(request('GET /health')),
    say(request('GET /nowhere', { authorization })),
    posted('{'),
    say(request('GET /sessions')),
  ]);
  const ids = answers.map(({ headers }) => headers['x-request-id']);
  expect(new Set(ids).size).toBe(4);
  for (const { headers, text } of answers) {
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.server ?? headers['x-powered-by']).toBeUndefined();
    expect(text).not.toMatch(/\.rs|panicked|axum|serde/);
  }
});

it('does not repeat more of what it was sent than makes sense', async () => {
  const name = randomUUID().repeat(1500);
  const answer = await posted(JSON.stringify({ request: { runtime: name, cmd: ':' } }));
  expect(answer.status).toBe(400);
  expect(answer.text.length).toBeLessThan(20_000);
});

it('and is as it was for everybody else', async () => {
  expect(await server.run('echo served')).toMatchObject([200, { stdout: 'served' }]);
});
