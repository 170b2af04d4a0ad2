/** What the caller decides about what holds user code: honoured, or refused before anything runs. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DockerIsol8, type DockerIsol8Options } from 'isol8';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containersOf, inspect } from '../support/docker.js';
import { ONE_SANDBOX, ownEngine } from '../support/engine.js';
import { ROOT } from '../support/paths.js';

let directory: string;
let withoutMkdir: string;

interface Profile {
  syscalls: { names: string[]; action: string }[];
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isol8-test-'));
  withoutMkdir = join(directory, 'without-mkdir.json');
  const profile: Profile = JSON.parse(await readFile(join(ROOT, 'seccomp/strict.json'), 'utf8'));
  const isLeft = (name: string) => name !== 'mkdir' && name !== 'mkdirat';
  const syscalls = profile.syscalls.map((rule) => ({ ...rule, names: rule.names.filter(isLeft) }));
  await writeFile(withoutMkdir, JSON.stringify({ ...profile, syscalls }));
});
afterAll(() => rm(directory, { recursive: true }));

const custom = (customProfilePath: string): DockerIsol8Options => ({
  security: { seccomp: 'custom', customProfilePath },
});

const securityOptions = async (container: string): Promise<string[]> =>
  (await inspect(container)).HostConfig.SecurityOpt;

it('a profile of the caller’s own decides on system calls', async () => {
  const engine = ownEngine(custom(withoutMkdir));
  const code = `
import os
try: os.mkdir("/sandbox/made")
except OSError as error: print(error.errno, os.path.exists("/sandbox/made"))`;
  const { stdout, stderr, containerId } = await engine.execute({ runtime: 'python', code });
  expect({ stdout, stderr }).toEqual({ stdout: '1 False', stderr: '' });
  expect(await securityOptions(containerId)).toContain('no-new-privileges');
});

it('without a profile there is the filter of the guest’s own, and privileges still cannot be gained', async () => {
  const engine = ownEngine({ security: { seccomp: 'unconfined' } });
  const { stdout, containerId } = await engine.execute({
    runtime: 'bash',
    code: 'grep -E "^(Seccomp|NoNewPrivs|CapEff):" /proc/self/status',
  });
  expect(stdout.split('\n').map((line) => line.split('\t')[1])).toEqual(['0000000000000000', '1', '2']);
  expect((await securityOptions(containerId)).sort()).toEqual(['no-new-privileges', 'seccomp=unconfined']);
});

// W38: sandboxes were not cleaned between runs unless the profile was the strict one.
it.each<[string, () => DockerIsol8Options]>([
  ['unconfined', () => ({ security: { seccomp: 'unconfined' } })],
  ['custom', () => custom(withoutMkdir)],
])('sandboxes are as new for each run (%s)', async (_, options) => {
  const engine = ownEngine({ ...ONE_SANDBOX, ...options() });
  const plant =
    'echo x > /sandbox/left; echo x > /tmp/left; echo x > /dev/shm/left; setsid sleep 98765 > /dev/null 2>&1 &';
  const first = await engine.execute({ runtime: 'bash', code: plant });
  const look = 'ls -A /sandbox /tmp /dev/shm; cat /proc/[0-9]*/cmdline | tr "\\0" " "';
  const { stdout, containerId } = await engine.execute({ runtime: 'bash', cmd: look });
  expect(stdout).not.toContain('left');
  expect(stdout).not.toContain('98765');
  expect(containerId).toBe(first.containerId);
});

describe('a profile that cannot be used keeps everything from running', () => {
  it.each([
    ['is missing', undefined, /No such file/],
    ['is no JSON', '{ "defaultAction": ', /not JSON/],
    ['is no profile', '{"syscalls": []}', /defaultAction/],
    ['is empty', '', /not JSON/],
    ['is endless', `{"defaultAction": "SCMP_ACT_ALLOW"}${' '.repeat(1 << 20)}`, /longer than/],
  ])('it %s', async (name, content, reason) => {
    const path = join(directory, name);
    if (content !== undefined) await writeFile(path, content);
    const engine = ownEngine(custom(path));
    const calls = [
      () => engine.execute({ runtime: 'bash', code: ':' }),
      () => engine.executeStream({ runtime: 'bash', code: ':' }).next(),
      () => engine.start({ prewarm: true }),
    ];
    for (const call of calls) {
      const error = await call().then(
        () => undefined,
        (error) => error,
      );
      expect(error).toMatchObject({ code: 'SECCOMP_PROFILE', message: expect.stringMatching(reason) });
      expect(error.message.startsWith(`Failed to load custom seccomp profile at ${path}: `)).toBe(true);
    }
    expect(await containersOf(process.pid)).toEqual([]);
  });

  // Somebody waits for ever where nobody writes to a pipe.
  it.each(['a pipe', 'a directory'])('it is %s', async (name) => {
    const path = join(directory, name);
    if (name === 'a pipe') execFileSync('mkfifo', [path]);
    else await mkdir(path);
    await expect(ownEngine(custom(path)).execute({ runtime: 'bash', code: ':' })).rejects.toMatchObject({
      code: 'SECCOMP_PROFILE',
      message: `Failed to load custom seccomp profile at ${path}: not a regular file`,
    });
  });

  it('it makes no sense to Docker', async () => {
    const path = join(directory, 'nonsense');
    await writeFile(path, '{"defaultAction": "SCMP_ACT_NONSENSE"}');
    await expect(ownEngine(custom(path)).execute({ runtime: 'bash', code: ':' })).rejects.toMatchObject({
      code: 'SANDBOX_START_FAILED',
      message: expect.stringContaining('SCMP_ACT_NONSENSE'),
    });
    expect(await containersOf(process.pid)).toEqual([]);
  });
});

describe('OCI runtimes', () => {
  it('that Docker knows can be chosen', async () => {
    const engine = ownEngine({ security: { runtime: 'runc' } });
    const { stdout, containerId } = await engine.execute({ runtime: 'bash', code: 'echo hello' });
    expect(stdout).toBe('hello');
    expect((await inspect(containerId)).HostConfig.Runtime).toBe('runc');
  });

  it('that it does not know are refused, with those that it does', async () => {
    const engine = ownEngine({ security: { runtime: 'nothing-of-the-kind' } });
    await expect(engine.execute({ runtime: 'bash', code: ':' })).rejects.toMatchObject({
      code: 'UNKNOWN_OCI_RUNTIME',
      message: expect.stringMatching(
        /^Docker does not know the OCI runtime "nothing-of-the-kind" \(security\.runtime\)\. Available: .*\brunc\b/,
      ),
    });
    expect(await containersOf(process.pid)).toEqual([]);
  });
});

// W51: `custom` without a path quietly meant `strict`.
it.each([
  [{ seccomp: 'custom' }, 'customProfilePath'],
  [{ seccomp: 'custom', customProfilePath: '' }, 'customProfilePath'],
  [{ seccomp: 'lax' }, 'seccomp'],
  [{ seccomp: '' }, 'seccomp'],
  [{ seccomp: 1 }, 'seccomp'],
  [{ seccomp: 'custom', customProfilePath: 7 }, 'customProfilePath'],
  [{ runtime: '' }, 'runtime'],
  [{ runtime: 'a b' }, 'runtime'],
  [{ runtime: 7 }, 'runtime'],
  ['strict', 'security'],
])('%o is refused when the engine is made', (security, name) => {
  const make = () => new DockerIsol8({ security: security as never });
  expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining(name) }));
});
