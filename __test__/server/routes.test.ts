/** What each route takes and answers: statuses, shapes and messages. Streams and WebSockets have suites of their own. */
import { type ExecutionResult, VERSION } from 'isol8';
import { beforeAll, describe, expect, it } from 'vitest';
import { bash, Caller } from '../support/caller.js';
import { docker } from '../support/docker.js';
import { liveServer } from '../support/live-server.js';
import { until } from '../support/until.js';

let server: Caller;

beforeAll(async () => {
  server = new Caller((await liveServer({ maxConcurrent: 3 })).host);
});

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const execute = (body: unknown) => server.answer('POST', '/execute', body);
const refused = (status: number, error: string | RegExp, code: string) => [
  status,
  { error: typeof error === 'string' ? error : expect.stringMatching(error), code },
];

describe('what everybody may ask', () => {
  it.each<Record<string, string>>([{}, { authorization: 'Bearer wrong' }])(
    'GET /health tells how busy the server is: %j',
    async (headers) => {
      const response = await fetch(`${server.host}/health`, { headers });
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
      const load = { running: 0, waiting: 0, capacity: 3, saturated: false };
      expect(await response.json()).toEqual({ status: 'ok', version: VERSION, load });
    },
  );

  it('GET /ready tells whether the server can run anything', async () => {
    const response = await fetch(`${server.host}/ready`);
    expect(response.status).toBe(200);
    // Without a database of keys, there is none to wait for.
    expect(await response.json()).toEqual({ status: 'ready', docker: true, ending: false });
  });

  it('GET /openapi.json describes every route, and how each can say no', async () => {
    const { openapi, info, paths } = (await (await fetch(`${server.host}/openapi.json`)).json()) as any;
    expect([openapi, info.version]).toEqual(['3.1.0', VERSION]);
    const routes = Object.entries<any>(paths).flatMap(([path, item]) =>
      Object.entries<any>(item).map(([method, { security }]) => [
        `${method.toUpperCase()} ${path}`,
        security !== undefined,
      ]),
    );
    expect(Object.fromEntries(routes)).toEqual({
      'GET /health': false,
      'GET /ready': false,
      'GET /openapi.json': false,
      'GET /metrics': true,
      'POST /execute': true,
      'POST /execute/stream': true,
      'GET /execute/ws': true,
      'POST /file': true,
      'GET /file': true,
      'GET /sessions': true,
      'DELETE /session/{id}': true,
      'GET /network': true,
      'POST /cleanup': true,
      'POST /auth/keys': true,
      'GET /auth/keys': true,
      'DELETE /auth/keys/{id}': true,
      'POST /auth/login': true,
    });
  });
});

