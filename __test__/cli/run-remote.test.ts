/** `isol8 run --host`: the same as on this machine, at a server. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { KEY, type LiveServer, liveServer } from '../support/live-server.js';
import { cli, type Options } from '../support/process.js';
import { scratch } from '../support/scratch.js';
import { web } from '../support/servers.js';
import { until } from '../support/until.js';

let server: LiveServer;

beforeAll(async () => {
  server = await liveServer();
});

/** With a home of its own, so that nobody's key or configuration is found. */
const env = (more: NodeJS.ProcessEnv = {}) => ({ HOME: scratch(), ISOL8_API_KEY: KEY, ...more });

const start = (args: string[], options: Options = {}) =>
  cli(['run', '--host', server.host, ...args], { ...options, env: env(options.env) });

const run = (args: string[], options?: Options) => start(args, options).ended;

const sessions = async () => (await server.client().listSessions()).map(({ id }) => id);

/** The session that a run said it has. */
const sessionIn = (stderr: string) => /^\[INFO\] Session ID: (.+)$/m.exec(stderr)?.[1] ?? '';

describe.each([
  ['streaming', []],
  ['at the end', ['--no-stream']],
])('with output %s', (_, flags) => {
  const remote = (args: string[], options?: Options) => run([...flags, ...args], options);

  it('shows output, and exits as the program does', async () => {
    const outcome = await remote(['-e', 'import sys; print("out"); print("err", file=sys.stderr); sys.exit(42)']);
    expect(outcome).toEqual({ code: 42, stdout: 'out\n', stderr: 'err\n' });
  });

  it('reads programs from stdin, and gives them theirs', async () => {
    expect(await remote([], { stdin: 'print(6 * 7)' })).toEqual({ code: 0, stdout: '42\n', stderr: '' });
    expect((await remote(['--stdin', 'a\nb\n', '--cmd', 'wc -l'])).stdout).toBe('2\n');
  });

  it('masks secrets', async () => {
    const { stdout } = await remote(['--secret', 'KEY=hunter2-hunter2', '--cmd', 'echo $KEY']);
    expect(stdout).toBe('***\n');
  });

  it('kills at the time limit', async () => {
    const { code, stderr } = await remote(['--timeout', '300', '--cmd', 'sleep 10']);
    expect(code).toBe(137);
    expect(stderr).toContain('EXECUTION TIMED OUT');
  });

  it('says when a setup script failed', async () => {
    const { code, stderr } = await remote(['--setup', 'echo no >&2; exit 3', '--cmd', 'echo never']);
    expect(stderr).toContain('Setup script failed (exit code 3)');
    expect(code).toBe(flags.length === 0 ? 3 : 1);
  });

  it('cuts long output', async () => {
    const { stdout } = await remote(['--max-output', '1024', '--cmd', 'yes | head -c 100000']);
    expect(stdout).toContain('--- OUTPUT TRUNCATED (100000 bytes, limit: 1024) ---');
  });

  it('copies what the program printed', async () => {
    const out = join(scratch(), 'out');
    const { stderr } = await remote(['--out', out, '--cmd', 'echo copied']);
    expect(stderr).toBe(`[Run] Output written to ${out}\n`);
    expect((await readFile(out, 'utf8')).trim()).toBe('copied');
  });

  // W33
  it('sends files byte for byte, executable or not (W33)', async () => {
    const directory = join(scratch(), 'project');
    await mkdir(directory);
    const bytes = randomBytes(300_000);
    await writeFile(join(directory, 'data.bin'), bytes);
    await writeFile(join(directory, 'tool.sh'), '#!/bin/sh\nsha256sum data.bin', { mode: 0o755 });
    const { stdout, stderr } = await remote(['--files', directory, '--cmd', './tool.sh']);
    expect(stderr).toBe('');
    expect(stdout).toBe(`${createHash('sha256').update(bytes).digest('hex')}  data.bin\n`);
  });

  it('prints what the program asked of the network', async () => {
    const cmd = 'curl -s -o /dev/null http://blocked.test/; true';
    const { stderr } = await remote(['--net', 'filtered', '--allow', '^nobody$', '--log-network', '--cmd', cmd]);
    const [log] = stderr.split('\n').filter((line) => line.startsWith('{'));
    expect(JSON.parse(log ?? '{}')).toMatchObject({ host: 'blocked.test', action: 'BLOCK' });
    expect(stderr).toMatch(/\[WARN\] The network filter blocked requests to:\n {2}blocked\.test /);
  });

  it('says what the server has against a request', async () => {
    const { code, stdout, stderr } = await remote(['--workdir', '/etc', '--cmd', ':']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^\[ERR\] (Execution failed: )?Working directory must be inside \/sandbox\n$/);
  });

  // W80: the flag had no effect on this side.
  it('tells what is done on this side with --debug, without the key (W80)', async () => {
    const { code, stdout, stderr } = await remote(['--debug', '--cmd', 'echo out']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'out\n' });
    expect(stderr).toContain(`[DEBUG] [Run] server ${server.host}\n`);
    expect(stderr).not.toContain(KEY);
  });

  // W86
  it('keeps a named session, and says its name on stderr (W86, W88)', async () => {
    const id = `named ${randomBytes(4).toString('hex')}/ü`;
    onTestFinished(() => server.client().deleteSession(id));
    const first = await remote(['--session-id', id, '--cmd', 'echo kept > file']);
    expect(first).toEqual({ code: 0, stdout: '', stderr: `[INFO] Session ID: ${id}\n` });
    const second = await remote(['--session-id', id, '--cmd', 'cat file']);
    expect(second).toMatchObject({ code: 0, stdout: 'kept\n' });
    // Not even a run that fails, or is refused, ends it.
    await remote(['--session-id', id, '-r', 'node', '-e', '1']);
    await remote(['--session-id', id, '--timeout', '200', '--cmd', 'sleep 9']);
    expect(await sessions()).toContain(id);
  });

  // W87
  it('has a session of its own with --persistent, which ends with it (W87)', async () => {
    const outcomes = await Promise.all(
      [1, 2, 3].map(() => remote(['--persistent', '--cmd', 'ls -A; echo x > file; exit 3'])),
    );
    const ids = outcomes.map(({ stderr }) => sessionIn(stderr));
    for (const { code, stdout } of outcomes) expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    for (const id of ids) expect(id).toMatch(/^cli-\d{13}-[0-9a-f]{12}$/);
    expect(new Set(ids).size).toBe(3);
    expect((await sessions()).filter((id) => ids.includes(id))).toEqual([]);
  });

  it('ends that session also when the run fails', async () => {
    const { code, stderr } = await remote(['--persistent', '--workdir', '/etc', '--cmd', ':']);
    expect(code).toBe(1);
    expect(await sessions()).not.toContain(sessionIn(stderr));
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends the program on %s, and its session', async (signal, code) => {
    const id = `signal-${randomBytes(4).toString('hex')}`;
    const session = server.client({ sessionId: id });
    onTestFinished(() => session.stop());
    await session.execute({ runtime: 'bash', cmd: ':' });
    const runs = [['--session-id', id], ['--persistent']].map((how) =>
      start([...flags, ...how, '--cmd', 'touch begun; sleep 100; touch ended']),
    );
    const ids = await Promise.all(
      runs.map((child) => until('the session of a run', 10_000, () => sessionIn(child.stderr) || undefined)),
    );
    for (const id of ids) {
      await until('the run to begin', 10_000, () =>
        server
          .client({ sessionId: id })
          .getFile('begun')
          .then(
            () => true,
            () => false,
          ),
      );
    }
    for (const child of runs) child.kill(signal);
    for (const child of runs) expect((await child.ended).code).toBe(code);
    // The next one does not wait for the one that was given up, for which nobody waits.
    const { stdout } = await session.execute({ runtime: 'bash', cmd: 'ls; pgrep sleep', timeoutMs: 5000 });
    expect(stdout).toBe('begun');
    const left = await sessions();
    expect(left).toContain(id);
    expect(left).not.toContain(ids[1]);
  });
});

