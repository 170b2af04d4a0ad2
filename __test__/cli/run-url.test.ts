/** `isol8 run` of code at a URL: the flags, the policy of the configuration, and what is remembered between runs. */
import { createHash } from 'node:crypto';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RemoteCodePolicy } from 'isol8';
import { describe, expect, it } from 'vitest';
import { codeAt, LOOPBACK } from '../support/code.js';
import { type Machine, machine } from '../support/config.js';
import { cli, type Ended, type Process } from '../support/process.js';
import { raw, secureWeb } from '../support/servers.js';
import { until, within } from '../support/until.js';

const HELLO = 'print("hello")\n';
const HASH = createHash('sha256').update(HELLO).digest('hex');

let count = 0;
const site = await codeAt({
  '/hello.py': HELLO,
  '/dir.py/seven.sh': 'echo seven; exit 7',
  '/common.cjs': 'console.log(typeof require, __filename)',
  '/hello': HELLO,
  '/count.py': (_, response) => response.end(`print(${count++})`),
  '/silent.py': () => {},
});

/** A machine whose configuration says this of remote code. */
function allowing(remoteCode: Partial<RemoteCodePolicy> = LOOPBACK): Machine {
  const here = machine();
  here.inProject({ remoteCode });
  return here;
}

function start({ project, home }: Machine, args: string[], env: NodeJS.ProcessEnv = {}): Process {
  return cli(['run', ...args], { cwd: project, env: { HOME: home, XDG_CACHE_HOME: undefined, ...env } });
}

const run = (here: Machine, ...args: string[]): Promise<Ended> => start(here, args).ended;

/** Flags for code at a path of the server. */
const at = (path: string): string[] => ['--url', site.url(path), '--allow-insecure-code-url'];

const failed = (message: string): Ended => ({ code: 1, stdout: '', stderr: `[ERR] ${message}\n` });

const BOGUS = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };

/** Of a run that comes to nothing before Docker is asked for anything. */
const refused = (here: Machine, ...args: string[]): Promise<Ended> => start(here, args, BOGUS).ended;

describe('the code at a URL', () => {
  it('is run by the runtime of its extension', async () => {
    const here = allowing();
    expect(await run(here, ...at('/hello.py'))).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
    expect(await run(here, ...at('/dir.py/seven.sh'))).toEqual({ code: 7, stdout: 'seven\n', stderr: '' });
    expect(await run(here, '--no-stream', ...at('/common.cjs'))).toMatchObject({
      stdout: 'function /sandbox/main.cjs\n',
    });
  });

  // W84.
  it('is run by another one if that is said, and by none if it cannot be told', async () => {
    const here = allowing();
    expect(await run(here, ...at('/hello'), '-r', 'python')).toMatchObject({ code: 0, stdout: 'hello\n' });
    const unknown = failed('Cannot detect runtime from URL path. Use --runtime to specify.');
    expect(await refused(here, ...at('/hello'))).toEqual(unknown);
    expect(await refused(here, ...at('/dir.py/'))).toEqual(unknown);
  });

  it('has the hash that is expected', async () => {
    const here = allowing();
    for (const hash of [HASH, HASH.toUpperCase()]) {
      expect(await run(here, ...at('/hello.py'), '--hash', hash)).toMatchObject({ code: 0, stdout: 'hello\n' });
    }
    expect(await refused(here, ...at('/hello.py'), '--hash', HASH.replace(/^./, 'x'))).toEqual(
      failed('Remote code hash mismatch'),
    );
    expect(await refused(here, '--hash', HASH, '-e', HELLO)).toEqual(failed('--hash needs --url, --github or --gist.'));
    const strict = allowing({ ...LOOPBACK, requireHash: true });
    expect(await refused(strict, ...at('/hello.py'))).toEqual(
      failed('Hash verification required: provide codeHash for remote code execution.'),
    );
  });

  it('is given up with the run', async () => {
    const asked = site.asked.length;
    const child = start(allowing(), at('/silent.py'));
    await until('the request for the code', 10_000, () => site.asked.length > asked);
    child.kill('SIGINT');
    expect(await within('the end of the run', 5000, child.ended)).toMatchObject({ code: 130, stdout: '' });
  });
});

describe('the policy', () => {
  it('is that nothing is fetched, unless the configuration says otherwise', async () => {
    const message = 'Remote code fetching is disabled. Set remoteCode.enabled=true to allow it.';
    for (const place of [at('/hello.py'), ['--github', 'a/b/main/c.py'], ['--gist', '12ab/c.py']]) {
      expect(await refused(machine(), ...place)).toEqual(failed(message));
    }
  });

  // C33.
  it('lets code come without TLS if the flag says so, too', async () => {
    const insecure = 'Insecure code URL blocked. Use allowInsecureCodeUrl=true to allow HTTP.';
    expect(await refused(allowing(), '--url', site.url('/hello.py'))).toEqual(failed(insecure));
    const only = allowing({ ...LOOPBACK, allowedSchemes: ['https'] });
    expect(await refused(only, ...at('/hello.py'))).toEqual(failed('URL scheme not allowed: http'));
  });

  it('blocks this machine and its network by default', async () => {
    const here = allowing({ enabled: true });
    for (const host of ['localhost', '127.0.0.1', '10.0.0.1', '169.254.169.254', '100.64.0.1']) {
      expect(await refused(here, '--url', `https://${host}/a.py`)).toEqual(failed(`Blocked code URL host: ${host}`));
    }
  });

  it('decides on what the shorthands stand for', async () => {
    const here = allowing({ enabled: true, blockedHosts: ['githubusercontent'] });
    expect(await refused(here, '--github', 'a/b/main/c.py')).toEqual(
      failed('Blocked code URL host: raw.githubusercontent.com'),
    );
    expect(await refused(here, '--gist', '12ab/c.py')).toEqual(
      failed('Blocked code URL host: gist.githubusercontent.com'),
    );
  });
});

