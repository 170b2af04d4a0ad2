/**
 * `isol8 serve`: where it listens, who may use it, and what it says. What it keeps to itself is in
 * `serve-secrets.test.ts`, and what it then does in `__test__/server`.
 */
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CLI } from '../support/paths.js';
import { freePort } from '../support/ports.js';
import { cli, type Options, Process } from '../support/process.js';
import { scratch } from '../support/scratch.js';
import { until, within } from '../support/until.js';

const KEY = 'a-key-of-this-test';

/** Nothing but what a test says. */
const env = (more: NodeJS.ProcessEnv = {}) => ({
  HOME: scratch(),
  ISOL8_API_KEY: KEY,
  ISOL8_PORT: undefined,
  PORT: undefined,
  ...more,
});

const serve = (args: string[], options: Options = {}) => {
  const settings = env(options.env);
  return cli(['serve', ...args], { cwd: settings.HOME, ...options, env: settings });
};

/** A port that somebody has, on all addresses. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const portIn = (text: string) => Number(/listening on http:\/\/localhost:(\d+)/.exec(text)?.[1]);

const status = async (port: number, key?: string) => {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  return (await fetch(`http://127.0.0.1:${port}/sessions`, { headers })).status;
};

describe('the master key', () => {
  it.each([
    ['of the environment', [], { ISOL8_API_KEY: 'of-the-environment' }, 'of-the-environment'],
    ['of the flag, whatever the environment says', ['--key', 'of-the-flag'], {}, 'of-the-flag'],
    ['of the flag, if that is not empty', ['--key', ''], {}, KEY],
  ])('is that %s', async (_, flags, more, key) => {
    const server = serve(['--port', String(await freePort()), ...flags], { env: more });
    await server.printed('listening');
    expect(await status(portIn(server.stdout), key)).toBe(200);
    expect(await status(portIn(server.stdout), `${key}x`)).toBe(403);
    expect(await status(portIn(server.stdout))).toBe(401);
  });

  it('can be in a file', async () => {
    const file = join(scratch(), 'key');
    writeFileSync(file, 'of-the-file\n', { mode: 0o600 });
    const server = serve(['--port', String(await freePort()), '--key-file', file]);
    await server.printed('listening');
    expect(await status(portIn(server.stdout), 'of-the-file')).toBe(200);
  });

  it.each([[{ ISOL8_API_KEY: undefined }], [{ ISOL8_API_KEY: '' }]])('is needed: %j', async (more) => {
    expect(await serve([], { env: more }).ended).toEqual({
      code: 1,
      stdout: '',
      stderr: '[ERR] API key required. Use --key or ISOL8_API_KEY env var.\n',
    });
  });
});

describe('the port', () => {
  it.each([
    ['--port', ['-p', '0'], {}, '0'],
    ['--port', ['--port', '65536'], {}, '65536'],
    ['--port', ['--port', '80x'], { PORT: '3000' }, '80x'],
    ['--port', ['--port', ''], {}, ''],
    ['ISOL8_PORT', [], { ISOL8_PORT: '-1', PORT: '3000' }, '-1'],
    ['PORT', [], { ISOL8_PORT: '', PORT: '3e3' }, '3e3'],
  ])('has to be one: that of %s is not (%j %j)', async (source, flags, more, value) => {
    expect(await serve(flags, { env: more }).ended).toEqual({
      code: 1,
      stdout: '',
      stderr: `[ERR] Invalid port from ${source}: ${value}. Expected 1-65535.\n`,
    });
  });

  it('is that of the flag, else of ISOL8_PORT, else of PORT', async () => {
    const [flag, first, second] = [await freePort(), await freePort(), await freePort()].map(String);
    for (const [flags, more, port] of [
      [['--port', flag], { ISOL8_PORT: first, PORT: second }, flag],
      [[], { ISOL8_PORT: first, PORT: second }, first],
      [[], { PORT: second }, second],
    ] as const) {
      const server = serve([...flags] as string[], { env: more });
      await server.printed(`listening on http://localhost:${port}\n`);
      server.kill('SIGTERM');
      await server.ended;
    }
  });

  it('is another when somebody has it, and nobody is there to be asked', async () => {
    const taken = await takenPort();
    const server = serve(['--port', String(taken)]);
    await server.printed('listening');
    const port = portIn(server.stdout);
    expect(port).not.toBe(taken);
    expect(await status(port, KEY)).toBe(200);
    server.kill('SIGTERM');
    const { code, stderr } = await server.ended;
    expect(code).toBe(0);
    expect(stderr).toContain(`[WARN] Port ${taken} is in use. Falling back to available port ${port}.\n`);
  });

  it('is the same again right after a server has ended', async () => {
    const port = await freePort();
    for (let n = 0; n < 2; n++) {
      const server = serve(['--port', String(port)]);
      await server.printed('listening');
      expect(portIn(server.stdout)).toBe(port);
      expect(await status(port, KEY)).toBe(200);
      server.kill('SIGTERM');
      await server.ended;
    }
  });

  it('is one of the address that was asked for', async () => {
    const server = serve(['--host-bind', '127.0.0.2', '--port', String(await freePort())]);
    await server.printed('listening');
    const port = portIn(server.stdout);
    const headers = { authorization: `Bearer ${KEY}` };
    expect((await fetch(`http://127.0.0.2:${port}/sessions`, { headers })).status).toBe(200);
    await expect(fetch(`http://127.0.0.1:${port}/sessions`, { headers })).rejects.toThrow();
    // An address of documentation, which no machine has.
    const nowhere = await serve(['--host-bind', '192.0.2.1', '--port', String(port)]).ended;
    expect(nowhere).toMatchObject({ code: 1, stdout: '' });
    expect(nowhere.stderr).toMatch(new RegExp(`^\\[ERR\\] cannot listen on 192\\.0\\.2\\.1:${port}`));
  });
});

describe('at a terminal, a port that is taken', () => {
  /** The command at a terminal; both of its outputs are in `stdout`, with the terminal's ends of lines. */
  function atTerminal(port: number): Process {
    const settings = env({ TERM: 'dumb', NO_COLOR: '1' });
    const command = `exec ${process.execPath} ${CLI} serve --port ${port}`;
    return new Process('script', ['-qec', command, '/dev/null'], { cwd: settings.HOME, env: settings, stdin: null });
  }

  async function asked(): Promise<[terminal: Process, port: number]> {
    const port = await takenPort();
    const terminal = atTerminal(port);
    await terminal.printed('Choose [2]: ');
    expect(terminal.stdout).toContain(`[WARN] Port ${port} is already in use.`);
    return [terminal, port];
  }

  it.each(['\r', '2\r'])('is replaced by one that is free: %j', async (answer) => {
    const [terminal, taken] = await asked();
    terminal.type(answer);
    await terminal.printed('listening');
    const port = portIn(terminal.stdout);
    expect(port).not.toBe(taken);
    expect(terminal.stdout).toContain(`[INFO] Using available port ${port}`);
    expect(await status(port, KEY)).toBe(200);
  });

  it('is replaced by what the user says, once that makes sense and is free', async () => {
    const [terminal, taken] = await asked();
    const free = await freePort();
    const times = (what: string, n: number) =>
      until(`\`${what}\`, ${n} times`, 20_000, () => terminal.stdout.split(what).length === n + 1);
    terminal.type('7\r');
    await terminal.printed('[ERR] Invalid selection. Enter 1, 2, or 3.');
    terminal.type('1\r');
    await times('Port: ', 1);
    terminal.type('many\r');
    await terminal.printed('[ERR] Invalid port: many. Expected 1-65535.');
    terminal.type('1\r');
    await times('Port: ', 2);
    terminal.type(`${taken}\r`);
    await times('is already in use.', 2);
    await times('Choose [2]: ', 4);
    terminal.type('1\r');
    await times('Port: ', 3);
    terminal.type(`${free}\r`);
    await terminal.printed(`listening on http://localhost:${free}`);
    expect(await status(free, KEY)).toBe(200);
  });

  it.each([
    ['3', '3\r'],
    ['Ctrl-C', '\u0003'],
    ['the end of the input', '\u0004'],
  ])('is no port at all, if the user wants to leave it: %s', async (_, answer) => {
    const [terminal] = await asked();
    terminal.type(answer);
    const { code, stdout } = await within('the end', 20_000, terminal.ended);
    expect(stdout).toContain('[ERR] Server startup cancelled.');
    expect(code).toBe(1);
  });
});

