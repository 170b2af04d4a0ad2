/** `isol8 run` in a project that has a configuration: what it takes from there, and what it does not. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Machine, machine } from '../support/config.js';
import { containersOf, inspect } from '../support/docker.js';
import { cli, type Ended, type Options, type Process } from '../support/process.js';
import { within } from '../support/until.js';

/** The command in a machine's project. */
function start({ project, home }: Machine, args: string[], options: Options = {}): Process {
  return cli(['run', ...args], { cwd: project, env: { HOME: home }, ...options });
}

const run = (here: Machine, ...args: string[]): Promise<Ended> => start(here, args).ended;

/** What the Docker engine was asked for, of a run with these flags. */
async function hostConfigOf(here: Machine, ...flags: string[]): Promise<any> {
  const child = start(here, [...flags, '--cmd', 'echo up; sleep 60']);
  await child.printed('up');
  const [container = ''] = await containersOf(child.pid);
  const { HostConfig } = await inspect(container);
  child.kill('SIGINT');
  await child.ended;
  return HostConfig;
}

// W52, W82: the security section was ignored.
describe('security (W52, W82)', () => {
  const MKDIR = 'mkdir made 2>&1; grep ^Seccomp: /proc/self/status';

  it('is strict by default', async () => {
    expect((await run(machine(), '--cmd', MKDIR)).stdout).toBe('Seccomp:\t2\n');
    expect((await run(machine(), '--cmd', 'setarch --addr-no-randomize echo ran')).stdout).toBe('');
  });

  it('can be a profile, found beside the configuration', async () => {
    const here = machine();
    here.inProject({ security: { seccomp: 'custom', customProfilePath: 'profile.json' } });
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
    };
    await writeFile(join(here.project, 'profile.json'), JSON.stringify(profile));
    const { stdout } = await run(here, '--cmd', MKDIR);
    expect(stdout).toMatch(/^mkdir: cannot create directory .made.: Operation not permitted\nSeccomp:\t2\n$/);
  });

  it('that is not there lets nothing run', async () => {
    const here = machine();
    here.inProject({ security: { seccomp: 'custom', customProfilePath: 'profile.json' } });
    const { code, stdout, stderr } = await run(here, '--cmd', 'echo ran');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(join(here.project, 'profile.json'));
  });

  it('can be switched off', async () => {
    const here = machine();
    here.inProject({ security: { seccomp: 'unconfined' } });
    // What the strict profile refuses. A filter there is in any case: the guest's own.
    expect((await run(here, '--cmd', 'setarch --addr-no-randomize echo ran')).stdout).toBe('ran\n');
  });

  it('can be an OCI runtime', async () => {
    const here = machine();
    here.inProject({ security: { runtime: 'isol8-no-such' } });
    const { code, stdout, stderr } = await run(here, '--cmd', 'echo ran');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^\[ERR\] .*isol8-no-such/);
  });
});

