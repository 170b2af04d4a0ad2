/** `isol8 login` and `logout`, against a server that has nothing but the one route. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { cli, type Ended } from '../support/process.js';
import { scratch } from '../support/scratch.js';
import { secureWeb } from '../support/servers.js';

const TOKEN = `isol8_${'0123456789abcdef'.repeat(4)}`;
const GIVEN = { token: TOKEN, expiresAt: '2100-01-01T00:00:00.000Z', keyId: '6f1c3a52-8f4e-4b0e-9a53-0d8a4b1f2c3d' };

interface Asked {
  what: string;
  authorization?: string;
  body: { name: string; ttlMs?: number };
}

interface Server {
  host: string;
  asked: Asked[];
}

/** A server that answers everything like this. */
async function server(status: number, answer: unknown, headers: Record<string, string> = {}): Promise<Server> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const { method, url, headers: sent } = request;
    asked.push({ what: `${method} ${url}`, authorization: sent.authorization, body: await json(request) });
    response.writeHead(status, headers).end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function json(request: IncomingMessage) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

const credentialsIn = (home: string) => join(home, '.isol8', 'credentials.json');

function login(home: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return cli(['login', ...args], { env: { HOME: home, ISOL8_API_KEY: undefined, ...env } }).ended;
}

it('keeps the key that the server gives, and says until when it is valid', async () => {
  const { host, asked } = await server(200, GIVEN);
  const home = scratch();
  const { code, stdout, stderr } = await login(home, ['--host', `${host}/`, '--key', 'master']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '[OK] Authenticated successfully\n' });
  expect(stdout).toBe(
    `  Host:    ${host}\n` +
      `  Expires: ${new Date(GIVEN.expiresAt).toLocaleString()}\n` +
      '  Stored:  ~/.isol8/credentials.json\n',
  );
  const file = credentialsIn(home);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ host, ...GIVEN });
  expect(statSync(file).mode & 0o7777).toBe(0o600);
  expect(asked).toEqual([
    {
      what: 'POST /auth/login',
      authorization: 'Bearer master',
      body: { name: expect.stringMatching(/^cli-login-\d{4}-\d\d-\d\dT[\d:.]+Z$/) },
    },
  ]);
});

it('takes the name, the lifetime and the key from wherever they are said', async () => {
  const { host, asked } = await server(200, GIVEN);
  const keyFile = join(scratch(), 'key');
  writeFileSync(keyFile, 'from the file\n');
  await login(scratch(), ['--host', host, '--name', 'ci', '--ttl', '60000'], { ISOL8_API_KEY: 'from the environment' });
  await login(scratch(), ['--host', host, '--name', 'ci', '--key-file', keyFile]);
  expect(asked.map(({ authorization, body }) => [authorization, body])).toEqual([
    ['Bearer from the environment', { name: 'ci', ttlMs: 60000 }],
    ['Bearer from the file', { name: 'ci' }],
  ]);
});

it('replaces a file of credentials that others could read by one that they cannot (W98)', async () => {
  const { host } = await server(200, GIVEN);
  const home = scratch();
  mkdirSync(join(home, '.isol8'), { mode: 0o755 });
  writeFileSync(credentialsIn(home), 'not even JSON', { mode: 0o644 });
  const { code } = await login(home, ['--host', host, '--key', 'master']);
  expect(code).toBe(0);
  expect(statSync(credentialsIn(home)).mode & 0o7777).toBe(0o600);
  expect(statSync(join(home, '.isol8')).mode & 0o7777).toBe(0o700);
});

it.each([
  [403, { error: 'Invalid API key' }, 'Invalid API key'],
  [500, { error: 'it\u001b[2J broke\n' }, 'it broke'],
  [502, '<html>', 'Bad Gateway'],
])('says why a server refused (%s %j), and keeps nothing', async (status, answer, reason) => {
  const { host } = await server(status, answer);
  const home = scratch();
  const ended = await login(home, ['--host', host, '--key', 'master']);
  expect(ended).toEqual({ code: 1, stdout: '', stderr: `[ERR] Authentication failed: ${reason}\n` });
  expect(existsSync(credentialsIn(home))).toBe(false);
});