describe('the database of keys', () => {
  it.each([
    ['~/.isol8/auth.db', ['--auth-db']],
    ['own.db', ['--auth-db', 'own.db']],
  ])('is %s', async (shown, flags) => {
    const home = scratch();
    const server = serve(['--port', String(await freePort()), ...flags], { env: { HOME: home }, cwd: home });
    await server.printed('Auth DB:');
    expect(server.stdout).toBe(
      `${server.stdout.split('\n')[0]}\n       Auth: Bearer token required\n       Auth DB: ${shown}\n`,
    );
    expect(existsSync(join(home, shown.replace('~/', '')))).toBe(true);
  });
});

it('logs requests as JSON, under the ids that clients are told', async () => {
  const server = serve(['--port', String(await freePort())]);
  await server.printed('listening');
  const response = await fetch(`http://127.0.0.1:${portIn(server.stdout)}/sessions?key=secret-of-a-client`, {
    headers: { authorization: `Bearer ${KEY}` },
  });
  await response.json();
  await until('a line', 20_000, () => server.stderr.endsWith('\n'));
  expect(JSON.parse(server.stderr)).toMatchObject({
    message: 'request',
    requestId: response.headers.get('x-request-id'),
    method: 'GET',
    route: '/sessions',
    status: 200,
    durationMs: expect.any(Number),
  });
  expect(server.stderr).not.toMatch(/secret-of-a-client|a-key-of/);
});