describe('POST /execute', () => {
  it('answers with the result', async () => {
    const began = Date.now();
    const [status, result] = await execute({ request: { runtime: 'bash', code: 'echo out; echo err >&2' } });
    expect(status).toBe(200);
    const expected: Record<keyof ExecutionResult & string, unknown> = {
      stdout: 'out',
      stderr: 'err',
      exitCode: 0,
      durationMs: expect.any(Number),
      programMs: expect.any(Number),
      truncated: false,
      timedOut: false,
      outOfMemory: false,
      executionId: expect.stringMatching(UUID),
      runtime: 'bash',
      timestamp: expect.stringMatching(ISO),
      containerId: expect.stringMatching(/^[0-9a-f]{64}$/),
    } as never;
    expect(result).toEqual(expected);
    expect(Date.parse(result.timestamp)).toBeGreaterThanOrEqual(began - 1000);
  });

  it('has a program that fails as an answer like any other', async () => {
    expect(await server.run('echo no >&2; exit 42')).toMatchObject([200, { exitCode: 42, stderr: 'no' }]);
    const late = { request: { runtime: 'bash', cmd: 'sleep 100', timeoutMs: 300 } };
    expect(await execute(late)).toMatchObject([200, { exitCode: 137, timedOut: true }]);
  });

  it('takes all that a request of the library has', async () => {
    const request = {
      runtime: 'python',
      code: 'import os, sys; print(open("in").read(), os.environ["WORD"], sys.stdin.read()); open("out", "wb").write(b"\\x00\\xff")',
      env: { WORD: 'word' },
      stdin: 'typed',
      files: { in: 'file' },
      outputPaths: ['/sandbox/out', '/sandbox/missing'],
      metadata: { userId: 'somebody' },
      timeoutMs: 20_000,
      setupScript: 'true',
    };
    const [status, result] = await execute({ request, options: { memoryLimit: '256m', secrets: { A: 'word' } } });
    expect([status, result.stdout]).toEqual([200, 'file *** typed']);
    expect(result.files).toEqual({ '/sandbox/out': 'AP8=' });
  });

  it.each([
    [{ runtime: 'python' }, 'ExecutionRequest must include exactly one of: code, codeUrl, or cmd.', 'INVALID_REQUEST'],
    [
      { runtime: 'python', code: '1', cmd: 'true' },
      'ExecutionRequest.code, ExecutionRequest.codeUrl, and ExecutionRequest.cmd are mutually exclusive — provide exactly one.',
      'INVALID_REQUEST',
    ],
    [{ runtime: 'cobol', code: '1' }, /^Unknown runtime: "cobol"\. Available: /, 'INVALID_REQUEST'],
    [{ runtime: 'bash', cmd: ':', workdir: '/etc' }, 'Working directory must be inside /sandbox', 'INVALID_REQUEST'],
    [{ runtime: 'python', code: '1', installPackages: ['a; b'] }, /^Invalid package name: "a; b"\./, 'INVALID_REQUEST'],
    [{ runtime: 'agent', code: 'do' }, /^Agent runtime requires network access\./, 'INVALID_REQUEST'],
    [{ runtime: 'bash', cmd: ':', timeoutMs: 0 }, /timeoutMs/, 'INVALID_REQUEST'],
    [{ runtime: 'bash', cmd: ':', timeoutMs: -1 }, /timeoutMs/, 'INVALID_REQUEST'],
  ])('refuses what the library refuses: %j', async (request, error, code) => {
    expect(await execute({ request })).toEqual(refused(400, error, code));
  });

  it('says what went wrong before the program', async () => {
    const request = { runtime: 'bash', cmd: 'echo not reached', setupScript: 'echo why >&2; exit 3' };
    expect(await execute({ request })).toEqual(refused(422, 'Setup script failed (exit code 3): why', 'SETUP_FAILED'));
    const image = 'isol8-test/never-built';
    expect(await execute({ ...bash(':'), options: { image } })).toEqual(refused(422, /never-built/, 'IMAGE_NOT_FOUND'));
    expect(await execute({ ...bash(':'), sessionId: 'switch' })).toMatchObject([200, {}]);
    const other = { request: { runtime: 'python', code: '1' }, sessionId: 'switch' };
    expect(await execute(other)).toEqual(
      refused(409, /^Cannot switch runtime from "bash" to "python"\./, 'RUNTIME_SWITCH'),
    );
    await server.answer('DELETE', '/session/switch');
  });

  it.each(['', 'x'.repeat(129), 'a\u0000b', 'line\nbreak', '.', '..'])(
    'has names for sessions: not %j',
    async (sessionId) => {
      expect(await execute({ ...bash(':'), sessionId })).toEqual(refused(400, /session/i, 'INVALID_REQUEST'));
    },
  );

  it.each(['x'.repeat(128), 'a/b?c=d&e#f %2F', '...', 'ünïcode 🚀'])('takes %j for one', async (sessionId) => {
    expect(await server.run('echo kept > f', sessionId)).toMatchObject([200, { exitCode: 0 }]);
    expect((await server.sessions()).map(({ id }) => id)).toEqual([sessionId]);
    const query = new URLSearchParams({ sessionId, path: 'f' });
    expect(await server.answer('GET', `/file?${query}`)).toEqual([200, { content: 'a2VwdAo=' }]);
    expect(await server.answer('DELETE', `/session/${encodeURIComponent(sessionId)}`)).toEqual([200, { ok: true }]);
    expect(await server.sessions()).toEqual([]);
  });
});

describe('/file', () => {
  const put = (body: unknown) => server.answer('POST', '/file', body);
  const get = (query: Record<string, string>) => server.answer('GET', `/file?${new URLSearchParams(query)}`);

  it('brings bytes into the sandbox of a session, and out of it', async () => {
    await server.run(':', 'files');
    const content = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('base64');
    expect(await put({ sessionId: 'files', path: '/sandbox/a/b', content })).toEqual([200, { ok: true }]);
    expect(await get({ sessionId: 'files', path: 'a/b' })).toEqual([200, { content }]);
    expect(await put({ sessionId: 'files', path: 'empty', content: '' })).toEqual([200, { ok: true }]);
    expect(await get({ sessionId: 'files', path: 'empty' })).toEqual([200, { content: '' }]);
    expect(await server.run('stat -c %U a/b', 'files')).toMatchObject([200, { stdout: 'sandbox' }]);
  });

  it('needs a session', async () => {
    const none = refused(404, 'Session not found', 'SESSION_NOT_FOUND');
    expect(await put({ sessionId: 'nobody', path: 'a', content: '' })).toEqual(none);
    expect(await get({ sessionId: 'nobody', path: 'a' })).toEqual(none);
  });

  it.each<Record<string, string>>([
    {},
    { sessionId: 'files' },
    { path: 'a' },
    { sessionId: '', path: 'a' },
    { sessionId: 'files', path: '' },
  ])('needs to be told which file of which session: %j', async (query) => {
    expect(await get(query)).toEqual(refused(400, 'Missing sessionId or path', 'INVALID_REQUEST'));
  });

  // W99: a failing file operation was a plain-text 500.
  it('W99: says that a file is not there, or cannot be written', async () => {
    expect(await get({ sessionId: 'files', path: 'missing' })).toEqual(refused(404, /missing/, 'READ_FILE_FAILED'));
    expect(await get({ sessionId: 'files', path: 'empty/b' })).toEqual(refused(404, /empty/, 'READ_FILE_FAILED'));
    // What is there and cannot be read is something else.
    for (const path of ['/etc/shadow', '/sandbox/a', '/dev/null']) {
      expect(await get({ sessionId: 'files', path })).toEqual(refused(422, new RegExp(path), 'READ_FILE_FAILED'));
    }
    const outside = { sessionId: 'files', path: '/etc/passwd', content: '' };
    expect(await put(outside)).toEqual(refused(400, /^Failed to write file \/etc\/passwd /, 'INVALID_REQUEST'));
    const below = { sessionId: 'files', path: '/sandbox/empty/b', content: '' };
    expect(await put(below)).toEqual(refused(422, /^Failed to write file \/sandbox\/empty\/b /, 'WRITE_FILE_FAILED'));
  });

  it.each([
    [{ sessionId: 'files', path: 'a' }, /missing field `content`/],
    [{ sessionId: 'files', path: 'a', content: 'no base64!' }, /base64/],
    [{ sessionId: 'files', path: 'a', content: [1, 2] }, /invalid type: sequence, expected a string/],
    [{ sessionId: 1, path: 'a', content: '' }, /invalid type: integer `1`, expected a string/],
    [{ sessionId: 'files', path: 'a', content: '', mode: 0o777 }, /unknown field `mode`/],
  ])('refuses a body that makes no sense: %j', async (body, error) => {
    expect(await put(body)).toEqual(refused(400, error, 'INVALID_REQUEST'));
  });
});