it.each([
  [
    ['--cmd', 'ls', '--url', 'https://example.com/a.py'],
    '--cmd cannot be combined with file input, --eval, --url, --github, or --gist.',
  ],
  [['--cmd', 'ls', '--gist', 'a/b'], '--cmd cannot be combined with file input, --eval, --url, --github, or --gist.'],
  [['--url', 'https://example.com/a.py', '-e', '1'], '--url/--github/--gist cannot be used with file input or --eval.'],
  [['--github', 'a/b/c/d.py', 'file.py'], '--url/--github/--gist cannot be used with file input or --eval.'],
  [['--github', 'a/b/c'], '--github format must be owner/repo/ref/path/to/file'],
  [['--gist', 'a'], '--gist format must be gistId/file.ext'],
  [['--url', 'nonsense'], 'Invalid code URL: nonsense'],
  [['--url', 'https://example.com/a.py', '--gist', 'a/b'], '--url, --github and --gist cannot be combined.'],
])('%j is refused: %s', async (args, message) => {
  expect(await refused(machine(), ...args)).toEqual(failed(message));
});

describe('code over TLS', () => {
  it('comes from whom this machine trusts, ISOL8_EXTRA_CA_FILE included', async () => {
    const secure = await secureWeb((_, response) => response.end(HELLO));
    const here = allowing();
    const certificate = join(here.project, 'certificate.pem');
    writeFileSync(certificate, secure.certificate);
    const args = ['--url', `https://127.0.0.1:${secure.port}/hello.py`];

    const stranger = await start(here, args, { ...BOGUS, ISOL8_EXTRA_CA_FILE: undefined }).ended;
    expect(stranger.stderr).toMatch(/^\[ERR\] Failed to fetch remote code: could not agree on TLS with 127\.0\.0\.1: /);
    expect(secure.asked).toEqual([]);

    // By its name, so that the image is not built anew for that authority.
    const trusting = await start(here, [...args, '--image', 'isol8:python'], { ISOL8_EXTRA_CA_FILE: certificate })
      .ended;
    expect(trusting).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
    const empty = await start(here, args, { ...BOGUS, ISOL8_EXTRA_CA_FILE: join(here.project, 'isol8.config.json') })
      .ended;
    expect(empty.stderr).toMatch(/^\[ERR\] could not use the certificates in .*: it holds no PEM certificate\n$/);
  });
});

it('a proxy in the environment is not used: it would resolve names itself', async () => {
  const proxy = await raw('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nprint(0)');
  const url = `http://127.0.0.1:${proxy.port}`;
  const env = { HTTP_PROXY: url, http_proxy: url, HTTPS_PROXY: url, https_proxy: url, ALL_PROXY: url };
  expect(await start(allowing(), at('/hello.py'), env).ended).toMatchObject({ code: 0, stdout: 'hello\n' });
  expect(proxy.heard).toEqual([]);
});

// W130: options for a cache existed without a cache.
describe('W130: what was fetched', () => {
  it('is remembered for later runs, where only the user can look', async () => {
    const here = allowing({ ...LOOPBACK, enableCache: true });
    const [first, second] = [await run(here, ...at('/count.py')), await run(here, ...at('/count.py'))];
    expect(second).toEqual(first);
    const folder = join(here.home, '.cache/isol8/code');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const files = readdirSync(folder);
    expect(files.map((file) => statSync(join(folder, file)).mode & 0o777)).toEqual([0o600]);

    // A place that the environment names is another one.
    const elsewhere = { XDG_CACHE_HOME: join(here.home, 'elsewhere') };
    expect((await start(here, at('/count.py'), elsewhere).ended).stdout).not.toBe(first.stdout);
    expect(readdirSync(join(here.home, 'elsewhere/isol8/code'))).toEqual(files);

    // It is no way around the policy, and none around a hash.
    here.inProject({ remoteCode: { ...LOOPBACK, blockedHosts: ['^127'] } });
    expect(await refused(here, ...at('/count.py'))).toEqual(failed('Blocked code URL host: 127.0.0.1'));
    here.inProject({ remoteCode: { ...LOOPBACK, enableCache: true } });
    expect(await refused(here, ...at('/count.py'), '--hash', HASH)).toEqual(failed('Remote code hash mismatch'));
    expect((await run(here, ...at('/count.py'))).stdout).toBe(first.stdout);
  });

  it.each([{ enableCache: false }, { enableCache: true, cacheTtl: 0 }])('is not with %j', async (how) => {
    const here = allowing({ ...LOOPBACK, ...how });
    const [first, second] = [await run(here, ...at('/count.py')), await run(here, ...at('/count.py'))];
    expect(second.stdout).not.toBe(first.stdout);
    expect(readdirSync(here.home)).not.toContain('.cache');
  });
});