it('shows output as it arrives', async () => {
  const child = start(['--cmd', 'echo begun; sleep 100']);
  await child.printed('begun');
  child.kill('SIGINT');
  expect((await child.ended).code).toBe(130);
});

it('needs no Docker engine on this machine', async () => {
  const { code, stdout } = await run(['--cmd', 'echo there'], { env: { DOCKER_HOST: 'unix:///nowhere/docker.sock' } });
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'there\n' });
});

describe('the server', () => {
  it('decides on all that neither a flag nor the configuration file says', async () => {
    const asked: any[] = [];
    const fake = await web((request, response) => {
      const chunks: Buffer[] = [];
      request
        .on('data', (chunk) => chunks.push(chunk))
        .on('end', () => {
          asked.push(JSON.parse(Buffer.concat(chunks).toString()));
          response.writeHead(503, { 'retry-after': '7' }).end('{"error":"not now"}');
        });
    });
    const host = `http://127.0.0.1:${fake.port}`;
    const cwd = scratch();
    const ask = (args: string[]) =>
      cli(['run', '--host', host, '--no-stream', ...args, '--cmd', ':'], { cwd, env: env() });

    expect(await ask([]).ended).toEqual({
      code: 1,
      stdout: '',
      stderr: '[ERR] Execution failed: not now\nhint: try again in 7 s\n',
    });
    await writeFile(
      join(cwd, 'isol8.config.json'),
      JSON.stringify({
        defaults: { memoryLimit: '256m', timeoutMs: 5000, network: 'host' },
        network: { blacklist: ['^b$'] },
        security: { seccomp: 'unconfined' },
        audit: { enabled: true },
      }),
    );
    await ask(['--timeout', '1000', '--net=filtered', '--allow', '^a$']).ended;
    expect(asked[0].options).toEqual({ network: 'none', logNetwork: false });
    expect(asked[1].options).toEqual({
      network: 'filtered',
      networkFilter: { whitelist: ['^a$'], blacklist: ['^b$'], ports: null, allowPrivate: null },
      logNetwork: true,
      memoryLimit: '256m',
      timeoutMs: 1000,
    });
  });

  it('has to be there', async () => {
    const { code, stderr } = await cli(['run', '--host', 'http://127.0.0.1:1', '--cmd', ':'], { env: env() }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\[ERR\] Stream failed: could not connect to http:\/\/127\.0\.0\.1:1: .*refused/);
  });

  it('has to be a URL', async () => {
    const { code, stderr } = await cli(['run', '--host', 'localhost:3000', '--cmd', ':'], { env: env() }).ended;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: '[ERR] Invalid value for --host: localhost:3000 (expected a URL such as http://localhost:3000)\n',
    });
  });
});