describe('the rest', () => {
  it('GET /sessions and DELETE /session/:id', async () => {
    await server.answer('DELETE', '/session/files');
    expect(await server.answer('GET', '/sessions')).toEqual([200, { sessions: [] }]);
    const [, { containerId }] = await server.run(':', 'listed');
    expect(await server.answer('GET', '/sessions')).toEqual([
      200,
      { sessions: [{ id: 'listed', isActive: false, lastAccessedAt: expect.stringMatching(ISO) }] },
    ]);
    expect(await server.answer('DELETE', '/session/listed')).toEqual([200, { ok: true }]);
    expect(await docker(['ps', '--all', '--quiet', '--filter', `id=${containerId}`])).toBe('');
    expect(await server.answer('DELETE', '/session/listed')).toEqual([200, { ok: true }]);
  });

  it('POST /cleanup', async () => {
    await server.run(':', 'swept');
    const none = { removed: 0, failed: 0, errors: [] };
    expect(await server.answer('POST', '/cleanup', { images: false })).toEqual([
      200,
      { ok: true, sessions: { ...none, removed: 1 }, containers: { ...none, removed: expect.any(Number) } },
    ]);
    expect(await server.sessions()).toEqual([]);
  });

  it('GET /metrics', async () => {
    const response = await server.ask('GET', '/metrics');
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    ]);
    const text = await response.text();
    expect(text).toMatch(/^isol8_executions_total\{runtime="bash",outcome="success"\} [1-9]/m);
    expect(text).toMatch(/^isol8_requests_total\{route="\/session\/\{id\}",status="200"\} [1-9]/m);
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  it('what is refused is no execution in the metrics, and a failed setup is an error', async () => {
    const outcomes = async () => {
      const text = await (await server.ask('GET', '/metrics')).text();
      const counts = text.matchAll(/^isol8_executions_total\{runtime="(\w+)",outcome="(\w+)"\} (\d+)/gm);
      return Object.fromEntries(
        [...counts].map(([, runtime, outcome, count]) => [`${runtime} ${outcome}`, Number(count)]),
      );
    };
    const before = await outcomes();
    for (const body of [
      { ...bash(':'), options: { memoryLimit: '1000g' } },
      { ...bash(':'), options: { memoryLimit: 'much' } },
      { ...bash(':'), sessionId: '' },
    ]) {
      for (const path of ['/execute', '/execute/stream']) expect((await server.ask('POST', path, body)).ok).toBe(false);
    }
    expect(await outcomes()).toEqual(before);
    const request = { runtime: 'bash', cmd: ':', setupScript: 'exit 3' };
    for (const path of ['/execute', '/execute/stream']) await (await server.ask('POST', path, { request })).text();
    const failed = { ...before, 'bash error': (before['bash error'] ?? 0) + 2 };
    await until('both to be counted', 20_000, async () => (await outcomes())['bash error'] === failed['bash error']);
    expect(await outcomes()).toEqual(failed);
  });

  it.each([
    ['POST', '/auth/keys', { name: 'ci' }],
    ['GET', '/auth/keys', undefined],
    ['DELETE', '/auth/keys/6f1c3a52-8f4e-4b0e-9a53-0d8a4b1f2c3d', undefined],
    ['POST', '/auth/login', undefined],
  ])('%s %s needs a database of keys', async (method, path, body) => {
    expect(await server.answer(method, path, body)).toEqual(
      refused(400, 'DB-backed auth is not enabled', 'INVALID_REQUEST'),
    );
  });
});
