/** `isol8-server`: the same server as a program of its own, without Node.js. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { VERSION } from 'isol8';
import { beforeAll, expect, it } from 'vitest';
import { bash, Caller, eventsOf } from '../support/caller.js';
import { containersOf } from '../support/docker.js';
import { ROOT } from '../support/paths.js';
import { type Options, Process } from '../support/process.js';
import { scratch } from '../support/scratch.js';
import { within } from '../support/until.js';

const KEY = 'the-key-of-a-program';

let program: string;

// Built already by what comes before these tests; this says where it is. By itself it takes a while.
beforeAll(async () => {
  const args = ['build', '--locked', '--bin', 'isol8-server', '--message-format', 'json', '--quiet'];
  const { stdout } = await promisify(execFile)('cargo', args, { cwd: ROOT, maxBuffer: 64 << 20 });
  const messages = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  program = messages.find(({ executable }) => executable)?.executable;
}, 20 * 60_000);

/** Nothing but what a test says. */
const start = (args: string[], { env, ...options }: Options = {}) => {
  const home = scratch();
  const settings = { HOME: home, ISOL8_API_KEY: KEY, ISOL8_PORT: undefined, PORT: undefined, ...env };
  return new Process(program, args, { cwd: home, ...options, env: settings });
};

/** One that listens where nobody else does. */
async function listening(args: string[] = [], options: Options = {}): Promise<[server: Process, host: string]> {
  for (let attempt = 0; ; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = start(['--host-bind', '127.0.0.1', '--port', String(port), ...args], options);
    try {
      await server.printed('listening');
      return [server, `http://127.0.0.1:${port}`];
    } catch (error) {
      if (attempt === 5 || !server.stderr.includes('is in use')) throw error;
    }
  }
}

it('runs code for others, and ends in order', async () => {
  const home = scratch();
  writeFileSync(
    join(home, 'isol8.config.json'),
    JSON.stringify({ server: { limits: { memoryLimit: '256m' } }, maxConcurrnt: 1 }),
  );
  const [server, host] = await listening(['--auth-db', 'keys.db'], { cwd: home, env: { HOME: home } });
  expect(server.stdout).toBe(
    `[INFO] isol8 server v${VERSION} listening on http://localhost:${new URL(host).port}\n` +
      '       Auth: Bearer token required\n       Auth DB: keys.db\n',
  );
  expect(server.stderr).toMatch(
    /^\[WARN\] .*isol8\.config\.json: unknown key "maxConcurrnt" \(did you mean "maxConcurrent"\?\)\n/,
  );
  const master = new Caller(host, KEY);
  const [, { key }] = await master.answer('POST', '/auth/keys', { name: 'one', tenantId: 'one' });
  const caller = new Caller(host, key);
  expect(await caller.run('echo kept | tee file', 'a-session')).toMatchObject([200, { stdout: 'kept' }]);
  expect(await eventsOf(await caller.ask('POST', '/execute/stream', bash('cat file', 'a-session')))).toMatchObject([
    { data: 'kept\n' },
    { type: 'exit', data: '0' },
  ]);
  const greedy = { ...bash(':'), options: { memoryLimit: '1g' } };
  expect(await caller.answer('POST', '/execute', greedy)).toMatchObject([403, { code: 'FORBIDDEN' }]);
  expect(await new Caller(host, 'wrong').answer('GET', '/sessions')).toMatchObject([403, {}]);

  const last = caller.run('sleep 0.5; echo done');
  while ((await master.load()).running === 0);
  server.kill('SIGTERM');
  expect(await last).toMatchObject([200, { stdout: 'done' }]);
  expect(await within('the end', 20_000, server.ended)).toMatchObject({ code: 0 });
  expect(await containersOf(server.pid)).toEqual([]);
});

it('takes its key from a file, too', async () => {
  const file = join(scratch(), 'key');
  writeFileSync(file, 'of-the-file\n');
  const [, host] = await listening(['--key-file', file], { env: { ISOL8_API_KEY: undefined } });
  expect((await new Caller(host, 'of-the-file').answer('GET', '/sessions'))[0]).toBe(200);
});

it('ends at once when it is asked twice', async () => {
  const [server, host] = await listening();
  const caller = new Caller(host, KEY);
  caller.start('sleep 1000');
  while ((await caller.load()).running === 0);
  server.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 300));
  server.kill('SIGINT');
  expect(await within('the end', 5_000, server.ended)).toMatchObject({ code: 1 });
});

it('says what is wrong, and asks nobody', async () => {
  const [, host] = await listening();
  const { port } = new URL(host);
  expect(await start(['--host-bind', '127.0.0.1', '--port', port]).ended).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(new RegExp(`^\\[ERR\\] port ${port} is in use`)),
  });
  const failures: [string[], string][] = [
    [['--port', 'x'], 'Invalid port from --port: x. Expected 1-65535.'],
    [['--key', 'secret'], "unknown option '--key'"],
    [['--key-file', 'nowhere'], 'Cannot read a key from nowhere: No such file or directory (os error 2)'],
  ];
  for (const [args, message] of failures) {
    expect(await start(args).ended).toEqual({ code: 1, stdout: '', stderr: `[ERR] ${message}\n` });
  }
  expect(await start([], { env: { ISOL8_API_KEY: '' } }).ended).toMatchObject({
    code: 1,
    stderr: '[ERR] API key required. Use --key-file or ISOL8_API_KEY env var.\n',
  });
});

it('knows its version and its flags', async () => {
  expect(await start(['--version']).ended).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
  const { code, stdout } = await start(['-h']).ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Usage: isol8-server \[options\]\n/);
});
