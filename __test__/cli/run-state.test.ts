/** `isol8 run`: what is prepared for the program, and what is left of it. */
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { containersOf, docker, inspect, noContainersOf } from '../support/docker.js';
import { cli, type Options } from '../support/process.js';
import { scratch } from '../support/scratch.js';

const run = (args: string[], options?: Options) => cli(['run', ...args], options).ended;

describe.each([
  ['streaming', []],
  ['at the end', ['--no-stream']],
])('--setup, with output %s', (_, flags) => {
  const isStreaming = flags.length === 0;

  it('is run first, and what it prints is none of the program’s output', async () => {
    const out = join(scratch(), 'out');
    const setup = 'echo ready > state; echo setup out; sleep 0.2; echo setup err >&2';
    const { code, stdout, stderr } = await run([...flags, '--setup', setup, '--cmd', 'cat state', '--out', out]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ready\n' });
    const printed = isStreaming ? 'setup out\nsetup err\n' : '';
    expect(stderr).toBe(`${printed}[Run] Output written to ${out}\n`);
    expect(await readFile(out, 'utf8')).toBe(isStreaming ? 'ready\n' : 'ready');
  });

  it('can be several, in order, and files', async () => {
    const file = join(scratch(), 'prepare.sh');
    await writeFile(file, 'greet() { echo "$1" >> log; }\ngreet two');
    const setups = ['--setup', 'echo one > log', `--setup=${file}`, '--setup', 'greet three'];
    const { code, stdout } = await run([...flags, ...setups, '-r', 'python', '--cmd', 'cat log']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'one\ntwo\nthree\n' });
  });

  it('that fails keeps the program from being run', async () => {
    const outcome = await run([...flags, '--setup', 'echo no good >&2; exit 4', '--cmd', 'echo never']);
    expect(outcome).toEqual(
      isStreaming
        ? { code: 4, stdout: '', stderr: 'no good\n[ERR] Setup script failed (exit code 4)\n' }
        : { code: 1, stdout: '', stderr: '[ERR] Setup script failed (exit code 4): no good\n' },
    );
  });

  it('sees secrets, which nobody reads in its output', async () => {
    const setup = ['--secret', 'KEY=hunter2-hunter2', '--setup', 'echo "it is $KEY" >&2; test -n "$KEY"; exit 3'];
    const { stderr } = await run([...flags, ...setup, '--cmd', ':']);
    expect(stderr).toContain('it is ***');
    expect(stderr).not.toContain('hunter2');
  });
});

describe('--files', () => {
  /** A project with what is to be sent and what is not. */
  async function project(): Promise<string> {
    const directory = join(scratch(), 'my-project');
    const files = {
      'tool.sh': '#!/bin/sh\necho works',
      'lib/data.bin': Buffer.from([0, 255, 10, 13]),
      'venv/x': '',
      'lib/node_modules/x': '',
    };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), content);
    }
    await chmod(join(directory, 'tool.sh'), 0o755);
    await symlink('/etc/hostname', join(directory, 'link'));
    return directory;
  }

  const LIST = 'find . -type f -not -path "./main*" -not -path "./.isol8*" -printf "%P %m\\n" | sort';

  it('is in /sandbox: regular files, byte for byte, executable or not', async () => {
    const flags = ['--files', await project()];
    expect((await run([...flags, '--cmd', LIST])).stdout).toBe('lib/data.bin 644\ntool.sh 755\n');
    expect((await run([...flags, '--cmd', 'od -An -tu1 lib/data.bin; ./tool.sh'])).stdout).toBe(
      '   0 255  10  13\nworks\n',
    );
  });

  // C24
  it('is where the program is to run, if that is a directory of its name (C24)', async () => {
    const directory = await project();
    const workdir = `/sandbox/${basename(directory)}`;
    const flags = ['--files', directory, '--workdir', workdir];
    expect((await run([...flags, '--cmd', './tool.sh; pwd'])).stdout).toBe(`works\n${workdir}\n`);
    await mkdir(join(directory, 'my-project'));
    expect((await run([...flags, '--cmd', 'ls ..'])).stdout).toBe('lib\nmy-project\ntool.sh\n');
  });

  it('belongs to the program', async () => {
    const { stdout } = await run([
      '--files',
      await project(),
      '--cmd',
      'stat -c "%U %a" tool.sh; rm tool.sh && echo gone',
    ]);
    expect(stdout).toBe('sandbox 755\ngone\n');
  });

  it('is there before --setup', async () => {
    const { stdout } = await run([
      '--files',
      await project(),
      '--setup',
      './tool.sh > setup.log',
      '--cmd',
      'cat setup.log',
    ]);
    expect(stdout).toBe('works\n');
  });

  it('may be empty', async () => {
    expect(await run(['--files', scratch(), '--cmd', 'echo ran'])).toEqual({ code: 0, stdout: 'ran\n', stderr: '' });
  });

  it.each(['nowhere', 'file'])('that is no directory is refused: %s', async (name) => {
    const path = join(scratch(), name);
    if (name === 'file') await writeFile(path, '');
    expect(await run(['--files', path, '--cmd', 'echo ran'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `[ERR] --files path is not a directory: ${path}\n`,
    });
  });
});

describe('containers', () => {
  it.each([[[]], [['--no-stream']]])('of --persistent runs go with them: %j', async (flags) => {
    const child = cli(['run', '--persistent', ...flags, '--cmd', 'echo x > /sandbox/file; cat /sandbox/file; exit 3']);
    expect(await child.ended).toEqual({ code: 3, stdout: 'x\n', stderr: '' });
    await noContainersOf(child.pid, 500);
  });

  it('of --persistent runs share nothing', async () => {
    await run(['--persistent', '--cmd', 'touch /sandbox/left']);
    expect((await run(['--persistent', '--cmd', 'ls -A /sandbox'])).stdout).toBe('');
  });

  // C6
  it.each([[[]], [['--no-stream']], [['--persistent']]])('are left running by --persist (C6): %j', async (flags) => {
    const child = cli(['run', '--persist', ...flags, '--cmd', 'echo here > /sandbox/file; exit 3']);
    expect(await child.ended).toMatchObject({ code: 3, stderr: '' });
    const [container = '', ...others] = await containersOf(child.pid);
    onTestFinished(async () => {
      await docker(['rm', '--force', container]);
    });
    expect(others).toEqual([]);
    // Which engines of other processes respect.
    await run(['--cmd', ':']);
    expect((await inspect(container)).State.Running).toBe(true);
    expect(await docker(['exec', container, 'cat', '/sandbox/file'])).toBe('here');
  });
});

it('--session-id is for servers', async () => {
  expect(await run(['--session-id', 'mine', '--cmd', 'echo ran'])).toEqual({
    code: 1,
    stdout: '',
    stderr: '[ERR] --session-id requires --host (remote server). Session IDs are managed by the server.\n',
  });
});