describe('the key', () => {
  it('is needed', async () => {
    const { code, stderr } = await run(['--cmd', ':'], { env: { ISOL8_API_KEY: undefined } });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: '[ERR] API key required. Use --key, ISOL8_API_KEY env var, or `isol8 login`.\n',
    });
  });

  it('has to be a good one', async () => {
    for (const [flags, what] of [
      [[], 'Stream'],
      [['--no-stream'], 'Execution'],
    ] as const) {
      const { code, stderr } = await run([...flags, '--key', 'wrong', '--cmd', ':']);
      expect({ code, stderr }).toEqual({ code: 1, stderr: `[ERR] ${what} failed: Invalid API key\n` });
    }
  });

  it('can be in a file, and never shows', async () => {
    const path = join(scratch(), 'key');
    await writeFile(path, `${KEY}\n`);
    const flags = ['--key-file', path, '--debug', '--cmd', 'echo let in'];
    const { code, stdout, stderr } = await run(flags, { env: { ISOL8_API_KEY: undefined } });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'let in\n' });
    expect(stderr).toContain('[DEBUG]');
    expect(stderr).not.toContain(KEY);
  });

  it('has no effect without a server', async () => {
    const { code, stderr } = await cli(['run', '--key', 'some', '--cmd', ':'], { env: env() }).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '[WARN] --key has no effect without --host\n' });
  });
});

it('names of sessions are for servers', async () => {
  const { code, stderr } = await cli(['run', '--session-id', 'a', '--cmd', ':'], { env: env() }).ended;
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: '[ERR] --session-id requires --host (remote server). Session IDs are managed by the server.\n',
  });
});