it('tells what may be missing when a server keeps no keys', async () => {
  const { host } = await server(400, { error: 'DB-backed auth is not enabled' });
  const { code, stdout, stderr } = await login(scratch(), ['--host', host, '--key', 'master']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toBe(
    '[ERR] Authentication failed: DB-backed auth is not enabled\n' +
      '[WARN] DB-backed auth may not be enabled on the server.\n' +
      '[WARN] Start the server with `isol8 serve --auth-db <path>`.\n',
  );
});

it.each([
  ['not JSON', 'hello', 'expected value at line 1 column 1'],
  ['a token that is none', { ...GIVEN, token: 7 }, 'invalid type: integer `7`, expected a string at line 1 column 10'],
  ['an empty token', { ...GIVEN, token: '' }, 'expected text in "token"'],
  ['a time that is none', { ...GIVEN, expiresAt: 'soon' }, 'expected a time in "expiresAt"'],
])('keeps nothing of an answer with %s', async (_, answer, reason) => {
  const { host } = await server(200, answer);
  const home = scratch();
  const { code, stderr } = await login(home, ['--host', host, '--key', 'master']);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `[ERR] Login failed: unexpected answer of the server: ${reason}\n`,
  });
  expect(existsSync(credentialsIn(home))).toBe(false);
});

it('says why a server could not be asked', async () => {
  const { code, stdout, stderr } = await login(scratch(), ['--host', 'http://127.0.0.1:1', '--key', 'master']);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^\[ERR\] Login failed: could not connect to http:\/\/127\.0\.0\.1:1: .*refused.*\n$/);
});

it('trusts the authority that everything else here trusts', async () => {
  const { port, certificate } = await secureWeb((_, response) => response.end(JSON.stringify(GIVEN)));
  const authority = join(scratch(), 'authority.pem');
  writeFileSync(authority, certificate);
  const args = ['--host', `https://localhost:${port}`, '--key', 'master'];
  const stranger = await login(scratch(), args, { ISOL8_EXTRA_CA_FILE: undefined });
  expect(stranger.code).toBe(1);
  expect(stranger.stderr).toMatch(/^\[ERR\] Login failed: could not connect to .*certificate/);
  expect((await login(scratch(), args, { ISOL8_EXTRA_CA_FILE: authority })).code).toBe(0);
});

it('shows the master key to no server but the one that was named', async () => {
  const other = await server(200, GIVEN);
  const { host } = await server(307, '', { location: `${other.host}/auth/login` });
  const { code, stderr } = await login(scratch(), ['--host', host, '--key', 'master']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^\[ERR\] Login failed: .*redirect/);
  expect(other.asked).toEqual([]);
});

it.each([
  [['--host', 'localhost:3000', '--key', 'x'], 'Invalid value for --host: localhost:3000'],
  [['--host', 'http://localhost:1', '--key', 'x', '--ttl', '-5'], 'Invalid value for --ttl: -5'],
  [['--host', 'http://localhost:1', '--key', 'x', '--ttl', '1h'], 'Invalid value for --ttl: 1h'],
  [['--host', 'http://localhost:1'], 'API key required. Use --key or ISOL8_API_KEY env var.'],
  [['--host', 'http://localhost:1', '--key', ''], 'API key required. Use --key or ISOL8_API_KEY env var.'],
  [['--host', 'http://localhost:1', '--key', 'x', '--key-file', 'y'], '--key cannot be combined with --key-file.'],
])('asks nobody with %j', async (args, message) => {
  const { code, stdout, stderr } = await login(scratch(), args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr.startsWith(`[ERR] ${message}`)).toBe(true);
});

it('forgets on logout, and has nothing to forget the second time', async () => {
  const { host, asked } = await server(200, GIVEN);
  const home = scratch();
  await login(home, ['--host', host, '--key', 'master']);
  const logout = () => cli(['logout'], { env: { HOME: home } }).ended;
  expect(await logout()).toEqual({
    code: 0,
    stdout: '[OK] Credentials removed from ~/.isol8/credentials.json\n',
    stderr: '',
  });
  expect(existsSync(credentialsIn(home))).toBe(false);
  expect(await logout()).toEqual({ code: 0, stdout: '[INFO] No stored credentials found.\n', stderr: '' });
  expect(asked).toHaveLength(1);
});