// W82: of the defaults, only some were read.
describe('defaults (W82)', () => {
  const DEFAULTS = { memoryLimit: '96m', cpuLimit: 0.5, sandboxSize: '16m', tmpSize: '8m', readonlyRootFs: false };
  const SIZES = 'df --output=size --block-size=1M /sandbox /tmp | tail -n 2 | xargs';

  it('are the limits of a run', async () => {
    const here = machine();
    here.inProject({ defaults: DEFAULTS });
    expect(await hostConfigOf(here)).toMatchObject({ Memory: 96 << 20, NanoCpus: 5e8, ReadonlyRootfs: false });
    expect((await run(here, '--cmd', SIZES)).stdout).toBe('16 8\n');
  });

  it('give way to flags', async () => {
    const here = machine();
    here.inProject({ defaults: DEFAULTS });
    expect(await hostConfigOf(here, '--memory', '64m', '--cpu=0.25')).toMatchObject({
      Memory: 64 << 20,
      NanoCpus: 2.5e8,
    });
    expect((await run(here, '--sandbox-size', '4m', '--tmp-size=2m', '--cmd', SIZES)).stdout).toBe('4 2\n');
  });

  it('make --writable the way to a writable root only where they do not', async () => {
    const here = machine();
    here.inProject({ defaults: { readonlyRootFs: true } });
    expect(await hostConfigOf(here)).toMatchObject({ ReadonlyRootfs: true });
    expect(await hostConfigOf(here, '--writable')).toMatchObject({ ReadonlyRootfs: false });
  });

  it('are the time limit of a run, unless a flag is', async () => {
    const here = machine();
    here.inProject({ defaults: { timeoutMs: 300 } });
    expect(await run(here, '--cmd', 'sleep 60')).toMatchObject({ code: 137, stderr: '[ERR] EXECUTION TIMED OUT\n' });
    expect(await run(here, '--timeout', '30000', '--cmd', 'sleep 0.6')).toMatchObject({ code: 0, stderr: '' });
  });

  // C7: what they say of the network is for servers.
  it.each(['host', 'filtered'])('give a run no network (%s)', async (network) => {
    const here = machine();
    here.inProject({ defaults: { network } });
    expect(await hostConfigOf(here)).toMatchObject({ NetworkMode: 'none' });
    expect((await run(here, '--cmd', 'ls /sys/class/net')).stdout).toBe('lo\n');
  });
});

it("is the user's where the project has none, and never both", async () => {
  const here = machine();
  here.inHome({ defaults: { sandboxSize: '16m', tmpSize: '8m' } });
  const sizes = () => run(here, '--cmd', 'df --output=size --block-size=1M /sandbox /tmp | tail -n 2 | xargs');
  expect((await sizes()).stdout).toBe('16 8\n');
  here.inProject({ defaults: { tmpSize: '4m' } });
  expect((await sizes()).stdout).toBe('512 4\n');
});

// W97: what the parser said reached the user as it was, or nothing did.
describe('a configuration with a mistake (W97)', () => {
  it('lets nothing run, nor wait for standard input', async () => {
    const here = machine();
    const file = here.inProject({ defaults: { timeoutMs: 'soon' } });
    for (const args of [['--cmd', 'echo ran', '--out', 'out'], []]) {
      expect(await within('the end', 5000, start(here, args, { stdin: null }).ended)).toEqual({
        code: 1,
        stdout: '',
        stderr: `[ERR] Invalid config ${file}: defaults.timeoutMs: expected a whole number from 1 to 2147483647, found a string\n`,
      });
    }
    expect(existsSync(join(here.project, 'out'))).toBe(false);
  });

  it('in the name of a key is a warning', async () => {
    const here = machine();
    const file = here.inProject({ defaults: { timeoutMS: 1 } });
    expect(await run(here, '--cmd', 'echo ran')).toEqual({
      code: 0,
      stdout: 'ran\n',
      stderr: `[WARN] ${file}: unknown key "defaults.timeoutMS" (did you mean "timeoutMs"?)\n`,
    });
  });
});

// W77: such lines were mixed with the program's output.
describe('debug lines (W77)', () => {
  it.each([
    ['the configuration', { debug: true }, []],
    ['a flag', {}, ['--debug']],
  ])('are said on stderr, and there only, when %s asks for them', async (_, config, flags) => {
    const here = machine();
    const file = here.inProject(config);
    for (const mode of [[], ['--no-stream']]) {
      const { code, stdout, stderr } = await run(here, ...flags, ...mode, '--cmd', 'echo out');
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'out\n' });
      const lines = stderr.trimEnd().split('\n');
      expect(lines.filter((line) => !line.startsWith('[DEBUG] ['))).toEqual([]);
      expect(lines).toContain(`[DEBUG] [Config] read ${file}`);
      expect(lines.join('\n')).toMatch(/\[DEBUG\] \[Run\] .*\n(.*\n)*\[DEBUG\] \[Pool\]|\[DEBUG\] \[Engine\]/);
    }
  });

  it('are not there otherwise', async () => {
    const here = machine();
    here.inProject({ debug: false });
    expect(await run(here, '--cmd', 'echo out')).toEqual({ code: 0, stdout: 'out\n', stderr: '' });
  });
});
